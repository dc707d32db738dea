package eventstore

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

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

// A scanner takes one piece after the other from the front of rest. Once
// something was not as expected it has failed, and what it gives means nothing.
type scanner struct {
	rest      string
	separator byte // what stands before the next key: { or ,
	failed    bool
}

func (s *scanner) object() { s.separator = '{' }

func (s *scanner) end() {
	if s.failed = s.failed || s.separator == '{' || !strings.HasPrefix(s.rest, "}"); !s.failed {
		s.rest = s.rest[1:]
	}
}

// key takes the key, if it is next.
func (s *scanner) key(key string) bool {
	if s.failed || s.rest == "" || s.rest[0] != s.separator || !strings.HasPrefix(s.rest[1:], key) {
		return false
	}
	s.rest = s.rest[1+len(key):]
	s.separator = ','
	return true
}

func (s *scanner) need(key string) {
	if !s.key(key) {
		s.failed = true
	}
}

func (s *scanner) maybe(key string, into *string) {
	if s.key(key) {
		*into = s.text()
	}
}

// text takes a string in which nothing is escaped.
func (s *scanner) text() string {
	if s.failed || !strings.HasPrefix(s.rest, `"`) {
		s.failed = true
		return ""
	}
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			text := s.rest[1:i]
			s.rest = s.rest[i+1:]
			return text
		case c == '\\' || c < ' ':
			s.failed = true
			return ""
		}
	}
	s.failed = true
	return ""
}

// digit takes a number of one digit; a tenth shape of one event will be read
// all the same.
func (s *scanner) digit() int {
	if s.failed || s.rest == "" || s.rest[0] < '0' || s.rest[0] > '9' {
		s.failed = true
		return 0
	}
	n := int(s.rest[0] - '0')
	s.rest = s.rest[1:]
	return n
}

func (s *scanner) instant() time.Time {
	var instant time.Time
	if err := instant.UnmarshalText([]byte(s.text())); err != nil {
		s.failed = true
	}
	return instant
}

func (s *scanner) id() uuid.UUID {
	text := s.text()
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len("00000000-0000-0000-0000-000000000000") {
		s.failed = true
	}
	return id
}
