package readmodels

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/consent"
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

// Of is a page of a customer's consents, by purpose and channel. After nil it is
// the first page. A customer nobody knows has none.
func (m Consents) Of(ctx context.Context, id domain.CustomerID, asOf AsOf, after *consent.Key, limit int) (Page[Consent, consent.Key], error) {
	from := consent.Key{}
	if after != nil {
		from = *after
	}
	rows, err := all[consentRow](ctx, m.db, `
		SELECT `+consentColumns+` FROM `+asOf.from("consents.consents")+`
		WHERE customer_id = @customer_id AND (purpose, channel) > (@purpose, @channel)`+m.scope.customer("customer_id")+`
		ORDER BY purpose, channel LIMIT @limit`,
		m.scope.args(asOf.args(pgx.NamedArgs{"customer_id": id.UUID, "purpose": from.Purpose, "channel": from.Channel, "limit": limit + 1})))
	if err != nil {
		return Page[Consent, consent.Key]{}, err
	}
	return pageOf(rows, limit, consentRow.consent, func(c Consent) consent.Key { return c.Key }), nil
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
		`SELECT crm.is_parked('consents', @stream)`+m.scope.customer("@customer_id")+` AS parked`,
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
