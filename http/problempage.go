package http

import (
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"crm/commands"
	"crm/domain"
	"crm/domain/apikey"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/domain/product"
	"crm/http/access"
	"crm/projections"
	"crm/projections/readmodels"
)

// refusals are all errors that have a page, by slug.
var refusals = bySlug(
	domain.ErrInvalid, domain.ErrStale, domain.ErrContended, domain.ErrKeyReused, domain.ErrStoreUnavailable, domain.ErrStorageUnavailable, domain.ErrTooLarge,
	commands.ErrUnknownReference,
	customer.ErrUnknown, customer.ErrAlreadyRegistered, customer.ErrArchived, customer.ErrNoContactPoint,
	customer.ErrNotLinked, customer.ErrNotOrganization, customer.ErrLifecycle,
	deal.ErrUnknown, deal.ErrAlreadyOpened, deal.ErrNotOpen, deal.ErrNoLineItem, deal.ErrOtherPipeline,
	pipeline.ErrUnknown, pipeline.ErrAlreadyDefined, pipeline.ErrNoStage, pipeline.ErrStageExists, pipeline.ErrStageRetired, pipeline.ErrLastStage,
	consent.ErrMissing, consent.ErrObjected, consent.ErrNotRequested,
	interaction.ErrUnknown, interaction.ErrAlreadyLogged,
	employee.ErrUnknown, employee.ErrAlreadyRegistered,
	product.ErrUnknown, product.ErrAlreadyDefined, product.ErrRetired,
	apikey.ErrUnknown, apikey.ErrAlreadyIssued, apikey.ErrRevoked,
	ErrMalformed, ErrUnknownField, ErrParameter, ErrHeader, ErrMediaType, ErrBodyTooLarge, ErrNoCommand, ErrKeyMissing,
	ErrNoRoute, ErrMethod, ErrNotAccepted, ErrTimedOut, ErrInternal, ErrCursor, ErrBehind, access.ErrNotAllowed,
	projections.ErrUnavailable, readmodels.ErrParked, projections.ErrUnknownModel, projections.ErrStopped, errStreamDeleted,
	projections.ErrRebuilding, projections.ErrCancelled, projections.ErrOtherVersion, projections.ErrNothingRetired,
	projections.ErrNoTables, projections.ErrOldBooks, projections.ErrNoSuchVersion, projections.ErrUnknownJob, projections.ErrTooManyJobs,
)

// errStreamDeleted stands in for the event store's refusal of that slug, a room
// that this one does not know.
var errStreamDeleted = &domain.Error{Code: domain.NotFound, Slug: "stream-deleted", Detail: "The resource was deleted from the event store for good."}

func bySlug(list ...*domain.Error) map[string]*domain.Error {
	slugs := map[string]*domain.Error{}
	for _, refusal := range list {
		slugs[refusal.Slug] = refusal
	}
	return slugs
}

// advice is what a caller can do, by kind of problem.
var advice = map[domain.Code]string{
	domain.Invalid:     "Sending the same again will not help: the request itself must change. Where the problem has errors, each points at a place.",
	domain.NotFound:    "What the request is about does not exist here. Check the id.",
	domain.Forbidden:   "The request was not let in. Check the API key, and what its role may.",
	domain.Conflict:    "The request makes sense, but not in the present state. Read the resource, then decide.",
	domain.Stale:       "Someone else wrote first. Read the resource again and decide with what it says now.",
	domain.Unavailable: "Try again after the seconds that Retry-After gives, with the same Idempotency-Key.",
}

var problemPage = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
<p>{{.Detail}}</p>
<p>{{.Advice}}</p>
<p>HTTP status {{.Status}}, type <code>/problems/{{.Slug}}</code>. See <a href="/docs/">the documentation</a>.</p>
{{with .Others}}<p>Other problems:</p>
<ul>{{range .}}
<li><a href="/problems/{{.}}">{{.}}</a></li>{{end}}
</ul>{{end}}
</html>
`))

// serveProblem explains a kind of problem.
func serveProblem(w http.ResponseWriter, r *http.Request) {
	refusal, ok := refusals[chi.URLParam(r, "slug")]
	if !ok {
		fail(w, r, ErrNoRoute)
		return
	}
	var others []string
	for slug := range refusals {
		others = append(others, slug)
	}
	slices.Sort(others)
	var page strings.Builder
	err := problemPage.Execute(&page, map[string]any{
		"Title": titleOf(refusal.Slug), "Slug": refusal.Slug, "Detail": refusal.Detail,
		"Advice": advice[refusal.Code], "Status": statusOf(refusal), "Others": others,
	})
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write([]byte(page.String())) // the caller has gone
}
