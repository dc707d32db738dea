package http

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/http/access"
	"crm/http/credentials"
	"crm/http/webhooks"
)

// command describes one command once. It yields the route, its part of the
// OpenAPI document, and the entry for POST /v1/commands.
type command struct {
	name    string // "deal.win"
	needs   access.Action
	method  string
	path    string // with {id} for the target and {part} for a part of it, or {name} for a read model
	summary string
	body    reflect.Type
	// required are the names that a body must have.
	required []string
	// secret: the command makes a secret, which its answer shows and no batch has room
	// for.
	secret bool
	// signing: the secret is one with which is signed.
	signing bool
	// before is done before the command is carried out; nil: nothing.
	before func(ctx context.Context, s *Server, a *ask) error
	// read makes the command out of a body.
	read func(s *Server, at place, body jsontext.Value) (reading, error)
}

// place is where a command comes from: what reading it takes beside its decoded body.
type place struct {
	command uuid.UUID // its id
	target  uuid.UUID // that of the path or of the entry in a batch; zero for a command that creates
	part    string    // of the path, or of the entry in a batch
	made    bool      // the part is one that the command makes, if it leaves an event
	body    jsontext.Value
	beside
}

// beside is what goes with a command and is not part of it.
type beside struct {
	secret  credentials.Token                 // that the command makes
	signing *webhooks.Secret                  // likewise, one with which is signed
	after   func(context.Context, *ask) error // follows a command that was carried out
}

// reading is a command as it was read.
type reading struct {
	command domain.Command
	about   *Envelope
	target  uuid.UUID // of what a creating command creates
	part    string    // the part it made or is about
	made    bool      // made, rather than is about
	beside
}

// creates reports whether the command brings an aggregate into being.
func (c *command) creates() bool { return !strings.Contains(c.path, "{id}") && !c.named() }

// named reports whether the command is about a read model, whose name stands for a
// part.
func (c *command) named() bool { return strings.Contains(c.path, "{name}") }

// hasPart reports whether the command is about a part of its aggregate.
func (c *command) hasPart() bool { return strings.Contains(c.path, "{part}") || c.named() }

// withSecret says that the command makes a secret.
func (c *command) withSecret() *command {
	c.secret = true
	return c
}

// preparedBy has something done before the command is carried out, which may refuse it.
func (c *command) preparedBy(done func(ctx context.Context, s *Server, a *ask) error) *command {
	c.before = done
	return c
}

// prepare does what is to be done before the command is carried out.
func (s *Server) prepare(ctx context.Context, a *ask) error {
	if a.command.before == nil {
		return nil
	}
	return a.command.before(ctx, s, a)
}

// body is a pointer to a request body.
type body[T any] interface {
	*T
	envelope() *Envelope
}

// describe makes a command out of the function that reads its body.
func describe[T any, B body[T]](name string, needs access.Action, method, path, summary string, read func(s *Server, at *place, body B) (domain.Command, error)) *command {
	c := &command{name: name, needs: needs, method: method, path: "/v1" + path, summary: summary, body: reflect.TypeFor[T]()}
	c.required = requiredNames(c.body)
	c.read = func(s *Server, at place, data jsontext.Value) (reading, error) {
		var value T
		if err := decode(data, &value); err != nil {
			return reading{}, err
		}
		at.body = data
		if err := at.has(c.required); err != nil {
			return reading{}, err
		}
		if bytes.Contains(data, []byte(zeros)) && string(members(data)["id"]) == zeros {
			return reading{}, domain.ErrInvalid.At("/id", "An id of zeros names nothing. Leave it out to get one.")
		}
		made, err := read(s, &at, B(&value))
		result := reading{command: made, about: B(&value).envelope(), part: at.part, made: at.made, beside: at.beside}
		if c.creates() {
			result.target = at.command
			if identified, ok := any(&value).(interface{ chosen() uuid.UUID }); ok && identified.chosen() != uuid.Nil {
				result.target = identified.chosen()
			}
		}
		return result, err
	}
	return c
}

