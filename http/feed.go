package http

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"crm/domain"
	"crm/domain/cloudevents"
	"crm/http/access"
)

// EventLog is the log of all events, for the feed.
type EventLog interface {
	// Follow reads the log after a position, at most so many events at once.
	Follow(after domain.Position, selection domain.Selection, most int) Following
	// Head is where the log ends.
	Head(ctx context.Context) (domain.Position, time.Time, error)
	// Reaches reports whether the log reaches a position.
	Reaches(ctx context.Context, position domain.Position) (bool, error)
	// At is the event at a position; false where there is none.
	At(ctx context.Context, position domain.Position) (domain.Recorded, bool, error)
	// Types are the types of all events that there may be.
	Types() []string
}

// Following reads the log for one reader, when it is asked and not before.
type Following interface {
	// Next waits for events, or for word that there are none up to a later position.
	Next(ctx context.Context) (domain.Batch, error)
	// CaughtUp reports whether Next has come to where the log ended.
	CaughtUp() bool
	// Close ends it.
	Close()
}

// The refusals of the feed.
var (
	ErrAhead       = &domain.Error{Code: domain.Conflict, Slug: "position-ahead", Detail: "The log does not reach that position: it is of another installation, or the log was restored from before."}
	ErrFollowers   = &domain.Error{Code: domain.Unavailable, Slug: "too-many-followers", Detail: "As many as may follow the feed of this server follow it already."}
	ErrNoEventHere = &domain.Error{Code: domain.NotFound, Slug: "event-unknown", Detail: "There is no event at that position."}
)

var errNoEvents = errors.New("http: Config.Events is missing")

// The forms of the feed.
const (
	linesType  = "application/jsonl"
	lines2Type = "application/x-ndjson" // the same, under the name that others gave it
	streamType = "text/event-stream"
)

// mostEvents is how many events are read of the log at once, and pageBytes how large a
// page becomes, about.
const (
	mostEvents = 256
	pageBytes  = 4 << 20
)

// feedBudget is how long a page may look for events of its selection before it says
// how far it came.
const feedBudget = 5 * time.Second

// FeedInput is what the feed takes. It is exported because huma passes over what is not.
type FeedInput struct {
	After       string `query:"after" default:"0" maxLength:"50" doc:"Events behind this position: of an event, or Crm-Position of the page before. 0 is the start of the log, end its end." example:"184467"`
	LastEventID string `header:"Last-Event-ID" maxLength:"50" doc:"As after, which it wins over: browsers send it when they connect again."`
	Limit       int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Events of a page. Server-sent events have no pages."`
	Category    string `query:"category" maxLength:"500" doc:"Only events about such things: customer, deal … Several with commas." example:"deal"`
	Type        string `query:"type" maxLength:"5000" doc:"Only events of this type. Several with commas." example:"deal.won,deal.lost"`

	accept string
}

// Resolve reads what OpenAPI lets no parameter be named.
func (in *FeedInput) Resolve(ctx huma.Context) []error {
	in.accept = ctx.Header("Accept")
	return nil
}

// OneEvent names an event by its place.
type OneEvent struct {
	Position string `path:"position" maxLength:"50" doc:"Where in the log it stands, as its position says." example:"184467"`
}

// feedQueries registers the change feed.
func (s *Server) feedQueries() {
	schemas := s.api.OpenAPI().Components.Schemas
	text, event := &huma.Schema{Type: "string"}, schemas.Schema(reflect.TypeFor[cloudevents.Event](), true, "")
	feed := huma.Operation{
		OperationID: "event.feed", Method: http.MethodGet, Path: feedPath, Tags: []string{"events"},
		Summary: "The events of the log from a position on: a page as JSON lines, or all to come as server-sent events",
		Responses: map[string]*huma.Response{"200": {
			Description: "Events as CloudEvents 1.0, in the order of the log.",
			Headers: map[string]*huma.Header{
				"Crm-Position": {Description: "Up to where the page covers the log; after of the next one.", Schema: text},
				"Link":         {Description: "The next page, where there is more already (rel=next).", Schema: text},
			},
			Content: map[string]*huma.MediaType{
				linesType: {Schema: event}, lines2Type: {Schema: event}, streamType: {Schema: event},
			},
		}},
	}
	register(s, feed, access.EventsRead, admitted(s, s.serveFeed))
	one := huma.Operation{
		OperationID: "event.at", Method: http.MethodGet, Path: feedPath + "/{position}", Tags: []string{"events"},
		Summary: "One event, as a CloudEvent",
		Responses: map[string]*huma.Response{"200": {
			Description: "The event.", Content: map[string]*huma.MediaType{cloudevents.ContentType: {Schema: event}},
		}},
	}
	register(s, one, access.EventsRead, admitted(s, s.serveEvent))
}

