package cloudevents

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"crm/domain"
)

// ContentType is that of one event.
const ContentType = "application/cloudevents+json"

// Event is one event as others read it. What stands between subject and data are
// extension attributes of ours, and documented ones of CloudEvents.
type Event struct {
	SpecVersion string    `json:"specversion" enum:"1.0"`
	ID          uuid.UUID `json:"id" format:"uuid" doc:"The event's, for ever. Who has seen it has seen the event."`
	Source      string    `json:"source" format:"uri-reference" doc:"The installation and what the event is about." example:"https://crm.example.com/deal"`
	Type        string    `json:"type" example:"deal.won"`
	Subject     string    `json:"subject" doc:"The stream of the thing that changed. Its events have one order." example:"deal-0190a5a0-0000-7000-8000-000000000001"`
	Time        time.Time `json:"time,omitzero" doc:"When it was true in the business."`

	Position          string          `json:"position" doc:"Where in the log it stands; after and Last-Event-ID of the feed." example:"184467"`
	Revision          domain.Revision `json:"revision" doc:"Its place in its stream, from 0."`
	RecordedTime      time.Time       `json:"recordedtime" doc:"When the store took it."`
	ActorID           string          `json:"actorid,omitempty" doc:"Who issued the command."`
	OnBehalfOf        string          `json:"onbehalfof,omitempty" doc:"For whom, where that was someone else."`
	CommandName       string          `json:"commandname,omitempty" example:"deal.win"`
	CommandID         *uuid.UUID      `json:"commandid,omitempty" format:"uuid"`
	CorrelationID     string          `json:"correlationid,omitempty" doc:"The conversation it belongs to."`
	CausationID       string          `json:"causationid,omitempty" doc:"The event or command that led to it."`
	TraceParent       string          `json:"traceparent,omitempty" doc:"W3C trace context of the request."`
	SourceApplication string          `json:"sourceapplication,omitempty" doc:"The program that brought the command."`
	SourceImport      string          `json:"sourceimport,omitempty" doc:"The import run."`
	SourceRow         string          `json:"sourcerow,omitempty" doc:"The row in it."`
	Reason            string          `json:"reason,omitempty" doc:"Why, in the actor's words, on one line. Only for who may see personal data."`
	IsMasked          bool            `json:"masked,omitempty" doc:"What is personal was taken out of data."`
	Unreadable        string          `json:"unreadable,omitempty" doc:"Why this server cannot read the event; it has no data then." example:"unknown type"`

	DataContentType string          `json:"datacontenttype,omitempty" enum:"application/json"`
	Data            json.RawMessage `json:"data,omitempty" doc:"The event's payload in its newest shape. Absent where the event is told by reference."`
}

// Of is the whole event. Installation is the URL of the installation, the beginning of
// source; empty leaves the source relative.
func Of(installation string, e *domain.Recorded) Event {
	event := Event{
		SpecVersion: "1.0",
		ID:          e.ID,
		Source:      source(installation, e.Stream),
		Type:        attribute(e.Event.EventType()),
		Subject:     attribute(string(e.Stream)),
		Time:        instant(e.Meta.OccurredAt),

		Position:          e.Position.String(),
		Revision:          e.Revision,
		RecordedTime:      instant(e.RecordedAt),
		ActorID:           attribute(e.Meta.Actor),
		OnBehalfOf:        attribute(e.Meta.OnBehalfOf),
		CommandName:       attribute(e.Meta.Command.Name),
		CorrelationID:     attribute(e.Meta.CorrelationID),
		CausationID:       attribute(e.Meta.CausationID),
		TraceParent:       attribute(e.Meta.TraceParent),
		SourceApplication: attribute(e.Meta.Source.Application),
		SourceImport:      attribute(e.Meta.Source.Import),
		SourceRow:         attribute(e.Meta.Source.Row),
		Reason:            attribute(e.Meta.Reason.Plain()),
	}
	if id := e.Meta.Command.ID; id != uuid.Nil {
		event.CommandID = &id
	}
	if u, unreadable := e.Event.(domain.Unreadable); unreadable {
		event.Unreadable = u.Why
		return event
	}
	event.DataContentType, event.Data = "application/json", e.Data
	return event
}

// Masked is the event with the payload that it is given, from which what is personal
// was taken, and without the reason.
func (e Event) Masked(data json.RawMessage) Event {
	if e.Unreadable == "" {
		e.Data = data
	}
	e.Reason, e.IsMasked = "", true
	return e
}

// Reference is the event without payload and reason.
func (e Event) Reference() Event {
	e.DataContentType, e.Data, e.Reason = "", nil, ""
	return e
}

// AppendJSON puts the event behind what is in to, on one line and without its end.
func (e *Event) AppendJSON(to []byte) []byte {
	buffer := bytes.NewBuffer(to)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		panic("cloudevents: a payload is not JSON: " + err.Error()) // of a readable event it was decoded before
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}

// instant is at as RFC 3339 can say it, and zero where it cannot: what other programs
// have written into the log may lie before or behind its years.
func instant(at time.Time) time.Time {
	if at = at.UTC(); at.Year() < 0 || at.Year() > 9999 {
		return time.Time{}
	}
	return at
}

// source names the installation and what the stream is about. Only names of ours are
// sure to be a part of a URI.
func source(installation string, s domain.Stream) string {
	installation = strings.TrimSuffix(installation, "/")
	category := s.Category()
	if !slices.Contains(domain.Categories, category) {
		category = ""
	}
	return installation + "/" + category
}

// attribute is text as CloudEvents allows it: without control characters and
// noncharacters.
func attribute(text string) string {
	if !strings.ContainsFunc(text, forbidden) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if forbidden(r) {
			return ' '
		}
		return r
	}, text)
}

func forbidden(r rune) bool {
	return unicode.IsControl(r) || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe
}
