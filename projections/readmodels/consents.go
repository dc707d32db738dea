package readmodels

import (
	_ "embed"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/consent"
	"crm/projections"
)

// Consents is the register of consents: one row for each customer, purpose and
// channel that was ever spoken of.
type Consents struct {
	db    projections.Querier
	scope scope
}

//go:embed consents.sql
var consentsSQL string

// Name is the read model's name and the schema of its tables.
func (Consents) Name() string { return "consents" }

// Version changes with the tables or what is written into them.
func (Consents) Version() int { return 3 }

// Schema is its tables and indexes.
func (Consents) Schema() projections.Schema {
	return projections.ParseSchema(consentsSQL).Remembering(consents)
}

// Handles are all events of consents.
func (Consents) Handles() []string { return consentEvents }

var consentEvents = typesOf[consent.Event](consent.Requested{}, consent.Confirmed{}, consent.Granted{},
	consent.Withdrawn{}, consent.Objected{}, consent.Expired{})

var consents = projections.NewVersioned[consentKey, consentRow]("consents", "customer_id", "purpose", "channel").BegunByAny()

// Apply folds one event.
func (Consents) Apply(w *projections.Writer, e domain.Recorded) error {
	event, ok := e.Event.(consent.Event)
	if !ok {
		return nil
	}
	id, err := subject(e)
	if err != nil {
		return err
	}
	about := keyOf(event)
	at, eventID, position, revision := e.Meta.OccurredAt, e.ID, int64(e.Position.Commit), int64(e.Revision)
	consents.Change(w, consentKey{id, about.Purpose, about.Channel}, e, func(row *consentRow) {
		s := consent.State{Answers: map[consent.Key]consent.Answer{about: row.answer()}}
		row.take(consent.Decider.Evolve(s, event).Answers[about])
		row.Since, row.EventID = at, eventID
		row.Position, row.Revision = position, revision
	})
	return nil
}

func keyOf(event consent.Event) consent.Key {
	switch e := event.(type) {
	case consent.Requested:
		return e.Key
	case consent.Confirmed:
		return e.Key
	case consent.Granted:
		return e.Key
	case consent.Withdrawn:
		return e.Key
	case consent.Objected:
		return e.Key
	case consent.Expired:
		return e.Key
	}
	panic("readmodels: consent event without a key: " + event.EventType())
}

type consentKey struct {
	CustomerID uuid.UUID       `db:"customer_id"`
	Purpose    string          `db:"purpose"`
	Channel    consent.Channel `db:"channel"`
}

// consentRow is a consent.Answer in columns, with the event it rests on.
type consentRow struct {
	consentKey
	Status         consent.Status         `db:"status"`
	Confirmed      bool                   `db:"confirmed"`
	Objected       bool                   `db:"objected"`
	LegalBasis     consent.LegalBasis     `db:"legal_basis"`
	WordingVersion string                 `db:"wording_version"`
	WordingHash    string                 `db:"wording_hash"`
	CaptureSource  string                 `db:"capture_source"`
	ContactPointID *domain.ContactPointID `db:"contact_point_id"`
	Proof          domain.Personal        `db:"proof"`
	ExpiresAt      *time.Time             `db:"expires_at"`
	Since          time.Time              `db:"since"`
	EventID        uuid.UUID              `db:"event_id"`
	Position       int64                  `db:"position"`
	Revision       int64                  `db:"revision"`
}

func (r *consentRow) answer() consent.Answer {
	answer := consent.Answer{
		Status: r.Status, Confirmed: r.Confirmed, Objected: r.Objected,
		Evidence: consent.Evidence{
			LegalBasis: r.LegalBasis, WordingVersion: r.WordingVersion, WordingHash: r.WordingHash,
			CaptureSource: r.CaptureSource, ContactPoint: known(r.ContactPointID), Proof: r.Proof,
		},
	}
	if r.ExpiresAt != nil {
		answer.Evidence.ExpiresAt = r.ExpiresAt.UTC()
	}
	return answer
}

func (r *consentRow) take(answer consent.Answer) {
	evidence := answer.Evidence
	r.Status, r.Confirmed, r.Objected = answer.Status, answer.Confirmed, answer.Objected
	r.LegalBasis = evidence.LegalBasis
	r.WordingVersion, r.WordingHash, r.CaptureSource = evidence.WordingVersion, evidence.WordingHash, evidence.CaptureSource
	r.ContactPointID, r.Proof, r.ExpiresAt = nullable(evidence.ContactPoint), evidence.Proof, nil
	if !evidence.ExpiresAt.IsZero() {
		r.ExpiresAt = &evidence.ExpiresAt
	}
}
