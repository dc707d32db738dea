package consent

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"crm/domain"
)

// Key says what a consent is for: one purpose over one channel. A customer has
// one answer for each.
type Key struct {
	Purpose string  `json:"purpose"` // a slug: "newsletter"
	Channel Channel `json:"channel"`
}

// String is the key as an id in a path: "newsletter:email".
func (k Key) String() string { return k.Purpose + ":" + string(k.Channel) }

// ParseKey reads what [Key.String] wrote.
func ParseKey(text string) (Key, error) {
	purpose, channel, _ := strings.Cut(text, ":")
	key := Key{Purpose: purpose, Channel: Channel(channel)}
	if key.valid() != nil {
		return Key{}, errors.New("a consent is named by its purpose and channel, as in newsletter:email")
	}
	return key, nil
}

// Channel is the way over which the purpose is pursued. Consent for one never
// covers another (BGH I ZR 164/09).
type Channel string

// The channels.
const (
	Email     Channel = "email"
	Phone     Channel = "phone"
	SMS       Channel = "sms"
	Post      Channel = "post"
	Messaging Channel = "messaging"
	Social    Channel = "social"
	Web       Channel = "web"
)

// LegalBasis is one of the six of GDPR Art. 6(1).
type LegalBasis string

// The legal bases.
const (
	ByConsent            LegalBasis = "consent"
	ByContract           LegalBasis = "contract"
	ByLegalObligation    LegalBasis = "legal_obligation"
	ByVitalInterest      LegalBasis = "vital_interest"
	ByPublicTask         LegalBasis = "public_task"
	ByLegitimateInterest LegalBasis = "legitimate_interest"
)

// endsWithObjection reports whether the customer may object to the basis (GDPR
// Art. 21(1)).
func (b LegalBasis) endsWithObjection() bool {
	return b == ByPublicTask || b == ByLegitimateInterest
}

// Evidence is what proves a consent: on which wording and basis, where it was
// captured, for which contact point, and until when it holds.
type Evidence struct {
	LegalBasis     LegalBasis            `json:"legal_basis"` // default ByConsent
	WordingVersion string                `json:"wording_version,omitempty"`
	WordingHash    string                `json:"wording_hash,omitempty"` // of the text shown, hexadecimal
	CaptureSource  string                `json:"capture_source,omitempty"`
	ContactPoint   domain.ContactPointID `json:"contact_point,omitzero"`
	Proof          domain.Personal       `json:"proof,omitempty"`
	ExpiresAt      time.Time             `json:"expires_at,omitzero"`
}

// valid is also that of the commands, which embed their key.
func (k Key) valid() error {
	if !domain.IsSlug(k.Purpose) {
		return domain.ErrInvalid.At("/purpose", "A purpose is 1 to 64 of a-z, 0-9, _ and -.")
	}
	switch k.Channel {
	case Email, Phone, SMS, Post, Messaging, Social, Web:
		return nil
	}
	return domain.ErrInvalid.At("/channel", "%q is not a channel.", string(k.Channel))
}

func (e Evidence) valid() error {
	switch e.LegalBasis {
	case ByConsent, ByContract, ByLegalObligation, ByVitalInterest, ByPublicTask, ByLegitimateInterest:
	default:
		return domain.ErrInvalid.At("/legal_basis", "%q is not a legal basis of GDPR Art. 6(1).", string(e.LegalBasis))
	}
	switch year := e.ExpiresAt.Year(); {
	case !isHexadecimal(e.WordingHash):
		return domain.ErrInvalid.At("/wording_hash", "A hash is at most 128 hexadecimal digits.")
	case year < 1 || year > 9999:
		return domain.ErrInvalid.At("/expires_at", "The instant lies outside the years 1 to 9999.")
	}
	return cmp.Or(
		domain.CheckText("/wording_version", e.WordingVersion, domain.ShortText),
		domain.CheckText("/capture_source", e.CaptureSource, domain.ShortText),
		domain.CheckText("/proof", e.Proof, domain.LongText),
	)
}

func isHexadecimal(text string) bool {
	return len(text) <= 128 && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}
