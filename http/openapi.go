package http

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"crm/http/access"
)

const description = `Commands change, queries read. Every command leaves events in the log; the read models follow within milliseconds.

**Safe to retry.** Send an Idempotency-Key with a command. The same key with the same body is carried out once and answered as the first time, also where the answer was a refusal (404, 409, 422); such an answer says Idempotent-Replayed: true. With another body, resource or path the key is refused with 422, and while its command is being carried out with 409 and Retry-After. Answers are remembered for 24 hours; what a command changed, it changes once for ever. 400, 401, 403, 412, 413, 415, 428, 429 and 5xx leave the key free.

**Read your own write.** A command answers Crm-Position; give it to a read as min_position.

**No lost update.** ETag is a revision; send it as If-Match and a command is refused with 412 when someone else wrote first. Or send it as based_on: then only a command that sets a field which someone else has changed since is refused, with 409 and both values.

**Under load** a request that cannot be answered in time is refused at once with 503 overloaded and Retry-After; nothing of it was done.

**Errors** are application/problem+json (RFC 9457); their type is a page of this server.

**Who may what.** An operation names the action that it takes; a role has actions, and a key a role: reader, analyst, service, marketing, sales, auditor or admin. Without the action it is 403. A key may be limited to the customers and deals of one owner: others do not exist for it, and what is about all is 403. A key that does not see what is personal gets answers without it, in which every object that lost something says "masked": true; it can neither search, filter nor sort by it.

**Limits.** Bodies 1 MiB, batches 8 MiB and 500 commands, JSON 32 levels deep, headers 32 KiB, lists 200 rows a page.`

// openAPI is the document before any operation is in it.
func (s *Server) openAPI() huma.Config {
	integer, text := &huma.Schema{Type: "integer"}, &huma.Schema{Type: "string"}
	one, keyLength := 1, 255
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "CRM", Version: s.cfg.Version, Description: description},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"key": {Type: "http", Scheme: "bearer", Description: "An API key."},
				},
				Parameters: map[string]*huma.Param{
					"id": {
						Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: "string", Format: "uuid"},
						Description: "The id of what the command is about.",
					},
					"part": {
						Name: "part", In: "path", Required: true, Schema: text,
						Description: "The part's id: a UUID, a stage's id, or a consent as purpose:channel.",
					},
					"name": {Name: "name", In: "path", Required: true, Schema: text, Description: "A read model.", Example: "customers"},
					"idempotencyKey": {
						Name: "Idempotency-Key", In: "header",
						Schema:      &huma.Schema{Type: "string", MinLength: &one, MaxLength: &keyLength},
						Description: "Visible ASCII, at least as hard to guess as a UUID. The same key is the same command and gets the same answer, for at least 24 hours; without one a retry is a new command.",
					},
					"ifMatch": {
						Name: "If-Match", In: "header", Schema: text, Example: `"3"`,
						Description: "The revision that the resource must have, as ETag gave it, or *. Otherwise 412.",
					},
					"correlationId": {
						Name: "X-Correlation-Id", In: "header", Schema: text,
						Description: "Names the conversation; kept with the events. Default: the request's id.",
					},
				},
				Headers: map[string]*huma.Header{
					"etag":     {Description: "The revision after the command.", Schema: text},
					"position": {Description: "Where in the log the command stands; min_position of a read.", Schema: text},
					"location": {Description: "Where what was created is read.", Schema: text},
					"replayed": {Description: "true: the answer is the one that an earlier request with this Idempotency-Key got.", Schema: text},
					"retry":    {Description: "Seconds to wait.", Schema: integer},
				},
			},
			Security: []map[string][]string{{"key": {}}},
			Tags: []*huma.Tag{
				{Name: "customers", Description: "Persons and organizations, from the first touch on: details, contact points, links, consents, interactions."},
				{Name: "deals", Description: "Opportunities, their stages, amounts and line items, and how they close."},
				{Name: "pipelines", Description: "The stages that deals move through, and the board."},
				{Name: "employees", Description: "Who owns customers and deals."},
				{Name: "products", Description: "The catalogue that line items are taken from."},
				{Name: "consents", Description: "Whether a customer may be contacted."},
				{Name: "reports", Description: "Figures, as of any date, each with the events behind it."},
				{Name: "events", Description: "The log itself, to follow from any position."},
				{Name: "projections", Description: "The read models: how far they are, and their rebuild, comparison and repair."},
				{Name: "keys", Description: "Who may ask, and what. Changes are events; a revoked key lets nobody in within a second, on every server."},
				{Name: "imports", Description: "Files that become customers, deals, consents and so on."},
				{Name: "webhooks", Description: "Endpoints of other programs that are told of events, by reference and signed: Standard Webhooks."},
				{Name: "commands", Description: "Many commands in one request."},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{sparse, mask},
	}
}

