package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"crm/domain"
)

// Problem is an error as the caller reads it (RFC 9457).
type Problem struct {
	Type      string  `json:"type" format:"uri-reference" doc:"What kind of problem it is: a page of this server that explains it. Stable." example:"/problems/deal-not-open"`
	Title     string  `json:"title" doc:"The kind of problem in a few words." example:"Deal not open"`
	Status    int     `json:"status" doc:"The HTTP status." example:"409"`
	Detail    string  `json:"detail" doc:"What is wrong and what can be done." example:"The deal is closed. Reopen it first."`
	RequestID string  `json:"request_id,omitempty" doc:"Names this request in the server's log."`
	Errors    []Fault `json:"errors,omitempty" nullable:"false" doc:"The places that are wrong."`

	Conflicts []Conflict `json:"conflicts,omitempty" nullable:"false" doc:"Of field-conflict: the fields that someone else has changed meanwhile."`
}

// Fault is one place of a request that is wrong.
type Fault struct {
	Pointer   string `json:"pointer,omitempty" doc:"JSON pointer into the body (RFC 6901)." example:"/contact_points/0/value"`
	Parameter string `json:"parameter,omitempty" doc:"Name of the path or query parameter."`
	Header    string `json:"header,omitempty" doc:"Name of the header."`
	Detail    string `json:"detail" doc:"What is wrong there."`
}

// Conflict is a field that two have changed.
type Conflict struct {
	Field    string `json:"field" doc:"As the card names it; of what there are several name/key." example:"job_title"`
	Original any    `json:"original,omitempty" doc:"Its value at based_on; absent where it had none."`
	Theirs   any    `json:"theirs,omitempty" doc:"Its value now."`
	Yours    any    `json:"yours,omitempty" doc:"The value that this command asks for."`
	Masked   bool   `json:"masked,omitempty" doc:"The values are left out: they are personal, and the key's role does not show such."`
}

// UnmarshalJSON keeps the values as they were written.
func (c *Conflict) UnmarshalJSON(data []byte) error {
	var written struct {
		Field                   string
		Original, Theirs, Yours json.RawMessage
		Masked                  bool
	}
	if err := json.Unmarshal(data, &written); err != nil {
		return err
	}
	*c = Conflict{Field: written.Field, Masked: written.Masked}
	for to, value := range map[*any]json.RawMessage{&c.Original: written.Original, &c.Theirs: written.Theirs, &c.Yours: written.Yours} {
		if value != nil {
			*to = value
		}
	}
	return nil
}

// conflictsOf are the fields in conflict as somebody may see them.
func conflictsOf(fields []domain.FieldDifference, personal bool) []Conflict {
	list := make([]Conflict, len(fields))
	for i, f := range fields {
		list[i] = Conflict{Field: f.Field, Original: f.Original, Theirs: f.Theirs, Yours: f.Yours}
		for _, value := range []any{f.Original, f.Theirs, f.Yours} {
			if _, hidden := value.(domain.Personal); hidden && !personal {
				list[i] = Conflict{Field: f.Field, Masked: true}
			}
		}
	}
	return list
}

