package http

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"crm/domain"
	"crm/http/access"
	"crm/projections/readmodels"
)

// ErrBehind is a read model that has not come as far as the caller asks.
var ErrBehind = &domain.Error{
	Code: domain.Unavailable, Slug: "read-model-behind",
	Detail: "The read model has not reached min_position yet. Try again.",
}

// defaultMaxWait is how long a read waits for min_position unless told otherwise.
const defaultMaxWait = 5 * time.Second

var errNoWaiter = errors.New("http: Config.WaitFor is missing")

// queries registers every read.
func (s *Server) queries() {
	s.customerQueries()
	s.dealQueries()
	s.pipelineQueries()
	s.consentQueries()
	s.catalogQueries()
	s.reportQueries()
	s.projectionQueries()
	s.keyQueries()
	s.feedQueries()
	s.webhookQueries()
}

// query is one read: where it is asked and which read models answer it.
type query struct {
	id      string // of the operation: "customer.list"
	needs   access.Action
	path    string // below /v1
	tag     string
	summary string
	models  []string // that must have come to min_position
}

// Freshness is what every read takes. It and its like are exported because huma
// passes over what is not.
type Freshness struct {
	MinPosition string `query:"min_position" doc:"Crm-Position of a command: the answer shows it. Waits a few seconds at most, then answers 503."`
}

func (f *Freshness) position() string { return f.MinPosition }

// Moment is what a read takes besides whose models have history. A read without it
// refuses the parameters, as it does any that it does not know.
type Moment struct {
	AsOf    string `query:"as_of" doc:"As it was at this instant in the business: an instant (RFC 3339; + is written %2B), or a day, which is its first instant in UTC. Counts what had occurred by then, also where it was recorded later. Default: the present." example:"2026-03-31T22:00:00Z"`
	KnownAt string `query:"known_at" doc:"As it was known at this instant, written like as_of. Counts what had been recorded by then. Default: the present." example:"2026-04-01"`
}

// asOf reads the parameters, which serveQuery has checked.
func (m *Moment) asOf() readmodels.AsOf {
	asOf, _ := m.read()
	return asOf
}

func (m *Moment) read() (asOf readmodels.AsOf, err error) {
	if asOf.At, err = instantIn("as_of", m.AsOf); err != nil {
		return asOf, err
	}
	asOf.KnownAt, err = instantIn("known_at", m.KnownAt)
	return asOf, err
}

// instantIn reads an instant or a day; no text is no bound.
func instantIn(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	// The zero time would be no bound, and of the year 10000, where a zone may lead,
	// no answer could tell.
	if at = at.UTC(); err != nil || !at.After(time.Time{}) || at.Year() > 9999 {
		return at, &parameterFault{name, "An instant looks like 2026-11-22T09:30:00Z or 2026-11-22T10:30:00%2B01:00, a day like 2026-11-22."}
	}
	return at, nil
}

// Paging is what every list takes.
type Paging struct {
	Freshness
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Rows of a page."`
	Cursor string `query:"cursor" maxLength:"4000" doc:"next_cursor of the page before, with the same filters."`
}