// operation is a command's part of the document.
func (s *Server) operation(c *command) *huma.Operation {
	components := s.api.OpenAPI().Components
	op := &huma.Operation{
		OperationID: c.name, Method: c.method, Path: c.path, Summary: c.summary,
		Description: "Command `" + c.name + "`.",
		Tags:        []string{strings.Split(c.path, "/")[2]},
		Security:    security(c.needs),
		RequestBody: &huma.RequestBody{
			Required: len(c.required) > 0,
			Content:  map[string]*huma.MediaType{"application/json": {Schema: components.Schemas.Schema(c.body, true, "")}},
		},
	}
	for _, name := range []string{"id", "part", "name"} {
		if strings.Contains(c.path, "{"+name+"}") {
			op.Parameters = append(op.Parameters, &huma.Param{Ref: "#/components/parameters/" + name})
		}
	}
	for _, name := range []string{"idempotencyKey", "ifMatch", "correlationId"} {
		op.Parameters = append(op.Parameters, &huma.Param{Ref: "#/components/parameters/" + name})
	}
	headers := map[string]*huma.Param{
		"ETag":         {Ref: "#/components/headers/etag"},
		"Crm-Position": {Ref: "#/components/headers/position"},

		"Idempotent-Replayed": {Ref: "#/components/headers/replayed"},
	}
	status, meaning := "200", "Done, or already so."
	if c.creates() {
		status, meaning = "201", "Created, or created before by the same command."
		headers["Location"] = &huma.Param{Ref: "#/components/headers/location"}
	}
	receipt := reflect.TypeFor[ReceiptBody]()
	switch {
	case c.signing:
		receipt = reflect.TypeFor[signingReceipt]()
	case c.secret:
		receipt = reflect.TypeFor[secretReceipt]()
	}
	op.Responses = s.responses(status, meaning, receipt, headers)
	return op
}

// batchName is the operation that carries out many commands.
const batchName = "commands"

// batchOperation is the batch's part of the document.
func (s *Server) batchOperation() *huma.Operation {
	schemas := s.api.OpenAPI().Components.Schemas
	op := &huma.Operation{
		OperationID: batchName, Method: http.MethodPost, Path: "/v1/commands",
		Summary: "Carry out up to 500 commands", Tags: []string{"commands"}, Security: security(access.CommandsSend),
		Description: "Each entry names a command (the operation id of its own path) and is answered as there. Pointers in an entry's problem are into the entry.",
		Parameters:  []*huma.Param{{Ref: "#/components/parameters/correlationId"}},
		RequestBody: &huma.RequestBody{
			Required: true,
			Content:  map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[batchBody](), true, "")}},
		},
	}
	op.Responses = s.responses("200", "A result for each command.", reflect.TypeFor[batchAnswer](), map[string]*huma.Param{
		"Crm-Position": {Ref: "#/components/headers/position"},
	})
	return op
}

// responses are an operation's answer and its problems.
func (s *Server) responses(status, meaning string, body reflect.Type, headers map[string]*huma.Param) map[string]*huma.Response {
	schemas := s.api.OpenAPI().Components.Schemas
	return map[string]*huma.Response{
		status: {
			Description: meaning, Headers: headers,
			Content: map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(body, true, "")}},
		},
		"default": {
			Description: "A problem.",
			Content: map[string]*huma.MediaType{
				"application/problem+json": {Schema: schemas.Schema(reflect.TypeFor[Problem](), true, "")},
			},
		},
	}
}

func (s *Server) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.document) // the caller has gone
}