// The refusals of this room.
var (
	ErrMalformed    = &domain.Error{Code: domain.Invalid, Slug: "malformed-body", Detail: "The body is not one valid JSON value: UTF-8, no name twice in an object, at most 32 levels deep."}
	ErrUnknownField = &domain.Error{Code: domain.Invalid, Slug: "unknown-field", Detail: "The body has a field that does not exist there."}
	ErrParameter    = &domain.Error{Code: domain.Invalid, Slug: "invalid-parameter", Detail: "A path or query parameter is unknown or not valid."}
	ErrHeader       = &domain.Error{Code: domain.Invalid, Slug: "invalid-header", Detail: "A header is not valid."}
	ErrMediaType    = &domain.Error{Code: domain.Invalid, Slug: "unsupported-media-type", Detail: "Send application/json."}
	ErrBodyTooLarge = &domain.Error{Code: domain.Invalid, Slug: "body-too-large", Detail: "The body is too large: 1 MiB for a command, 8 MiB for a batch."}
	ErrBodyTooSlow  = &domain.Error{Code: domain.Invalid, Slug: "body-too-slow", Detail: "The body did not come within 15 seconds. Nothing was done."}
	ErrNoCommand    = &domain.Error{Code: domain.Invalid, Slug: "command-unknown", Detail: "There is no command of that name."}
	ErrKeyMissing   = &domain.Error{Code: domain.Forbidden, Slug: "unauthenticated", Detail: "Send a valid API key: Authorization: Bearer KEY."}
	ErrNoRoute      = &domain.Error{Code: domain.NotFound, Slug: "path-unknown", Detail: "There is nothing at this path."}
	ErrMethod       = &domain.Error{Code: domain.Invalid, Slug: "method-not-allowed", Detail: "The path does not take this method."}
	ErrNotAccepted  = &domain.Error{Code: domain.Invalid, Slug: "not-acceptable", Detail: "Answers are application/json."}
	ErrTimedOut     = &domain.Error{Code: domain.Unavailable, Slug: "timed-out", Detail: "The request took too long. Nothing is known of its outcome; a command is safe to send again with the same Idempotency-Key."}
	ErrInternal     = &domain.Error{Code: domain.Unavailable, Slug: "internal", Detail: "Something went wrong in the server. It is logged under the request's id."}
)

var statuses = map[domain.Code]int{
	domain.Invalid:     http.StatusUnprocessableEntity,
	domain.NotFound:    http.StatusNotFound,
	domain.Forbidden:   http.StatusForbidden,
	domain.Conflict:    http.StatusConflict,
	domain.Stale:       http.StatusPreconditionFailed,
	domain.Unavailable: http.StatusServiceUnavailable,
}

// ownStatuses are for what only HTTP tells apart.
var ownStatuses = map[*domain.Error]int{
	ErrMalformed:    http.StatusBadRequest,
	ErrUnknownField: http.StatusBadRequest,
	ErrParameter:    http.StatusBadRequest,
	ErrHeader:       http.StatusBadRequest,
	ErrCursor:       http.StatusBadRequest,
	ErrMediaType:    http.StatusUnsupportedMediaType,
	ErrBodyTooLarge: http.StatusRequestEntityTooLarge,
	ErrKeyMissing:   http.StatusUnauthorized,

	ErrRateLimited:     http.StatusTooManyRequests,
	ErrTooManyFailures: http.StatusTooManyRequests,

	ErrMethod:      http.StatusMethodNotAllowed,
	ErrNotAccepted: http.StatusNotAcceptable,
	ErrInternal:    http.StatusInternalServerError,

	ErrConditionMissing: http.StatusPreconditionRequired,
	ErrBodyTooSlow:      http.StatusRequestTimeout,
}

func statusOf(refusal *domain.Error) int {
	if status, ok := ownStatuses[refusal]; ok {
		return status
	}
	return statuses[refusal.Code]
}

// headerFault is a header that is not valid.
type headerFault struct{ name, detail string }

func (h *headerFault) Error() string { return "header " + h.name + ": " + h.detail }
func (h *headerFault) Unwrap() error { return ErrHeader }

// parameterFault is a path or query parameter that is not valid.
type parameterFault struct{ name, detail string }

func (p *parameterFault) Error() string { return "parameter " + p.name + ": " + p.detail }
func (p *parameterFault) Unwrap() error { return ErrParameter }