// Identified is what the read of one thing takes.
type Identified struct {
	Freshness
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Dated is what the read of one thing takes that has history.
type Dated struct {
	Identified
	Moment
}

// listed is the answer of a list.
type listed[T any] struct {
	Body struct {
		Data []T  `json:"data" nullable:"false"`
		Page page `json:"page"`
	}
}

// listOf is a page of a list as its rows appear in the answer.
func listOf[Row, T any](rows []Row, next page, shown func(Row) T) *listed[T] {
	list := &listed[T]{}
	list.Body.Data, list.Body.Page = each(rows, shown), next
	return list
}

func each[Row, T any](rows []Row, shown func(Row) T) []T {
	all := make([]T, len(rows))
	for i, row := range rows {
		all[i] = shown(row)
	}
	return all
}

// plain is an answer that is no list.
type plain[T any] struct{ Body T }

// tagged is an answer with the revision that a command may name in If-Match.
type tagged[T any] struct {
	ETag string `header:"ETag" doc:"The revision; If-Match of a command. A read of the past has none."`
	Body T
}

// taggedAt is an answer about one thing as of some time. The past is not what a
// command changes, and the last revision in it need not be the latest before a date.
func taggedAt[T any](asOf readmodels.AsOf, revision domain.Revision, body T) *tagged[T] {
	if !asOf.IsZero() {
		return &tagged[T]{Body: body}
	}
	return &tagged[T]{ETag: etag(revision), Body: body}
}

// serveQuery registers a query. Its handler runs when the read models have come
// as far as the caller wants.
func serveQuery[I any, In interface {
	*I
	position() string
}, Out any](s *Server, q query, handler func(context.Context, *I) (*Out, error)) {
	op := huma.Operation{
		OperationID: q.id, Method: http.MethodGet, Path: "/v1" + q.path, Summary: q.summary, Tags: []string{q.tag},
	}
	read := admitted(s, handler)
	register(s, op, q.needs, func(ctx context.Context, in *I) (*Out, error) {
		if asked, ok := any(in).(interface {
			read() (readmodels.AsOf, error)
		}); ok {
			if _, err := asked.read(); err != nil {
				return nil, err
			}
		}
		if err := s.await(ctx, q.models, In(in).position()); err != nil {
			return nil, err
		}
		return read(ctx, in) // not before the read model is there: waiting for it takes nothing
	})
}

// serveNarrowed registers a query that shows who may see one owner's rows no others:
// its handler asks [Server.models].
func serveNarrowed[I any, In interface {
	*I
	position() string
}, Out any](s *Server, q query, handler func(context.Context, *I) (*Out, error)) {
	s.narrows(http.MethodGet, "/v1"+q.path)
	serveQuery[I, In](s, q, handler)
}

// await blocks until the models have come to the position, for MaxWait at most.
func (s *Server) await(ctx context.Context, models []string, text string) error {
	if text == "" {
		return nil
	}
	position, err := domain.ParsePosition(text)
	if err != nil {
		return &parameterFault{"min_position", "A position is what Crm-Position gave."}
	}
	waiting, cancel := context.WithTimeout(ctx, s.cfg.MaxWait)
	defer cancel()
	for _, model := range models {
		err := s.cfg.WaitFor(waiting, model, position)
		switch {
		case err == nil:
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return ErrBehind
		default:
			return fmt.Errorf("wait for %s: %w", model, err)
		}
	}
	return nil
}

// namedID is an id with the name of what it stands for.
type namedID struct {
	ID   uuid.UUID `json:"id" format:"uuid"`
	Name string    `json:"name" doc:"As it was called at the time asked about; a product as today. Empty where nobody told."`
}

// namedPerson is the same of a customer or an employee.
type namedPerson struct {
	ID   uuid.UUID       `json:"id" format:"uuid"`
	Name domain.Personal `json:"name" doc:"As it was called at the time asked about; an employee as today. Empty where nobody told."`
}

// naming is nil for an id that names nothing.
func naming[Of any](id domain.ID[Of], name string) *namedID {
	if id.IsZero() {
		return nil
	}
	return &namedID{ID: id.UUID, Name: name}
}

// namingPerson is the same of a customer or an employee.
func namingPerson[Of any, Name ~string](id domain.ID[Of], name Name) *namedPerson {
	if id.IsZero() {
		return nil
	}
	return &namedPerson{ID: id.UUID, Name: domain.Personal(name)}
}

// sum is nil for no amount.
func sum(m domain.Money) *domain.Money {
	if m.IsZero() {
		return nil
	}
	return &m
}

// instantOrNull is nil for no instant.
func instantOrNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// checkText refuses a free text parameter that Postgres cannot hold, and so nothing
// matches.
func checkText(name, value string) error {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return &parameterFault{name, "The text is not UTF-8, or holds a NUL."}
	}
	return nil
}
