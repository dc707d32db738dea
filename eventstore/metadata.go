package eventstore

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"crm/domain"
)

// envelope is the metadata as it is stored.
type envelope struct {
	Schema int `json:"schema"`
	domain.Meta
}

// decodeMeta reads metadata. What this program wrote it reads in one pass; all
// else, and what needs unescaping, is left to encoding/json, which takes six
// times as long and had most of the share in a rebuild.
func decodeMeta(metadata []byte) (schema int, meta domain.Meta, err error) {
	if schema, meta, ok := scanMeta(metadata); ok {
		return schema, meta, nil
	}
	original, _, _ := Original(metadata)
	if !isObject(original) {
		return 0, domain.Meta{}, errors.New("metadata is not an object")
	}
	var e envelope
	if err := json.Unmarshal(original, &e); err != nil {
		return 0, domain.Meta{}, err
	}
	return e.Schema, e.Meta, nil
}

// scanMeta reads metadata as [marshal] writes it: fields in order, no space, and
// no escapes; and that of a copy. It is false for anything else. The texts share
// one string.
func scanMeta(metadata []byte) (schema int, meta domain.Meta, ok bool) {
	end := len(metadata) - 1
	if end < 0 || metadata[end] != '}' {
		return 0, domain.Meta{}, false
	}
	if from, to, _, copied := addition(metadata); copied && to == end {
		end = from
	}
	s := scanner{rest: string(metadata[:end])}
	if !utf8.ValidString(s.rest) {
		return 0, domain.Meta{}, false
	}
	s.object()
	s.need(`"schema":`)
	schema = s.digit()
	s.need(`"occurred_at":`)
	meta.OccurredAt = s.instant()
	s.need(`"actor":`)
	meta.Actor = s.text()
	s.maybe(`"on_behalf_of":`, &meta.OnBehalfOf)
	s.maybe(`"reason":`, (*string)(&meta.Reason))
	if s.key(`"source":`) {
		s.object()
		s.maybe(`"application":`, &meta.Source.Application)
		s.maybe(`"import":`, &meta.Source.Import)
		s.maybe(`"row":`, &meta.Source.Row)
		s.end()
	}
	s.need(`"command":`)
	s.object()
	s.need(`"name":`)
	meta.Command.Name = s.text()
	s.need(`"id":`)
	meta.Command.ID = s.id()
	s.maybe(`"fingerprint":`, &meta.Command.Fingerprint)
	s.end()
	s.maybe(`"$correlationId":`, &meta.CorrelationID)
	s.maybe(`"$causationId":`, &meta.CausationID)
	s.maybe(`"traceparent":`, &meta.TraceParent)
	return schema, meta, !s.failed && s.rest == ""
}
