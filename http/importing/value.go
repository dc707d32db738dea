package importing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"crm/domain"
)

// kind is what a value is, and so how it stands in a body.
type kind string

const (
	asText     kind = "text"
	asNumber   kind = "number"
	asInteger  kind = "integer"
	asBoolean  kind = "boolean"
	asDate     kind = "date"
	asDatetime kind = "datetime"
	asMoney    kind = "money"
	asEmail    kind = "email"
	asPhone    kind = "phone"
	asID       kind = "id" // of a value with ref
)

// result is a value of one row. Blank is an empty text.
type result struct {
	kind  kind
	text  string       // canonical: "1054.5", "true", "2017-03-01", a UUID
	money domain.Money // of asMoney
	id    uuid.UUID    // of asID
}

func (r result) blank() bool { return r.text == "" }

// value is a [valueSpec] ready to be evaluated.
type value struct {
	valueSpec
	name      string
	index     int // in the memory of a scope
	kind      kind
	templates []*template
	currency  *template
	layouts   []string
	zone      *time.Location
	plan      *Plan
}

// scope is one row, or one item of a list in it, while it becomes commands.
type scope struct {
	record *record
	blank  []string // what counts as blank in this file
	each   string   // the list whose item this is
	item   fields
	known  []*result // values evaluated so far
}

func (s *scope) column(name string) string {
	text := ""
	if list, field, found := strings.Cut(name, "."); found && s.each != "" && list == s.each {
		text = s.item[field]
	} else {
		text = s.record.text(name)
	}
	if text = trim(text); slices.Contains(s.blank, text) {
		return ""
	}
	return text
}

// of is the value in the scope, computed once.
func (v *value) of(s *scope) (result, error) {
	if known := s.known[v.index]; known != nil {
		return *known, nil
	}
	found, err := v.evaluate(s)
	if err != nil {
		return result{}, err
	}
	s.known[v.index] = &found
	return found, nil
}

// evaluate takes the first text that is not blank through blank, map or
// otherwise, default, one_of and type, in this order.
func (v *value) evaluate(s *scope) (result, error) {
	text, err := v.first(s)
	if err != nil {
		return result{}, err
	}
	if slices.Contains(v.Blank, text) {
		text = ""
	}
	mapped, known := v.Map.texts[text]
	switch {
	case text == "":
	case known:
		text = mapped
	case v.Otherwise != nil:
		text = *v.Otherwise
	}
	if text == "" && v.Default != nil {
		text = *v.Default
	}
	switch {
	case text == "":
		return result{kind: v.kind}, nil
	case len(v.OneOf) > 0 && !slices.Contains(v.OneOf, text):
		return result{}, fmt.Errorf("%s: %q is not one of %s", v.name, text, strings.Join(v.OneOf, ", "))
	case strings.IndexByte(text, 0) >= 0:
		return result{}, fmt.Errorf("%s: the text holds a NUL byte", v.name)
	}
	converted, err := v.convert(text, s)
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", v.name, err)
	}
	return converted, nil
}

func (v *value) first(s *scope) (string, error) {
	for _, column := range v.Column {
		if text := s.column(column); text != "" {
			return text, nil
		}
	}
	for _, t := range v.templates {
		found, err := t.of(s)
		if err != nil || !found.blank() {
			return found.text, err
		}
	}
	return "", nil
}

func (v *value) convert(text string, s *scope) (result, error) {
	if v.Ref != "" {
		id := v.plan.id(v.Ref, text)
		return result{kind: asID, text: id.String(), id: id}, nil
	}
	switch v.kind {
	case asNumber, asInteger:
		text, err := v.number(text)
		return result{kind: v.kind, text: text}, err
	case asMoney:
		return v.money(text, s)
	case asBoolean:
		return v.boolean(text)
	case asDate, asDatetime:
		return v.instant(text)
	case asEmail:
		name, host, found := strings.Cut(text, "@")
		if !found || name == "" || host == "" || strings.ContainsAny(text, " \t\n") {
			return result{}, fmt.Errorf("%q is not an e-mail address", text)
		}
	case asPhone:
		if strings.Count(strings.Map(digitsOnly, text), "0") < 3 {
			return result{}, fmt.Errorf("%q is not a phone number", text)
		}
	default:
	}
	return result{kind: v.kind, text: text}, nil
}

// digitsOnly makes every digit a 0 and drops the rest.
func digitsOnly(r rune) rune {
	if r >= '0' && r <= '9' {
		return '0'
	}
	return -1
}

func (v *value) number(text string) (string, error) {
	number, err := plainDecimal(text, v.Decimal, v.Thousands)
	if err != nil {
		return "", err
	}
	if v.Times != 0 {
		number = times(number, v.Times)
	}
	if v.kind == asInteger && strings.Contains(number, ".") {
		return "", fmt.Errorf("%q is not a whole number", text)
	}
	return number, nil
}

func (v *value) money(text string, s *scope) (result, error) {
	currency, err := v.currency.of(s)
	if err != nil {
		return result{}, err
	}
	number, err := v.number(strings.Trim(text, "$€£¥₹"+blanks))
	if err != nil {
		return result{}, err
	}
	amount, err := domain.ParseMoney(number, domain.Currency(strings.ToUpper(currency.text)))
	return result{kind: asMoney, text: number, money: amount}, err
}

func (v *value) boolean(text string) (result, error) {
	is := func(words texts) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, text) })
	}
	switch {
	case is(v.Yes):
		return result{kind: asBoolean, text: "true"}, nil
	case is(v.No):
		return result{kind: asBoolean, text: "false"}, nil
	}
	return result{}, fmt.Errorf("%q is neither %s nor %s", text, strings.Join(v.Yes, ", "), strings.Join(v.No, ", "))
}

func (v *value) instant(text string) (result, error) {
	for i, layout := range v.layouts {
		t, err := time.ParseInLocation(layout, text, v.zone)
		switch {
		case err != nil && i == len(v.layouts)-1:
			return result{}, fmt.Errorf("%q is not a %s of the form %s", text, v.kind, strings.Join(v.Dates, " or "))
		case err != nil:
		case t.Year() < 1:
			return result{}, fmt.Errorf("%q is no year that can be", text)
		case v.kind == asDate:
			return result{kind: asDate, text: t.Format(time.DateOnly)}, nil
		default:
			return result{kind: asDatetime, text: rfc3339(t)}, nil
		}
	}
	panic("importing: a date value without layouts")
}

// rfc3339 is an instant as the API takes it: UTC, to the microsecond.
func rfc3339(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00") }

// midnight is when a day begins in a zone.
func midnight(day string, zone *time.Location) (string, error) {
	t, err := time.ParseInLocation(time.DateOnly, day, zone)
	return rfc3339(t), err
}
