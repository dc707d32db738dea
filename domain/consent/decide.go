package consent

import (
	"cmp"
	"time"

	"crm/domain"
)

// Decider is a customer's consents.
var Decider = domain.Decider[State, Command, Event]{Initial: initial, Decide: decide, Evolve: evolve}

// The refusals of a consent.
var (
	ErrMissing      = &domain.Error{Code: domain.Conflict, Slug: "consent-missing", Detail: "The customer has given no such consent."}
	ErrObjected     = &domain.Error{Code: domain.Conflict, Slug: "consent-objected", Detail: "The customer has objected. Only their own consent, a contract, a law or a vital interest overrides that."}
	ErrNotRequested = &domain.Error{Code: domain.Conflict, Slug: "consent-not-requested", Detail: "The consent was not requested, so it cannot be confirmed."}
)

func decide(s State, command Command) ([]Event, error) {
	switch c := command.(type) {
	case Request:
		return request(s, c)
	case Confirm:
		return confirm(s, c)
	case Grant:
		return grant(s, c)
	case Withdraw:
		return withdraw(s, c)
	case Object:
		return object(s, c)
	case Expire:
		return expire(s, c)
	}
	panic("consent: command without a decision: " + command.CommandName())
}

func request(s State, c Request) ([]Event, error) {
	evidence, err := checked(c.Key, c.Evidence)
	switch {
	case err != nil:
		return nil, err
	case evidence.LegalBasis != ByConsent:
		return nil, domain.ErrInvalid.At("/legal_basis", "Only consent is requested; other bases are granted.")
	}
	switch known := s.Answers[c.Key]; {
	case known.Status == StatusGranted: // there is nothing left to ask
		return nil, nil
	case known.Status == StatusRequested && known.Evidence == evidence:
		return nil, nil
	}
	return []Event{Requested{Key: c.Key, Evidence: evidence}}, nil
}

func confirm(s State, c Confirm) ([]Event, error) {
	if err := cmp.Or(c.valid(), domain.CheckText("/proof", c.Proof, domain.LongText)); err != nil {
		return nil, err
	}
	switch known := s.Answers[c.Key]; {
	case known.Status == StatusGranted && known.Confirmed:
		return nil, nil
	case known.Status != StatusRequested:
		return nil, ErrNotRequested
	}
	return []Event{Confirmed(c)}, nil
}

func grant(s State, c Grant) ([]Event, error) {
	evidence, err := checked(c.Key, c.Evidence)
	if err != nil {
		return nil, err
	}
	switch known := s.Answers[c.Key]; {
	case known.Status == StatusGranted && known.Evidence == evidence:
		return nil, nil
	case known.Objected && evidence.LegalBasis.endsWithObjection():
		return nil, ErrObjected
	}
	return []Event{Granted{Key: c.Key, Evidence: evidence}}, nil
}

func withdraw(s State, c Withdraw) ([]Event, error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	switch s.Answers[c.Key].Status {
	case "":
		return nil, ErrMissing
	case StatusWithdrawn, StatusObjected:
		return nil, nil
	default:
		return []Event{Withdrawn(c)}, nil
	}
}

func object(s State, c Object) ([]Event, error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	if s.Answers[c.Key].Status == StatusObjected {
		return nil, nil
	}
	return []Event{Objected(c)}, nil
}

func expire(s State, c Expire) ([]Event, error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	switch s.Answers[c.Key].Status {
	case "":
		return nil, ErrMissing
	case StatusRequested, StatusGranted:
		return []Event{Expired(c)}, nil
	default: // it permits nothing any more
		return nil, nil
	}
}

// checked is the evidence in the form that is stored, so that equal evidence
// compares equal.
func checked(key Key, evidence Evidence) (Evidence, error) {
	if evidence.LegalBasis == "" {
		evidence.LegalBasis = ByConsent
	}
	evidence.ExpiresAt = evidence.ExpiresAt.UTC().Truncate(time.Microsecond)
	return evidence, cmp.Or(key.valid(), evidence.valid())
}
