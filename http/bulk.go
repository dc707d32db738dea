package http

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"crm/domain"
	"crm/http/access"
)

// maxCommands is how many commands a batch may hold.
const maxCommands = 500

// batchBody is what POST /v1/commands takes.
type batchBody struct {
	Commands []batchEntry `json:"commands" minItems:"1" maxItems:"500" doc:"Carried out as if one after the other. A refused one does not stop the others."`
}

type batchEntry struct {
	Command        string    `json:"command" doc:"The command's name." example:"deal.win"`
	Target         uuid.UUID `json:"target,omitzero" format:"uuid" doc:"What the command is about: the {id} of its own path. Absent for a command that creates."`
	Part           string    `json:"part,omitempty" doc:"The {part} of its own path, or the {name}."`
	IdempotencyKey string    `json:"idempotency_key,omitempty" minLength:"1" maxLength:"255" doc:"As the header Idempotency-Key of a request of its own."`
	IfMatch        *int64    `json:"if_match,omitempty" minimum:"0" doc:"The revision that the target must have."`
	Body           rawBody   `json:"body,omitzero" doc:"The body that the command's own path takes."`
}

// rawBody is a body that is read when it is known what it should be.
type rawBody struct{ jsontext.Value }

// IsZero reports whether there is none.
func (b rawBody) IsZero() bool { return len(b.Value) == 0 }

// Schema says that it is an object.
func (rawBody) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// batchAnswer is what it answers.
type batchAnswer struct {
	Results []batchResult `json:"results" doc:"One for each command, in their order."`
}

type batchResult struct {
	Status   int              `json:"status" doc:"The HTTP status that the command's own path would have answered."`
	ID       *uuid.UUID       `json:"id,omitempty" format:"uuid"`
	Part     string           `json:"part,omitempty"`
	Revision *domain.Revision `json:"revision,omitempty"`
	Position string           `json:"position,omitempty"`
	Events   *int             `json:"events,omitempty"`
	Replayed bool             `json:"replayed,omitempty" doc:"The answer is the one that an earlier request with this idempotency key got; as the header Idempotent-Replayed."`
	Problem  *Problem         `json:"problem,omitempty" doc:"Why the command was refused; in place of a receipt."`
}

// serveBatch answers POST /v1/commands.
func (s *Server) serveBatch(w http.ResponseWriter, r *http.Request) {
	meta, entries, err := s.readBatch(w, r)
	if err != nil {
		fail(w, r, err)
		return
	}
	bytes := 0
	for _, e := range entries {
		bytes += len(e.Body.Value)
	}
	s.writing.within(w, r, bytes, func() { s.answerBatch(w, r, meta, entries) })
}

// answerBatch answers a batch that was read and let in.
func (s *Server) answerBatch(w http.ResponseWriter, r *http.Request, meta domain.Meta, entries []batchEntry) {
	results := make([]batchResult, len(entries))
	asks := make([]*ask, 0, len(entries))
	places := make([]int, 0, len(entries))
	for i, e := range entries {
		a, err := s.batchAsk(principalOf(r.Context()), meta, e)
		if err == nil {
			err = s.prepare(r.Context(), a)
		}
		if err != nil {
			problem := problemOf(r.Context(), err)
			results[i] = batchResult{Status: problem.Status, Problem: problem}
			continue
		}
		asks, places = append(asks, a), append(places, i)
	}
	var last domain.Position
	ctx, traced := s.spanOf(r.Context(), batchName)
	defer traced(nil)
	for k, done := range s.carryOut(ctx, asks, s.cfg.Commands.DoAll) {
		result := &results[places[k]]
		if result.Replayed = done.replayed; done.problem != nil {
			done.problem.within("/body")
			result.Status, result.Problem = done.problem.Status, done.problem
			continue
		}
		if err := asks[k].settle(r.Context()); err != nil {
			result.Problem = problemOf(r.Context(), err)
			result.Status = result.Problem.Status
			continue
		}
		if last.Before(done.receipt.Position) {
			last = done.receipt.Position
		}
		receipt := asks[k].receipt(done.receipt)
		result.Status = asks[k].status()
		result.ID, result.Part, result.Revision = &receipt.ID, receipt.Part, &receipt.Revision
		result.Position, result.Events = receipt.Position, &receipt.Events
	}
	w.Header().Set("Crm-Position", last.String())
	answer(w, http.StatusOK, batchAnswer{Results: results})
}

