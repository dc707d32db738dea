package apikey

import "time"

// State is a key folded from its history.
type State struct {
	Name    string // "": there is none
	Terms   Terms
	Revoked bool
	// Secret is the current one, Former the one before, which is good until
	// FormerUntil.
	Secret      Digest
	Former      Digest
	FormerUntil time.Time
}

// Issued reports whether there is such a key.
func (s State) Issued() bool { return s.Name != "" }

// Live reports whether the key lets anybody in.
func (s State) Live(now time.Time) bool {
	return s.Issued() && !s.Revoked && (s.Terms.ExpiresAt.IsZero() || now.Before(s.Terms.ExpiresAt))
}

// Secrets are the digests of the secrets that are good, the current one first; ""
// where there is none.
func (s State) Secrets(now time.Time) (current, former Digest) {
	if !s.Live(now) {
		return "", ""
	}
	if now.Before(s.FormerUntil) {
		former = s.Former
	}
	return s.Secret, former
}

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Issued:
		s.Name, s.Terms, s.Secret = e.Name, e.Terms, e.Secret
	case Rotated:
		s.Former, s.FormerUntil, s.Secret = s.Secret, e.FormerUntil, e.Secret
	case TermsChanged:
		s.Terms = TermFields.Apply(s.Terms, e.Patch)
	case Revoked:
		s.Revoked = true
	}
	return s
}
