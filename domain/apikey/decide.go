package apikey

import (
	"cmp"

	"crm/domain"
)

// Decider is the API key.
var Decider = domain.Decider[State, Command, Event]{
	Initial: func() State { return State{} },
	Decide:  decide,
	Evolve:  evolve,
}

// The refusals of an API key.
var (
	ErrUnknown       = &domain.Error{Code: domain.NotFound, Slug: "key-unknown", Detail: "There is no such API key."}
	ErrAlreadyIssued = &domain.Error{Code: domain.Conflict, Slug: "key-already-issued", Detail: "A key of this name was issued already. A name stands for one key for ever, also when it is revoked, since the history names it; take another."}
	ErrRevoked       = &domain.Error{Code: domain.Conflict, Slug: "key-revoked", Detail: "The key is revoked, which is for ever. Issue another."}
)

func decide(s State, command Command) ([]Event, error) {
	if _, issues := command.(Issue); !issues && !s.Issued() {
		return nil, ErrUnknown
	}
	switch c := command.(type) {
	case Issue:
		return issue(s, c)
	case Rotate:
		return rotate(s, c)
	case ChangeTerms:
		return changeTerms(s, c)
	case Revoke:
		if s.Revoked {
			return nil, nil
		}
		return []Event{Revoked{}}, nil
	}
	panic("apikey: command without a decision: " + command.CommandName())
}

func issue(s State, c Issue) ([]Event, error) {
	if s.Issued() {
		return nil, ErrAlreadyIssued
	}
	if err := cmp.Or(CheckName(c.Name), c.Terms.valid(), ends(c.Terms.ExpiresAt, c.Now), c.Secret.valid()); err != nil {
		return nil, err
	}
	return []Event{Issued{Name: c.Name, Terms: c.Terms, Secret: c.Secret}}, nil
}

func rotate(s State, c Rotate) ([]Event, error) {
	if s.Revoked {
		return nil, ErrRevoked
	}
	if err := c.Secret.valid(); err != nil {
		return nil, err
	}
	if c.Secret == s.Secret {
		return nil, nil
	}
	if !c.FormerUntil.IsZero() {
		switch overlap := c.FormerUntil.Sub(c.Now); {
		case overlap <= 0:
			return nil, domain.ErrInvalid.At("/former_until", "The instant is over already. Leave it out to end the former secret now.")
		case overlap > MaxOverlap:
			return nil, domain.ErrInvalid.At("/former_until", "A former secret may stay good for 30 days at most.")
		}
	}
	return []Event{Rotated{Secret: c.Secret, FormerUntil: c.FormerUntil}}, nil
}

func changeTerms(s State, c ChangeTerms) ([]Event, error) {
	if s.Revoked {
		return nil, ErrRevoked
	}
	needed, changed, err := TermFields.Needed(s.Terms, c.Patch)
	if err != nil || !changed {
		return nil, err
	}
	if err := cmp.Or(TermFields.Apply(s.Terms, needed).valid(), ends(needed.Set.ExpiresAt, c.Now)); err != nil {
		return nil, err
	}
	return []Event{TermsChanged{needed}}, nil
}
