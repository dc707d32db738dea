package apikey

import (
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"crm/domain"
)

// Role says what a key may do. What each may is the table of the room that asks who
// is asking, which has one more, for keys that are not issued; here is only what they
// are called.
type Role string

// The roles.
const (
	Reader    Role = "reader"
	Sales     Role = "sales"
	Marketing Role = "marketing"
	Service   Role = "service"
	Analyst   Role = "analyst"
	Auditor   Role = "auditor"
	Admin     Role = "admin"
)

// Roles are all roles.
var Roles = []Role{Reader, Sales, Marketing, Service, Analyst, Auditor, Admin}

// Terms are on what a key lets in.
type Terms struct {
	Role Role `json:"role,omitempty"` // every key has one
	// Scope is the employee to whose customers and deals the key is confined; zero:
	// all.
	Scope domain.EmployeeID `json:"scope,omitzero"`
	// Masked hides personal data also where the role would see it.
	Masked bool `json:"masked,omitempty"`
	// ExpiresAt is from when on the key lets nobody in; zero: never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// RateLimit is how many requests a second are answered; 0: as many as the
	// installation grants to every key.
	RateLimit int `json:"rate_limit,omitempty"`
}

// TermFields are the terms that a patch may name.
var TermFields = domain.Fields[Terms]{
	domain.FieldOf("role", func(t *Terms) *Role { return &t.Role }),
	domain.FieldOf("scope", func(t *Terms) *domain.EmployeeID { return &t.Scope }),
	domain.FieldOf("masked", func(t *Terms) *bool { return &t.Masked }),
	domain.FieldOf("expires_at", func(t *Terms) *time.Time { return &t.ExpiresAt }),
	domain.FieldOf("rate_limit", func(t *Terms) *int { return &t.RateLimit }),
}

const (
	// MaxRateLimit is the highest rate limit that a key may have, in requests a second.
	MaxRateLimit = 1_000_000
	// MaxOverlap is how long a former secret may stay good.
	MaxOverlap = 30 * 24 * time.Hour
)

func (t Terms) valid() error {
	switch {
	case !slices.Contains(Roles, t.Role):
		return domain.ErrInvalid.At("/role", "A key has one of the roles %v.", Roles)
	case t.Role == Admin && !t.Scope.IsZero():
		return domain.ErrInvalid.At("/scope", "An admin's key has no scope: it could issue itself a key without.")
	case t.Role == Admin && t.Masked:
		return domain.ErrInvalid.At("/masked", "An admin's key hides nothing: it could issue itself a key that does not.")
	case t.RateLimit < 0 || t.RateLimit > MaxRateLimit:
		return domain.ErrInvalid.At("/rate_limit", "A rate limit is 1 to %d requests a second.", MaxRateLimit)
	}
	return nil
}

// ends refuses an expiry that is over already.
func ends(expiry, now time.Time) error {
	switch {
	case expiry.IsZero() || expiry.After(now) && expiry.Year() <= 9999:
		return nil
	case expiry.Year() > 9999:
		return domain.ErrInvalid.At("/expires_at", "The instant lies outside the years 1 to 9999.")
	}
	return domain.ErrInvalid.At("/expires_at", "The instant is over already. Revoke the key to end it now.")
}

// Digest is the SHA-256 of a secret as 64 hexadecimal digits in lower case.
type Digest string

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (d Digest) valid() error {
	if !digest.MatchString(string(d)) {
		return domain.ErrInvalid.At("/secret_sha256", "A digest is 64 hexadecimal digits in lower case.")
	}
	return nil
}

var named = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

// CheckName refuses with [domain.ErrInvalid] what no key may be called.
func CheckName(name string) error {
	if !named.MatchString(name) {
		return domain.ErrInvalid.At("/name", "A key's name is 1 to 64 of a-z, 0-9, dot, hyphen and underscore, and begins and ends with a letter or digit.")
	}
	if name == "crm" { // the actor of what the program does by itself
		return domain.ErrInvalid.At("/name", "The name crm is the program's own.")
	}
	return nil
}

// ID is the id of the key of that name.
func ID(name string) domain.APIKeyID {
	return domain.APIKeyID{UUID: uuid.NewSHA1(domain.Namespace, []byte("apikey/"+name))}
}