// problemOf says an error in the caller's words. What is none of the refusals is
// ours to mend: the caller is told nothing of it, and the request's log line
// carries the whole chain.
func problemOf(ctx context.Context, err error) *Problem {
	x := exchangeOf(ctx)
	refusal, known := errors.AsType[*domain.Error](err)
	switch {
	case known:
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		refusal = ErrTimedOut
	default:
		refusal = ErrInternal
	}
	if refusal.Code == domain.Unavailable && refusal != ErrOverloaded && !errors.Is(err, context.Canceled) { // not when the caller has left
		x.fault = err
	}
	problem := &Problem{
		Type: "/problems/" + refusal.Slug, Title: titleOf(refusal.Slug), Status: statusOf(refusal),
		Detail: refusal.Detail, RequestID: x.id,
	}
	if at, ok := errors.AsType[*domain.Refusal](err); ok {
		problem.Detail = cut(at.Detail)
		problem.Errors = []Fault{{Pointer: cut(at.Pointer), Detail: problem.Detail}}
	}
	if conflict, ok := errors.AsType[*domain.FieldConflict](err); ok {
		problem.Conflicts = conflictsOf(conflict.Fields, x.principal.Personal)
	}
	if at, ok := errors.AsType[*headerFault](err); ok {
		problem.Detail = cut(at.detail)
		problem.Errors = []Fault{{Header: at.name, Detail: problem.Detail}}
	}
	if at, ok := errors.AsType[*parameterFault](err); ok {
		problem.Detail = cut(at.detail)
		problem.Errors = []Fault{{Parameter: cut(at.name), Detail: problem.Detail}}
	}
	return problem
}

// mostTold is how many characters of a detail are told, and of where it is.
const mostTold = 500

// cut is a text as a problem tells it. What is wrong is often part of it, and somebody
// who sends a megabyte need not get it back, nor a batch of them five hundred.
func cut(text string) string {
	if len(text) <= mostTold {
		return text
	}
	runes := []rune(text)
	if len(runes) <= mostTold {
		return text
	}
	return string(runes[:mostTold-1]) + "…"
}

func titleOf(slug string) string {
	title := strings.ReplaceAll(slug, "-", " ")
	return strings.ToUpper(title[:1]) + title[1:]
}

const inProgress = "/problems/in-progress" // answers.ErrInProgress

// headers are what an answer with this problem says beside its body.
func (p *Problem) headers(set func(name, value string)) {
	switch {
	case p.Status == http.StatusServiceUnavailable, p.Type == inProgress:
		set("Retry-After", "1")
	case p.Status == http.StatusUnauthorized:
		set("WWW-Authenticate", `Bearer realm="crm"`)
	}
}

// Error, GetStatus and ContentType make a problem an error of huma's.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is RFC 9457's.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// fail answers with an error.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	problemOf(r.Context(), err).write(w)
}

// write answers with the problem.
func (p *Problem) write(w http.ResponseWriter) {
	p.headers(w.Header().Set)
	var body bytes.Buffer
	_ = json.NewEncoder(&body).Encode(p) // plain fields only
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body.Bytes()) // the caller has gone
}

// What huma finds wrong with a request, and what its handlers return, become
// problems as well.
func init() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return humaProblem(context.Background(), status, message, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		problem := humaProblem(ctx.Context(), status, message, errs)
		problem.headers(ctx.SetHeader)
		return problem
	}
}

func humaProblem(ctx context.Context, status int, message string, errs []error) *Problem {
	switch status {
	case http.StatusInternalServerError:
		return problemOf(ctx, errors.Join(errs...))
	case http.StatusNotAcceptable:
		return problemOf(ctx, ErrNotAccepted)
	}
	problem := problemOf(ctx, ErrParameter)
	for _, err := range errs {
		detail, ok := err.(huma.ErrorDetailer)
		if !ok {
			continue
		}
		found := detail.ErrorDetail()
		if strings.HasPrefix(found.Message, "invalid value: invalid UUID") || strings.HasPrefix(found.Message, "invalid value: invalid urn") {
			found.Message = "The value is not a UUID."
		}
		place, name, _ := strings.Cut(found.Location, ".")
		fault := Fault{Parameter: cut(name), Detail: cut(found.Message)}
		if place == "header" {
			fault = Fault{Header: name, Detail: fault.Detail}
		}
		problem.Errors = append(problem.Errors, fault)
	}
	if len(problem.Errors) > 0 {
		problem.Detail = problem.Errors[0].Detail
	} else if status < http.StatusInternalServerError && message != "" {
		problem.Detail = message
	}
	return problem
}
