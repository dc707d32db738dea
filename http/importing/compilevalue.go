package importing

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crm/domain"
)

// resolve says what a name stands for: a value of the mapping, else a column of
// the file.
func (c *compiler) resolve(name string) (*reference, error) {
	if _, named := c.specs[name]; named {
		v, err := c.compileValue(name)
		return &reference{value: v}, err
	}
	c.section.columns = append(c.section.columns, []string{name})
	return &reference{column: name}, nil
}

func (c *compiler) compileValue(name string) (*value, error) {
	if v := c.done[name]; v != nil {
		return v, nil
	}
	spec := c.specs[name]
	if slices.Contains(c.busy, name) {
		return nil, errorAt(spec.at, "the values %s refer to each other in a circle", strings.Join(append(c.busy, name), " → "))
	}
	c.busy = append(c.busy, name)
	defer func() { c.busy = c.busy[:len(c.busy)-1] }()
	v := &value{valueSpec: spec, name: name, kind: kind(spec.Type), plan: c.plan}
	if err := c.fill(v); err != nil {
		return nil, errorAt(spec.at, "value %s: %v", name, err)
	}
	v.index = len(c.done)
	c.done[name] = v
	return v, nil
}

func (c *compiler) fill(v *value) (err error) {
	if v.kind == "" {
		v.kind = asText
	}
	if len(v.Column) == 0 && len(v.Text) == 0 {
		return fmt.Errorf("it has neither a column nor a text")
	}
	if len(v.Column) > 0 && !v.Optional {
		c.section.columns = append(c.section.columns, v.Column)
	}
	for _, text := range v.Text {
		t, err := parseTemplate(text, c.resolve)
		if err != nil {
			return err
		}
		v.templates = append(v.templates, t)
	}
	if v.Map.name != "" {
		named, ok := c.maps[v.Map.name]
		if !ok {
			return fmt.Errorf("there is no map %q", v.Map.name)
		}
		v.Map = named
	}
	if v.zone, err = zoneNamed(v.Zone, c.section.zone); err != nil {
		return err
	}
	if v.Decimal == "" && v.Thousands == "" {
		v.Decimal, v.Thousands = c.section.Decimal, c.section.Thousands
	}
	if v.Ref != "" {
		v.kind = asID
	}
	switch v.kind {
	case asText, asNumber, asInteger, asEmail, asPhone, asID:
	case asMoney:
		if v.Currency == "" {
			return fmt.Errorf("money needs a currency")
		}
		if v.currency, err = parseTemplate(v.Currency, c.resolve); err != nil {
			return err
		}
		if !v.currency.refers() && !domain.Currency(v.Currency).Valid() {
			return fmt.Errorf("%q is not an ISO 4217 currency", v.Currency)
		}
	case asBoolean:
		if len(v.Yes) == 0 {
			v.Yes = texts{"yes", "true", "y", "t", "1", "on"}
		}
		if len(v.No) == 0 {
			v.No = texts{"no", "false", "n", "f", "0", "off"}
		}
	case asDate, asDatetime:
		return c.fillDates(v)
	default:
		return fmt.Errorf("%q is not a type; the types are text, number, integer, boolean, date, datetime, money, email and phone", v.Type)
	}
	return nil
}

func (c *compiler) fillDates(v *value) error {
	if len(v.Dates) == 0 {
		v.Dates = c.section.Dates
	}
	if len(v.Dates) == 0 {
		v.Dates = usualDates
		if v.kind == asDatetime {
			v.Dates = usualDatetimes
		}
	}
	for _, format := range v.Dates {
		l, err := layout(format)
		if err != nil {
			return err
		}
		v.layouts = append(v.layouts, l)
	}
	return nil
}

func zoneNamed(name string, otherwise *time.Location) (*time.Location, error) {
	if name == "" {
		return otherwise, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("zone: %q is not a time zone such as Europe/Berlin", name)
	}
	return zone, nil
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