func (s *Server) readBatch(w http.ResponseWriter, r *http.Request) (domain.Meta, []batchEntry, error) {
	for name := range r.URL.Query() {
		return domain.Meta{}, nil, &parameterFault{name, "A batch takes no query parameters."}
	}
	for _, name := range []string{"Idempotency-Key", "If-Match"} {
		if r.Header.Get(name) != "" {
			return domain.Meta{}, nil, &headerFault{name, "In a batch this stands with each command."}
		}
	}
	meta, err := requestMeta(r)
	if err != nil {
		return meta, nil, err
	}
	data, err := readBody(w, r, maxBatchBody)
	if err != nil {
		return meta, nil, err
	}
	var batch batchBody
	if err := decode(data, &batch); err != nil {
		return meta, nil, err
	}
	if n := len(batch.Commands); n < 1 || n > maxCommands {
		return meta, nil, domain.ErrInvalid.At("/commands", "A batch holds 1 to %d commands, not %d.", maxCommands, n)
	}
	return meta, batch.Commands, nil
}

// batchAsk reads one command of a batch.
func (s *Server) batchAsk(asks access.Principal, meta domain.Meta, b batchEntry) (*ask, error) {
	c, known := s.commands[b.Command]
	switch {
	case !known:
		return nil, ErrNoCommand.At("/command", "There is no command %s.", strconv.Quote(b.Command))
	case !asks.May(c.needs):
		return nil, asks.Check(c.needs)
	case c.secret:
		return nil, ErrNoCommand.At("/command", "The answer to %s holds a secret. Send it to its own path.", c.name)
	case c.creates() && b.Target != uuid.Nil:
		return nil, domain.ErrInvalid.At("/target", "A command that creates names what it creates as id in its body.")
	case c.named() && b.Target != uuid.Nil:
		return nil, domain.ErrInvalid.At("/target", "The command is about a read model, whose name is its part.")
	case !c.creates() && !c.named() && b.Target == uuid.Nil:
		return nil, domain.ErrInvalid.At("/target", "The target is missing.")
	case c.hasPart() && b.Part == "":
		return nil, domain.ErrInvalid.At("/part", "The part is missing.")
	case !c.hasPart() && b.Part != "":
		return nil, domain.ErrInvalid.At("/part", "The command is about no part.")
	case b.IdempotencyKey != "" && !isKey(b.IdempotencyKey):
		return nil, domain.ErrInvalid.At("/idempotency_key", "A key is 1 to 255 visible ASCII characters.")
	case b.IfMatch != nil && *b.IfMatch < 0:
		return nil, domain.ErrInvalid.At("/if_match", "A revision is not negative.")
	case int64(len(b.Body.Value)) > maxBody:
		return nil, ErrBodyTooLarge
	}
	e := entry{target: b.Target, part: b.Part, key: b.IdempotencyKey, within: asks.Scope}
	if b.IfMatch != nil {
		revision := domain.Revision(*b.IfMatch)
		e.match.revision = &revision
	}
	data := b.Body.Value
	if b.Body.IsZero() {
		data = jsontext.Value("{}")
	}
	a, err := s.ask(c, meta, e, data)
	if fault, ok := errors.AsType[*parameterFault](err); ok {
		return nil, ErrParameter.At("/"+fault.name, "%s", fault.detail)
	}
	return a, domain.Within("/body", err)
}
