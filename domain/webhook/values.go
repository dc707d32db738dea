package webhook

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm/domain"
)

// Details are what is known of an endpoint.
type Details struct {
	// URL is where events are sent to.
	URL string `json:"url"`
	// Categories are those whose events it wants to hear of: "deal".
	Categories []string `json:"categories,omitempty"`
	// Types are the events that it wants to hear of besides: "customer.registered".
	Types []string `json:"types,omitempty"`
	// Description is what it is for.
	Description string `json:"description,omitempty"`
}

// MaxOverlap is how long a former secret may stay in force.
const MaxOverlap = 30 * 24 * time.Hour

// How much an endpoint may name.
const (
	MaxCategories = 20
	MaxTypes      = 100
)

// DetailFields are the details that a patch may name.
var DetailFields = domain.Fields[Details]{
	domain.FieldOf("url", func(d *Details) *string { return &d.URL }),
	domain.ListField("categories", func(d *Details) *[]string { return &d.Categories }),
	domain.ListField("types", func(d *Details) *[]string { return &d.Types }),
	domain.FieldOf("description", func(d *Details) *string { return &d.Description }),
}

// Wants reports whether the endpoint wants to hear of events of that type.
func (d Details) Wants(eventType string) bool {
	category, _, _ := strings.Cut(eventType, ".")
	if len(d.Categories)+len(d.Types) == 0 {
		return category != "webhook"
	}
	return slices.Contains(d.Categories, category) || slices.Contains(d.Types, eventType)
}

// An address names a host and no user: what is before an @ would be a secret in the log.
var address = regexp.MustCompile(`^https?://[^\s/?#@\\]+([/?][^\s#]*)?$`)

func (d Details) valid() error {
	if !address.MatchString(d.URL) {
		return domain.ErrInvalid.At("/url", "An address looks like https://example.com/hooks, without a user, a password or a fragment.")
	}
	if len(d.Categories) > MaxCategories {
		return domain.ErrInvalid.At("/categories", "There are at most %d categories.", MaxCategories)
	}
	if len(d.Types) > MaxTypes {
		return domain.ErrInvalid.At("/types", "There are at most %d types.", MaxTypes)
	}
	for i, category := range d.Categories {
		if !slices.Contains(domain.Categories, category) {
			return domain.ErrInvalid.At("/categories/"+strconv.Itoa(i), "Categories are %s.", strings.Join(domain.Categories, ", "))
		}
	}
	for i, eventType := range d.Types {
		if category, name, _ := strings.Cut(eventType, "."); !slices.Contains(domain.Categories, category) || !snake.MatchString(name) {
			return domain.ErrInvalid.At("/types/"+strconv.Itoa(i), "A type looks like deal.won.")
		}
	}
	return DetailFields.Check(d)
}

var snake = regexp.MustCompile(`^[a-z][a-z_]*$`)

// Fingerprint is a hash of a secret, which tells it from others and nothing of it.
type Fingerprint string

var sixteenDigits = regexp.MustCompile(`^[0-9a-f]{16}$`)

func (f Fingerprint) valid() error {
	if !sixteenDigits.MatchString(string(f)) {
		return domain.ErrInvalid.At("/secret", "A fingerprint is 16 hexadecimal digits.")
	}
	return nil
}

// Reason is why an endpoint was disabled.
type Reason string

// The reasons.
const (
	Gone    Reason = "gone"    // it answered 410
	Failing Reason = "failing" // nothing was delivered for days
)

func (r Reason) valid() error {
	if r != Gone && r != Failing {
		return domain.ErrInvalid.At("/reason", "An endpoint is disabled because it is gone or failing.")
	}
	return nil
}
