package readmodels

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/consent"
	"crm/projections/lists"
)

// Consent is one customer's answer for one purpose and channel, and the event it
// rests on.
type Consent struct {
	Customer domain.CustomerID
	Key      consent.Key
	consent.Answer
	Since    time.Time // when that event occurred
	EventID  uuid.UUID
	Position domain.Position
	Revision domain.Revision // of that event in the stream of the customer's consents
}

const consentColumns = `customer_id, purpose, channel, status, confirmed, objected, legal_basis, wording_version, wording_hash,
	capture_source, contact_point_id, proof, expires_at, since, event_id, position, revision`

// ConsentList is what a customer's consents are filtered and sorted by.
var ConsentList = lists.New(lists.List{
	Name: "consents", ID: "row.event_id", Default: "purpose,channel",
	Fields: []lists.Field{
		{Name: "purpose", Type: lists.Text, Column: "row.purpose", Order: "row.purpose"},
		{
			Name: "channel", Type: lists.Choice, Column: "row.channel", Order: "row.channel",
			Choices: texts(consent.Email, consent.Phone, consent.SMS, consent.Post, consent.Messaging, consent.Social, consent.Web),
		},
		{
			Name: "status", Type: lists.Choice, Choices: texts(consent.StatusRequested, consent.StatusGranted, consent.StatusWithdrawn, consent.StatusObjected, consent.StatusExpired),
			Column: "CASE WHEN row.status = 'granted' AND row.expires_at <= @instant THEN 'expired' ELSE row.status END", About: "now, or at as_of",
		},
		{Name: "legal_basis", Type: lists.Text, Column: "row.legal_basis", Absent: "row.legal_basis = ''"},
		{Name: "confirmed", Type: lists.Truth, Column: "row.confirmed"},
		{Name: "expires_at", Type: lists.Instant, Column: "row.expires_at", Absent: "row.expires_at IS NULL"},
		{Name: "since", Type: lists.Instant, Column: "row.since", Order: "row.since"},
	},
})

var consentSource = source{columns: consentColumns, table: "consents.consents", joins: alone}

type consentListed struct {
	consentRow
	placed
}

func (r consentListed) item() Consent { return r.consent() }

// Of is a page of a customer's consents, of which a grant may have expired by the
// instant. A customer nobody knows has none.
func (m Consents) Of(ctx context.Context, id domain.CustomerID, a Asked, instant time.Time) (Listed[Consent], error) {
	return paged(ctx, m.db, consentSource.within(m.scope, m.scope.customer("row.customer_id")), a, unsure, consentListed.item,
		lists.When("row.customer_id = @customer_id", pgx.NamedArgs{"customer_id": id.UUID, "instant": instant.UTC()}))
}

// Lookup is a customer's consent for a purpose and channel; nil where there never
// was one. Whether its time was over at an instant, the consent tells.
func (m Consents) Lookup(ctx context.Context, id domain.CustomerID, key consent.Key, asOf AsOf) (*Consent, error) {
	rows, err := all[consentRow](ctx, m.db, `
		SELECT `+consentColumns+` FROM `+asOf.from("consents.consents")+`
		WHERE customer_id = @customer_id AND purpose = @purpose AND channel = @channel`+m.scope.customer("customer_id"),
		m.scope.args(asOf.args(pgx.NamedArgs{"customer_id": id.UUID, "purpose": key.Purpose, "channel": key.Channel})))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	found := rows[0].consent()
	return &found, nil
}

// Degraded reports whether the customer's consents are parked, so that what is known
// of them is not all there is.
func (m Consents) Degraded(ctx context.Context, id domain.CustomerID) (bool, error) {
	row, err := one[struct{ Parked bool }](ctx, m.db, nil,
		`SELECT `+isParked("'consents'", "@stream")+m.scope.customer("@customer_id")+` AS parked`,
		m.scope.args(pgx.NamedArgs{"stream": domain.ConsentStream(id), "customer_id": id.UUID}))
	return row.Parked, err
}

func (r consentRow) consent() Consent {
	commit := uint64(r.Position)
	return Consent{
		Customer: domain.CustomerID{UUID: r.CustomerID}, Key: consent.Key{Purpose: r.Purpose, Channel: r.Channel},
		Answer: r.answer(), Since: r.Since.UTC(), EventID: r.EventID,
		Position: domain.Position{Commit: commit, Prepare: commit}, Revision: domain.Revision(r.Revision),
	}
}
