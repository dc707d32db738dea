package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/user"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/commands"
	"crm/domain"
	"crm/domain/readmodel"
	"crm/eventstore"
	"crm/projections"
	"crm/projections/readmodels"
)

// parking is who tells what is parked, and takes what is to become of it: the log and
// Postgres, or a server.
type parking interface {
	Parked(ctx context.Context, model string) ([]projections.Parked, error)
	Ask(ctx context.Context, model string, c readmodel.Command, reason string) error
}

// modelsParked is `crm projections parked`.
type modelsParked struct {
	Name string `arg:"" help:"Read model."`
	modelsTarget
}

// Run prints a table.
func (p *modelsParked) Run(ctx context.Context, std streams) error {
	return p.parking(ctx, std, func(by parking) error {
		parked, err := by.Parked(ctx, p.Name)
		if err != nil {
			return err
		}
		if len(parked) == 0 {
			_, err := fmt.Fprintln(std.out, "nothing is parked")
			return err
		}
		table := newTable(std.out, "STREAM", "REVISION", "POSITION", "EVENT TYPE", "CLASS", "TABLE", "DETAIL", "ATTEMPTS", "WAITING", "PARKED")
		for _, s := range parked {
			table.row(s.Stream, s.Revision, s.Position, s.EventType, s.Class, s.Table, s.Detail, s.Attempts, s.Waiting, s.ParkedAt.Format(time.RFC3339))
		}
		return table.Flush()
	})
}

// modelsRetry is `crm projections retry`.
type modelsRetry struct {
	Name   string `arg:"" help:"Read model."`
	Stream string `arg:"" optional:"" help:"Parked stream; all, when none is named."`
	Reason string `help:"Why, for the history."`
	modelsTarget
}

// Run asks for it.
func (r *modelsRetry) Run(ctx context.Context, std streams) error {
	return r.parking(ctx, std, func(by parking) error {
		parked, err := find(ctx, by, r.Name, r.Stream)
		if err != nil {
			return err
		}
		if err := by.Ask(ctx, r.Name, readmodel.Retry{Name: r.Name, Stream: domain.Stream(r.Stream)}, r.Reason); err != nil {
			return err
		}
		_, err = fmt.Fprintf(std.out, "asked %s to apply what is parked (%d); crm projections parked %s tells what is left\n", r.Name, len(parked), r.Name)
		return err
	})
}

// modelsSkip is `crm projections skip`.
type modelsSkip struct {
	Name   string `arg:"" help:"Read model."`
	Stream string `arg:"" help:"Parked stream."`
	Reason string `required:"" help:"Why, for the history."`
	modelsTarget
}

// Run asks for it.
func (s *modelsSkip) Run(ctx context.Context, std streams) error {
	return s.parking(ctx, std, func(by parking) error {
		parked, err := find(ctx, by, s.Name, s.Stream)
		if err != nil {
			return err
		}
		at := parked[0]
		if err := by.Ask(ctx, s.Name, readmodel.SkipEvent{Name: s.Name, Stream: at.Stream, Revision: at.Revision}, s.Reason); err != nil {
			return err
		}
		_, err = fmt.Fprintf(std.out, "asked %s to go on without revision %d of %s, a %s\n", s.Name, at.Revision, at.Stream, at.EventType)
		return err
	})
}

// find is what is parked of a stream, of all where none is named. Nothing is an error.
func find(ctx context.Context, by parking, model, stream string) ([]projections.Parked, error) {
	parked, err := by.Parked(ctx, model)
	if err != nil || stream == "" && len(parked) > 0 {
		return parked, err
	}
	for _, p := range parked {
		if string(p.Stream) == stream {
			return []projections.Parked{p}, nil
		}
	}
	if stream == "" {
		return nil, fmt.Errorf("%s has parked nothing", model)
	}
	return nil, fmt.Errorf("%s has not parked %s", model, stream)
}

// parking has use ask what is parked, and say what is to become of it.
func (t *modelsTarget) parking(ctx context.Context, std streams, use func(parking) error) error {
	if t.Server != "" {
		server, err := t.remote()
		if err != nil {
			return err
		}
		return use(server)
	}
	return t.open(ctx, std, func(store *eventstore.Store, pool *pgxpool.Pool) error {
		return callers(use(parkedHere{readmodels.NewModels(pool), commands.New(store, commands.Config{})}))
	})
}

// parkedHere reads Postgres and writes to the log, beside servers that run or for the
// next one that does.
type parkedHere struct {
	models   readmodels.Models
	commands *commands.Handler
}

// Parked asks Postgres.
func (p parkedHere) Parked(ctx context.Context, model string) ([]projections.Parked, error) {
	if _, err := projections.Named(p.models.Projections(), model); err != nil {
		return nil, err
	}
	return p.models.Parked.Of(ctx, model)
}

// Ask leaves an event, whose actor is who runs this program.
func (p parkedHere) Ask(ctx context.Context, model string, c readmodel.Command, reason string) error {
	actor := "crm projections"
	if who, err := user.Current(); err == nil {
		actor += ", " + who.Username
	}
	_, err := p.commands.Do(ctx, commands.Ask{
		Target: domain.ReadModelNamed(model).UUID, Command: c,
		Meta: domain.Meta{
			OccurredAt: time.Now().UTC().Truncate(time.Microsecond), Actor: actor, Reason: domain.Personal(reason),
			Command: domain.CommandRef{ID: uuid.New()},
		},
	})
	return err
}

// Parked asks the server.
func (m *remoteModels) Parked(ctx context.Context, model string) ([]projections.Parked, error) {
	var answer struct {
		Data []struct {
			Stream    domain.Stream
			Revision  domain.Revision
			Position  string
			EventID   uuid.UUID `json:"event_id"`
			EventType string    `json:"event_type"`
			Class     projections.Class
			Table     string
			Detail    string
			Attempts  int
			Waiting   int64
			ParkedAt  time.Time `json:"parked_at"`
		}
	}
	if err := m.ask(ctx, http.MethodGet, "/"+url.PathEscape(model)+"/parked", nil, &answer); err != nil {
		return nil, err
	}
	parked := make([]projections.Parked, len(answer.Data))
	for i, s := range answer.Data {
		position, err := domain.ParsePosition(s.Position)
		if err != nil {
			return nil, fmt.Errorf("the server's answer: %w", err)
		}
		parked[i] = projections.Parked{
			Stream: s.Stream, Revision: s.Revision, Position: position, EventID: s.EventID, EventType: s.EventType,
			Class: s.Class, Table: s.Table, Detail: s.Detail, Attempts: s.Attempts, Waiting: s.Waiting, ParkedAt: s.ParkedAt,
		}
	}
	return parked, nil
}

// Ask has the server take the command.
func (m *remoteModels) Ask(ctx context.Context, model string, c readmodel.Command, reason string) error {
	body := struct {
		Stream   domain.Stream    `json:"stream,omitempty"`
		Revision *domain.Revision `json:"revision,omitempty"`
		Reason   string           `json:"reason,omitempty"`
	}{Reason: reason}
	path := "/retry"
	switch c := c.(type) {
	case readmodel.Retry:
		body.Stream = c.Stream
	case readmodel.SkipEvent:
		path, body.Stream, body.Revision = "/skip", c.Stream, &c.Revision
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	at := strings.TrimSuffix(m.server, "/") + "/v1/projections/" + url.PathEscape(model) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", uuid.NewString())
	response, err := send(m.client, m.key, request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