// zeros is the UUID that everywhere else means "none", as JSON.
const zeros = `"00000000-0000-0000-0000-000000000000"`

// NewID is the body's part of a command that creates.
type NewID struct {
	ID uuid.UUID `json:"id,omitzero" format:"uuid" doc:"The id to be; derived from the Idempotency-Key without one."`
}

func (n NewID) chosen() uuid.UUID { return n.ID }

// nothing is the body of a command that needs no more words.
type nothing struct{ Envelope }

// derived is the id of a part that the command makes and nobody has named: the
// same at every try.
func (at *place) derived(what string) uuid.UUID {
	return uuid.NewSHA1(at.command, []byte(what))
}

// partID reads the part as a UUID.
func (at *place) partID() (uuid.UUID, error) {
	id, err := uuid.Parse(at.part)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, &parameterFault{"part", "The part is not a UUID."}
	}
	at.part = id.String()
	return id, nil
}

// has refuses a body without one of the names.
func (at *place) has(names []string) error {
	if len(names) == 0 {
		return nil
	}
	given := members(at.body)
	for _, name := range names {
		if _, ok := given[name]; !ok {
			return domain.ErrInvalid.At("/"+name, "%s is missing.", name)
		}
	}
	return nil
}

// cleared are the fields of a merge patch (RFC 7396) that the body names without
// giving a value: null, or the value that means "not known".
func cleared[D any](at *place, fields domain.Fields[D], set D) []string {
	var names []string
	given := members(at.body)
	for _, field := range fields {
		if _, named := given[field.Name]; named && !fields.Set(&set, field.Name) {
			names = append(names, field.Name)
		}
	}
	return names
}

// requiredNames are the top-level names that a body must have: those that are
// not omitted when empty.
func requiredNames(t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		if field.Anonymous {
			names = append(names, requiredNames(field.Type)...)
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !strings.Contains(options, "omit") {
			names = append(names, name)
		}
	}
	return names
}

// ask is a command of a request, ready to be carried out.
type ask struct {
	commands.Ask
	command *command
	key     string // the caller's idempotency key; empty without one
	body    []byte // as it is compared with an earlier one
	part    string
	made    bool // the part is there only if the command left an event
	beside
}

// entry is what a request or an entry of a batch says beside the body.
type entry struct {
	target uuid.UUID
	part   string
	key    string
	match  precondition
	within domain.EmployeeID // whose rows are all there is for the caller
}

// ask reads one command. It is the same for a request of its own and for one of
// a batch, so that both refuse the same and a retry may come either way.
func (s *Server) ask(c *command, meta domain.Meta, e entry, data jsontext.Value) (*ask, error) {
	if c.named() {
		model, err := s.named(e.part)
		if err != nil {
			return nil, err
		}
		e.target = model.UUID
	}
	at := place{command: commandID(meta.Actor, e.key), target: e.target, part: e.part}
	read, err := c.read(s, at, data)
	if err != nil {
		return nil, err
	}
	if err := read.about.fill(&meta, s.cfg.Now()); err != nil {
		return nil, err
	}
	if s.unconditional(c, e, read.about) {
		return nil, ErrConditionMissing
	}
	compacted := compact(data)
	meta.Command = domain.CommandRef{ID: at.command, Fingerprint: fingerprint(c.name, e.target, e.part, compacted)}
	target := e.target
	if c.creates() {
		target = read.target
		if e.match.exists {
			return nil, domain.ErrStale.At("", "If-Match: * asks for something that exists already.")
		}
	}
	return &ask{
		Ask:     commands.Ask{Target: target, Command: read.command, Meta: meta, Within: e.within, IfMatch: e.match.revision, BasedOn: (*domain.Revision)(read.about.BasedOn)},
		command: c, key: e.key, body: compacted, part: read.part, made: read.made, beside: read.beside,
	}, nil
}

