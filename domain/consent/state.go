package consent

import "time"

// State is a customer's consents folded from their history.
type State struct{ Answers map[Key]Answer }

// Answer is where one consent stands.
type Answer struct {
	Status    Status
	Confirmed bool // by double opt-in
	Objected  bool // the customer has objected, and has not consented since
	Evidence  Evidence
}

// StatusAt is the status at an instant. A grant whose time is over is expired,
// also where nobody has said so yet.
func (a Answer) StatusAt(at time.Time) Status {
	if a.Status == StatusGranted && !a.Evidence.ExpiresAt.IsZero() && !at.Before(a.Evidence.ExpiresAt) {
		return StatusExpired
	}
	return a.Status
}

// Permits reports whether the answer allows its purpose at an instant.
func (a Answer) Permits(at time.Time) bool { return a.StatusAt(at) == StatusGranted }

// Status says how a consent stands. The zero value is a consent never asked for.
type Status string

// The statuses. Only StatusGranted permits.
const (
	StatusRequested Status = "requested"
	StatusGranted   Status = "granted"
	StatusWithdrawn Status = "withdrawn"
	StatusObjected  Status = "objected"
	StatusExpired   Status = "expired"
)

func initial() State { return State{Answers: map[Key]Answer{}} }

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Requested:
		s.Answers[e.Key] = Answer{Status: StatusRequested, Evidence: e.Evidence, Objected: s.Answers[e.Key].Objected}
	case Confirmed:
		answer := s.Answers[e.Key]
		answer.Status, answer.Confirmed, answer.Objected = StatusGranted, true, false
		if e.Proof != "" {
			answer.Evidence.Proof = e.Proof
		}
		s.Answers[e.Key] = answer
	case Granted:
		objected := s.Answers[e.Key].Objected && e.Evidence.LegalBasis != ByConsent
		s.Answers[e.Key] = Answer{Status: StatusGranted, Evidence: e.Evidence, Objected: objected}
	case Withdrawn:
		s.end(e.Key, StatusWithdrawn)
	case Objected:
		s.end(e.Key, StatusObjected)
	case Expired:
		s.end(e.Key, StatusExpired)
	}
	return s
}

// end keeps the evidence: what was once granted must stay provable.
func (s State) end(key Key, status Status) {
	answer := s.Answers[key]
	answer.Status = status
	answer.Objected = answer.Objected || status == StatusObjected
	s.Answers[key] = answer
}