const feedPath = "/v1/events"

// follows reports whether a request is for a stream that ends when the reader does, to
// which no deadline of a request applies.
func follows(r *http.Request) bool {
	return r.URL.Path == feedPath && formOf(r.Header.Get("Accept")) == streamType
}

// formOf is the form of the feed that is accepted; empty for none. Who takes anything,
// as most programs say of themselves, gets a page.
func formOf(accept string) (form string) {
	if accept == "" {
		return linesType
	}
	most := 0.0
	for _, media := range []string{linesType, lines2Type, streamType} {
		if q := weight(accept, media); q > most {
			form, most = media, q
		}
	}
	return form
}

// weight is how much an Accept header wants a media type: what is said there by the
// range that is closest to it (RFC 9110, 12.5.1), 0 where none covers it. huma's own
// negotiation knows no ranges, and takes q=0 for a wish.
func weight(accept, media string) (q float64) {
	kind, _, _ := strings.Cut(media, "/")
	ranges, closest := []string{"*/*", kind + "/*", media}, -1
	for part := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		near := slices.Index(ranges, strings.ToLower(strings.TrimSpace(name)))
		if near <= closest {
			continue
		}
		closest, q = near, 1
		for parameter := range strings.SplitSeq(parameters, ";") {
			if text, is := strings.CutPrefix(strings.TrimSpace(parameter), "q="); is {
				q, _ = strconv.ParseFloat(text, 64) // what is no number is no wish
			}
		}
	}
	return q
}

func (s *Server) serveFeed(ctx context.Context, in *FeedInput) (*huma.StreamResponse, error) {
	form := formOf(in.accept)
	if form == "" {
		return nil, ErrNotAccepted.At("", "The feed is %s or %s.", linesType, streamType)
	}
	if s.cfg.Events == nil {
		return nil, errNoEvents
	}
	selection, err := s.selected(in)
	if err != nil {
		return nil, err
	}
	after, err := s.startOf(ctx, in)
	if err != nil {
		return nil, err
	}
	if form == streamType {
		return s.follow(after, selection)
	}
	return s.pageOfFeed(ctx, in, form, after, selection)
}

// startOf is the position that is asked for, which the log must reach.
func (s *Server) startOf(ctx context.Context, in *FeedInput) (domain.Position, error) {
	text, fault := in.After, error(&parameterFault{"after", "A position is what an event or Crm-Position gave, 0 or end."})
	if in.LastEventID != "" {
		text, fault = in.LastEventID, &headerFault{"Last-Event-ID", "It is the id of an event of this feed."}
	}
	if text == "end" {
		end, _, err := s.cfg.Events.Head(ctx)
		return end, err
	}
	after, err := domain.ParsePosition(text)
	if err != nil {
		return after, fault
	}
	if after.IsZero() {
		return after, nil
	}
	reached, err := s.cfg.Events.Reaches(ctx, after)
	if err == nil && !reached {
		err = ErrAhead
	}
	return after, err
}

// selected are the events that are asked for. A name that there is not would select
// nothing for ever, and is refused.
func (s *Server) selected(in *FeedInput) (selection domain.Selection, err error) {
	if in.Category != "" {
		selection.Categories = strings.Split(in.Category, ",")
	}
	if in.Type != "" {
		selection.Types = strings.Split(in.Type, ",")
	}
	for _, category := range selection.Categories {
		if !slices.Contains(domain.Categories, category) {
			return selection, &parameterFault{"category", "There are " + strings.Join(domain.Categories, ", ") + "."}
		}
	}
	types := s.cfg.Events.Types()
	for _, eventType := range selection.Types {
		if !slices.Contains(types, eventType) {
			return selection, &parameterFault{"type", "There is no type of event " + strconv.Quote(eventType) + "."}
		}
	}
	return selection, nil
}

