package http

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"crm/domain"
)

// Envelope is what every command may say about itself.
type Envelope struct {
	OccurredAt *time.Time      `json:"occurred_at,omitempty" doc:"When it was true in the business, if that is not now. Kept to the microsecond, in UTC; at most a day ahead." example:"2026-11-22T09:30:00Z"`
	Reason     domain.Personal `json:"reason,omitempty" doc:"Why, in words of the one who asks." maxLength:"100000"`
	OnBehalfOf string          `json:"on_behalf_of,omitempty" doc:"For whom the holder of the key acts." maxLength:"500"`
	Source     sourceInput     `json:"source,omitzero" doc:"What brought this command."`
	BasedOn    *int64          `json:"based_on,omitempty" nullable:"false" minimum:"0" doc:"The revision that the caller had read. Where someone else has given a field of this command another value since, it is refused with 409 field-conflict; changes of other fields do not matter. Says nothing beside If-Match with a revision." example:"3"`
}

type sourceInput struct {
	Application string `json:"application,omitempty" maxLength:"500" doc:"The program."`
	Import      string `json:"import,omitempty" maxLength:"500" doc:"The import run."`
	Row         string `json:"row,omitempty" maxLength:"500" doc:"The row in it."`
}

func (e *Envelope) envelope() *Envelope { return e }

// ahead is how far in the future a command may lie: clocks and time zones of
// files are not exact, but what has not happened is no event.
const ahead = 24 * time.Hour

// fill says in meta what the body says about the command.
func (e *Envelope) fill(meta *domain.Meta, now time.Time) error {
	meta.OccurredAt = now.UTC().Truncate(time.Microsecond)
	if e.OccurredAt != nil {
		meta.OccurredAt = e.OccurredAt.UTC().Truncate(time.Microsecond)
	}
	switch {
	case meta.OccurredAt.IsZero(): // would read as no instant at all
		return domain.ErrInvalid.At("/occurred_at", "The instant lies before time.")
	case e.BasedOn != nil && *e.BasedOn < 0:
		return domain.ErrInvalid.At("/based_on", "A revision is not negative.")
	case meta.OccurredAt.After(now.Add(ahead)):
		return domain.ErrInvalid.At("/occurred_at", "The instant lies more than a day in the future.")
	}
	meta.Reason, meta.OnBehalfOf, meta.Source = e.Reason, e.OnBehalfOf, domain.Source(e.Source)
	return meta.Check()
}

// commandID is the id of a command: derived from the key where the caller gave
// one, so that it is the same for a retry, and random otherwise.
func commandID(actor, key string) uuid.UUID {
	if key == "" {
		return uuid.New()
	}
	return uuid.NewSHA1(domain.Namespace, []byte(actor+"\x00"+key))
}

// fingerprint is a hash of what is asked. A target that the command brings
// itself is not part of it.
func fingerprint(name string, target uuid.UUID, part string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{0})
	h.Write(target[:])
	h.Write([]byte(part))
	h.Write([]byte{0})
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// compact is a body without white space, which makes no difference between two.
func compact(body jsontext.Value) []byte {
	body = body.Clone()
	_ = body.Compact() // decoded already
	return body
}

// idempotencyKey reads the header of that name; empty without one.
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", &headerFault{"Idempotency-Key", "The header is there more than once."}
	}
	if !isKey(values[0]) {
		return "", &headerFault{"Idempotency-Key", "A key is 1 to 255 visible ASCII characters."}
	}
	return values[0], nil
}

func isKey(text string) bool {
	return text != "" && len(text) <= 255 && !strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' })
}

var traceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// requestMeta is what the request says about its commands: who asks, and the
// conversation it belongs to.
func requestMeta(r *http.Request) (domain.Meta, error) {
	x := exchangeOf(r.Context())
	meta := domain.Meta{Actor: x.principal.Actor, CorrelationID: r.Header.Get("X-Correlation-Id")}
	if meta.CorrelationID == "" {
		meta.CorrelationID = x.id
	} else if !isKey(meta.CorrelationID) {
		return meta, &headerFault{"X-Correlation-Id", "An id is 1 to 255 visible ASCII characters."}
	}
	if trace := r.Header.Get("Traceparent"); traceParent.MatchString(trace) {
		meta.TraceParent = trace // others are to be ignored (W3C Trace Context, 3.2)
	}
	return meta, nil
}