// ReceiptBody is the answer to a command. It is exported because huma passes over
// what is not, where it is embedded.
type ReceiptBody struct {
	ID       uuid.UUID       `json:"id" format:"uuid" doc:"The customer, deal, pipeline, employee, product or read model that the command was about."`
	Part     string          `json:"part,omitempty" doc:"The contact point, line item, interaction, consent or stage that the command made or was about. Absent where it made none: what it asks for was there under another id."`
	Revision domain.Revision `json:"revision" doc:"Of the stream after the command; the same as ETag. Consents and interactions of a customer have revisions of their own."`
	Position string          `json:"position" doc:"Where in the log the command's last event stands; the same as Crm-Position. Give it to a read as min_position to see the change."`
	Events   int             `json:"events" doc:"How many events the command left. 0: it was already so."`
}

func (a *ask) receipt(receipt domain.Receipt) ReceiptBody {
	part := a.part
	if a.made && receipt.Events == 0 {
		part = ""
	}
	return ReceiptBody{ID: a.Target, Part: part, Revision: receipt.Revision, Position: receipt.Position.String(), Events: receipt.Events}
}

func (a *ask) status() int {
	if a.command.creates() {
		return http.StatusCreated
	}
	return http.StatusOK
}

// serve answers the command's own route.
func (s *Server) serve(c *command) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := s.readAsk(c, w, r)
		if err != nil {
			fail(w, r, err)
			return
		}
		leave, err := s.writing.enter(r.Context(), len(a.body)) // not before the body is here: who sends slowly must not keep a place
		if err != nil {
			fail(w, r, err)
			return
		}
		defer leave()
		if err := s.prepare(r.Context(), a); err != nil {
			fail(w, r, err)
			return
		}
		ctx, traced := s.spanOf(r.Context(), c.name)
		done := s.carryOut(ctx, []*ask{a}, s.alone)[0]
		traced(done.problem)
		header := w.Header()
		if done.replayed {
			header.Set("Idempotent-Replayed", "true")
		}
		if done.problem != nil {
			done.problem.write(w)
			return
		}
		if err := a.settle(r.Context()); err != nil {
			fail(w, r, err)
			return
		}
		receipt := done.receipt
		header.Set("ETag", etag(receipt.Revision))
		header.Set("Crm-Position", receipt.Position.String())
		if c.creates() {
			header.Set("Location", c.path+"/"+a.Target.String())
		}
		if !c.secret {
			answer(w, a.status(), a.receipt(receipt))
			return
		}
		revealed, err := s.reveal(r.Context(), a, a.receipt(receipt))
		if err != nil {
			fail(w, r, err)
			return
		}
		answer(w, a.status(), revealed)
	}
}

func (s *Server) readAsk(c *command, w http.ResponseWriter, r *http.Request) (*ask, error) {
	for name := range r.URL.Query() {
		return nil, &parameterFault{name, "A command takes no query parameters."}
	}
	meta, err := requestMeta(r)
	if err != nil {
		return nil, err
	}
	e := entry{within: principalOf(r.Context()).Scope}
	if e.key, err = idempotencyKey(r); err != nil {
		return nil, err
	}
	if e.match, err = ifMatch(r); err != nil {
		return nil, err
	}
	if !c.creates() && !c.named() {
		if e.target, err = uuid.Parse(chi.URLParam(r, "id")); err != nil || e.target == uuid.Nil {
			return nil, &parameterFault{"id", "The id is not a UUID."}
		}
	}
	if c.hasPart() {
		e.part = cmp.Or(chi.URLParam(r, "part"), chi.URLParam(r, "name"))
		if r.URL.RawPath != "" { // chi has matched the path as it was sent: newsletter%3Aemail
			if e.part, err = url.PathUnescape(e.part); err != nil {
				return nil, &parameterFault{"part", "The part is not percent-encoded rightly."}
			}
		}
	}
	data, err := readBody(w, r, maxBody)
	if err != nil {
		return nil, err
	}
	return s.ask(c, meta, e, data)
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // plain fields only; the recovery logs it
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the caller has gone
}