// shown is an event as the principal may see it.
func (s *Server) shown(p access.Principal, e *domain.Recorded) cloudevents.Event {
	event := cloudevents.Of(s.cfg.PublicURL, e)
	if p.Personal {
		return event
	}
	data, err := access.Masked(e.Event)
	if err != nil || string(data) == "null" { // nothing of it may be shown
		return event.Reference()
	}
	return event.Masked(data)
}

// pageOfFeed reads up to the limit, or to the end of the log.
func (s *Server) pageOfFeed(ctx context.Context, in *FeedInput, form string, after domain.Position, selection domain.Selection) (*huma.StreamResponse, error) {
	reading, cancel := context.WithTimeout(ctx, min(feedBudget, s.cfg.Timeout/2))
	defer cancel()
	from := s.cfg.Events.Follow(after, selection, min(in.Limit, mostEvents))
	defer from.Close()
	principal := principalOf(ctx)
	through, lines, events := after, []byte(nil), 0
	for events < in.Limit && len(lines) < pageBytes && !from.CaughtUp() {
		batch, err := from.Next(reading)
		if err != nil && (reading.Err() == nil || ctx.Err() != nil) {
			return nil, err
		}
		if err != nil && through == after { // nothing was heard of the log
			return nil, domain.ErrStoreUnavailable
		}
		if err != nil {
			break
		}
		through = batch.Through
		for i := range batch.Events {
			event := s.shown(principal, &batch.Events[i])
			lines = append(event.AppendJSON(lines), '\n')
			if events++; events == in.Limit {
				through = batch.Events[i].Position
				break
			}
		}
	}
	s.measures.fed.Add(float64(events))
	more := !from.CaughtUp() || events == in.Limit
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", form)
		out.SetHeader("Crm-Position", through.String())
		if more {
			out.SetHeader("Link", "<"+nextPage(in, through)+`>; rel="next"`)
		}
		_, _ = out.BodyWriter().Write(lines) // the caller has gone
	}}, nil
}

func nextPage(in *FeedInput, through domain.Position) string {
	query := url.Values{"after": {through.String()}, "limit": {strconv.Itoa(in.Limit)}}
	if in.Category != "" {
		query.Set("category", in.Category)
	}
	if in.Type != "" {
		query.Set("type", in.Type)
	}
	return feedPath + "?" + query.Encode()
}

func (s *Server) serveEvent(ctx context.Context, in *OneEvent) (*huma.StreamResponse, error) {
	if s.cfg.Events == nil {
		return nil, errNoEvents
	}
	position, err := domain.ParsePosition(in.Position)
	if err != nil {
		return nil, &parameterFault{"position", "A position is what an event gave."}
	}
	e, found, err := s.cfg.Events.At(ctx, position)
	if err == nil && !found {
		err = ErrNoEventHere
	}
	if err != nil {
		return nil, err
	}
	event := s.shown(principalOf(ctx), &e)
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", cloudevents.ContentType)
		_, _ = out.BodyWriter().Write(event.AppendJSON(nil)) // the caller has gone
	}}, nil
}

// follow answers with all events to come, if there is room for one more who follows.
func (s *Server) follow(after domain.Position, selection domain.Selection) (*huma.StreamResponse, error) {
	if !s.followers.enter() {
		return nil, ErrFollowers
	}
	return &huma.StreamResponse{Body: func(out huma.Context) {
		defer s.followers.leave()
		request, w := humachi.Unwrap(out)
		from := s.cfg.Events.Follow(after, selection, mostEvents)
		defer from.Close()
		f := &follower{
			server: s, request: request, principal: principalOf(request.Context()),
			to: w, control: http.NewResponseController(w), from: from, told: after,
		}
		f.run()
	}}, nil
}
