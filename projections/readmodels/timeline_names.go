package readmodels

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// speaksOfAPart are the events that name a contact point, a line item or an
// interaction by nothing but the id that an earlier event gave it.
var speaksOfAPart = []string{
	"customer.contact_point_verified", "customer.contact_point_removed", "deal.line_item_removed", "interaction.amended",
}

// name fills in what the events call by id: an owner, an organisation, a contact
// point that was removed. Names are read and not stored, because they change, and
// because whoever is forgotten must be forgotten here too.
func (m Timeline) name(ctx context.Context, entries []Entry, asOf AsOf) error {
	var ids, parts, wholes []uuid.UUID
	referred := make([][]uuid.UUID, len(entries))
	for i, e := range entries {
		var others []uuid.UUID
		referred[i], others = idsIn(e.Data)
		ids = append(ids, others...)
		if slices.Contains(speaksOfAPart, e.Type) {
			parts, wholes = append(parts, referred[i]...), append(wholes, e.EntityID)
		}
	}
	names, err := m.names(ctx, ids, asOf.args(pgx.NamedArgs{"ids": ids}), `
		SELECT employee_id AS id, name FROM catalog.employees WHERE employee_id = ANY(@ids)
		UNION ALL SELECT product_id, name FROM catalog.products WHERE product_id = ANY(@ids)
		UNION ALL SELECT customer_id, name FROM `+asOf.from("customers.customers")+` WHERE customer_id = ANY(@ids)
		UNION ALL SELECT deal_id, title FROM `+asOf.from("deals.deals")+` WHERE deal_id = ANY(@ids)
		UNION ALL SELECT pipeline_id, name FROM `+asOf.from("deals.pipelines")+` WHERE pipeline_id = ANY(@ids)`)
	if err != nil {
		return err
	}
	partNames, err := m.names(ctx, parts, asOf.args(pgx.NamedArgs{"ids": parts, "wholes": wholes}), `
		SELECT (part->>'id')::uuid AS id, coalesce(part->>'typed', part->>'name', part->>'subject', '') AS name
		FROM timeline.entries, LATERAL (SELECT CASE type
		    WHEN 'customer.contact_point_added' THEN (data->'contact_point')::jsonb
		    WHEN 'interaction.logged' THEN (data->'details')::jsonb || jsonb_build_object('id', data->'id')
		    ELSE (data->'item')::jsonb
		  END) AS said (part)
		WHERE entity_id = ANY(@wholes) AND (part->>'id')::uuid = ANY(@ids)
		  AND type IN ('customer.contact_point_added', 'interaction.logged', 'deal.line_item_added', 'deal.line_item_changed')
		  AND (@as_of::timestamptz IS NULL OR occurred_at <= @as_of)
		  AND (@known_at::timestamptz IS NULL OR recorded_at <= @known_at)
		ORDER BY position`)
	if err != nil {
		return err
	}
	for i, e := range entries {
		known := map[uuid.UUID]string{}
		for _, id := range referred[i] {
			if name := names[id]; name != "" {
				known[id] = name
			}
			if name := partNames[id]; name != "" && slices.Contains(speaksOfAPart, e.Type) {
				known[id] = name
			}
		}
		if len(known) > 0 {
			entries[i].Names = known
		}
	}
	return nil
}

// names asks for names by id; of several, the last counts.
func (m Timeline) names(ctx context.Context, ids []uuid.UUID, args pgx.NamedArgs, sql string) (map[uuid.UUID]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	type named struct {
		ID   uuid.UUID `db:"id"`
		Name string    `db:"name"`
	}
	rows, err := all[named](ctx, m.db, sql, args)
	if err != nil {
		return nil, err
	}
	names := make(map[uuid.UUID]string, len(rows))
	for _, row := range rows {
		names[row.ID] = row.Name
	}
	return names, nil
}

// idsIn are the ids in an event's payload, wherever they stand; references are those of
// them that are not what a part of it is itself called by, as in "item":{"id":…}.
func idsIn(data []byte) (ids, references []uuid.UUID) {
	const length = len(`"00000000-0000-0000-0000-000000000000"`)
	for from := 0; ; {
		quote := bytes.IndexByte(data[from:], '"')
		if quote < 0 || from+quote+length > len(data) {
			return ids, references
		}
		from += quote
		id, err := uuid.ParseBytes(data[from+1 : from+length-1])
		if err != nil || data[from+length-1] != '"' {
			from++
			continue
		}
		ids = append(ids, id)
		if !bytes.HasSuffix(bytes.TrimRight(data[:from], " "), []byte(`"id":`)) {
			references = append(references, id)
		}
		from += length
	}
}
