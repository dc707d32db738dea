package http

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/readmodel"
	"crm/http/access"
	"crm/projections"
)

// parkedCard is a stream that a read model stands still for.
type parkedCard struct {
	Stream    domain.Stream   `json:"stream" example:"deal-0b5f0a1c-3a52-4b52-8a53-8d1bb4a45c01"`
	Revision  domain.Revision `json:"revision" doc:"Of the event that cannot be applied, or of the first that is missing. Name it to skip it."`
	Position  string          `json:"position" doc:"In the log, of the event at which it was noticed."`
	EventID   uuid.UUID       `json:"event_id" format:"uuid"`
	EventType string          `json:"event_type"`
	Class     string          `json:"class" doc:"Why, in a word." enum:"bad-event,panic,unreadable,rejected,missing-revision,retrying"`
	Table     string          `json:"table,omitempty"`
	Detail    string          `json:"detail,omitempty" doc:"A code of Postgres, a place in the source, or names of columns; never a value."`
	Attempts  int             `json:"attempts" doc:"How often the event was tried."`
	Waiting   int64           `json:"waiting" doc:"Later events of the stream that were passed over."`
	ParkedAt  time.Time       `json:"parked_at"`
}

type (
	retryBody struct {
		Stream domain.Stream `json:"stream,omitempty" maxLength:"500" doc:"The parked stream. Default: all that are parked."`
		Envelope
	}
	skipBody struct {
		Stream   domain.Stream   `json:"stream" maxLength:"500" doc:"The parked stream."`
		Revision domain.Revision `json:"revision" minimum:"0" doc:"At which it is parked. Tables that hold the event already keep it; those built from now on go without."`
		Envelope                 // with a reason, which is needed
	}
)

var parkedCommands = []*command{
	describe("readmodel.retry", access.ProjectionsManage, http.MethodPost, "/projections/{name}/retry", "Apply what is parked",
		func(_ *Server, at *place, b *retryBody) (domain.Command, error) {
			return readmodel.Retry{Name: at.part, Stream: b.Stream}, nil
		}),
	describe("readmodel.skip_event", access.ProjectionsManage, http.MethodPost, "/projections/{name}/skip", "Go on without an event that cannot be applied; takes a reason",
		func(_ *Server, at *place, b *skipBody) (domain.Command, error) {
			return readmodel.SkipEvent{Name: at.part, Stream: b.Stream, Revision: b.Revision}, nil
		}),
}

// named is the read model that a command's path is about.
func (s *Server) named(name string) (domain.ReadModelID, error) {
	if _, err := projections.Named(s.cfg.Models.Projections(), name); err != nil {
		return domain.ReadModelID{}, err
	}
	return domain.ReadModelNamed(name), nil
}

// NamedModel is a read model in a path. It is exported because huma passes over what
// is not.
type NamedModel struct {
	Freshness
	ModelInPath
}

func (s *Server) parkedQueries() {
	serveQuery(s, query{"projection.parked", access.ProjectionsRead, "/projections/{name}/parked", "projections", "The streams that a read model stands still for, the longest waiting first", nil}, s.listParked)
}

func (s *Server) listParked(ctx context.Context, in *NamedModel) (*plain[report[parkedCard]], error) {
	if _, err := s.named(in.Name); err != nil {
		return nil, err
	}
	parked, err := s.cfg.Models.Parked.Of(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return reportOf(parked, parkedOf), nil
}

func parkedOf(p projections.Parked) parkedCard {
	return parkedCard{
		Stream: p.Stream, Revision: p.Revision, Position: p.Position.String(), EventID: p.EventID, EventType: p.EventType,
		Class: string(p.Class), Table: p.Table, Detail: p.Detail, Attempts: p.Attempts, Waiting: p.Waiting, ParkedAt: p.ParkedAt,
	}
}
