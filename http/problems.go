package http

import (
	"crm/commands"
	"crm/domain"
	"crm/domain/apikey"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/importrun"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/domain/product"
	"crm/domain/webhook"
	"crm/http/access"
	"crm/http/answers"
	"crm/http/imports"
	"crm/http/oidc"
	"crm/http/webhooks"
	"crm/projections"
	"crm/projections/lists"
	"crm/projections/readmodels"
)

// errStreamDeleted stands in for the event store's refusal of that slug, a room
// that this one does not know.
var errStreamDeleted = &domain.Error{Code: domain.NotFound, Slug: "stream-deleted", Detail: "The resource was deleted from the event store for good."}

// kind is a kind of problem: a refusal, and what the caller can do about it.
type kind struct {
	*domain.Error
	remedy string
}

// catalogue is every kind of problem that an answer may name, once. What happened
// is the refusal's Detail, where it is declared; what to do stands here. A slug is
// for ever: testdata/problems.json keeps what each has meant.
var catalogue = []kind{
	// Requests that cannot be read.
	{ErrMalformed, "Mend the program that wrote the body: it is not JSON, names a member twice, is not UTF-8 or is nested too deep. Nothing was done."},
	{ErrUnknownField, "Take the field at errors[].pointer out, or spell it as the documentation does. Nothing is ever passed over in silence, so that a misspelt field cannot get lost."},
	{ErrParameter, "Mend or leave out the parameter at errors[].parameter; the operation's documentation has all that it takes."},
	{ErrHeader, "Mend or leave out the header at errors[].header."},
	{ErrCursor, "Begin again without cursor. A cursor is good for the list and the filters that gave it, and only whole."},
	{ErrMediaType, "Send the body as JSON, with Content-Type: application/json."},
	{ErrNotAccepted, "Accept application/json, or leave the Accept header out."},
	{ErrBodyTooLarge, "Send less at once: split a batch, or use an import for many rows."},
	{ErrBodyTooSlow, "Send the request again, over a better connection or in smaller parts. The connection is closed."},
	{domain.ErrTooLarge, "Split the command, or shorten its texts: what it leaves in the log must fit into 1 MiB."},
	{ErrNoCommand, "Name a command as its own path's operation id does, such as deal.win."},
	{ErrNoRoute, "Check the path against the documentation. Paths have no slash at the end."},
	{ErrMethod, "Use one of the methods in the Allow header."},

	// Who asks.
	{ErrKeyMissing, "Send Authorization: Bearer KEY with a key that is known, whole and still valid. Ask whoever runs this server for one."},
	{oidc.ErrNoRole, "Have whoever administers the issuer put the token's bearer into a group that has a role here, and get a fresh token."},
	{oidc.ErrAway, "Ask again after the seconds in Retry-After, with the same token. API keys work meanwhile."},
	{ErrRateLimited, "Ask again after the seconds in Retry-After, and no faster than RateLimit-Limit in a second. Nothing was done. Commands that belong together go into one batch, which is one request."},
	{ErrTooManyFailures, "Find the program at this address that shows a wrong or outdated credential and mend it. Ask again after the seconds in Retry-After."},
	{access.ErrNotAllowed, "Ask with a key whose role may do this, or have the role of this one changed. The operation's documentation names the action that it needs, under security."},

	// Values and rules that any command meets.
	{domain.ErrInvalid, "Change the value at errors[].pointer as errors[].detail says. Sending the same again will not help."},
	{commands.ErrUnknownReference, "Create what errors[].pointer refers to first, or take another id."},
	{domain.ErrKeyReused, "Use a fresh Idempotency-Key for each command, and the same one only to send the very same command again."},
	{answers.ErrInProgress, "Wait for the seconds in Retry-After, then send the same request again: it is answered as the first one was. Nothing is done twice."},
	{ErrOverloaded, "Send it again after the seconds in Retry-After and some random time more, a command with the same Idempotency-Key. If it keeps happening, send less at once."},
	{ErrConditionMissing, "Read the resource, and send its ETag as If-Match, or its revision as based_on."},
	{domain.ErrFieldConflict, "Compare yours with theirs in conflicts, decide, and send the command again with a new Idempotency-Key and with the present revision as based_on."},
	{domain.ErrStale, "Read the resource again, look at what has changed, and decide anew with its present ETag."},
	{domain.ErrContended, "Wait for the seconds in Retry-After, then send the command again with the same Idempotency-Key."},
	{errStreamDeleted, "Nothing can be asked of this resource any more. Register another."},

	// Customers.
	{customer.ErrUnknown, "Check the id. Commands see a customer at once, reads when their read model has caught up: give min_position."},
	{customer.ErrAlreadyRegistered, "Change the customer that has this id, or register with another id, or with none."},
	{customer.ErrArchived, "Restore the customer, then send the command again."},
	{customer.ErrNoContactPoint, "Read the customer's card, which has the ids of its contact points. It may have been removed."},
	{customer.ErrNotLinked, "Read the customer's card, which has its links: organisation and relation must both be as there."},
	{customer.ErrNotOrganization, "Link to a customer of kind organization."},
	{customer.ErrLifecycle, "Read the customer's present stage and take a step that leads on from there."},

	// Deals.
	{deal.ErrUnknown, "Check the id. Commands see a deal at once, reads when their read model has caught up: give min_position."},
	{deal.ErrAlreadyOpened, "Change the deal that has this id, or open one with another id, or with none."},
	{deal.ErrNotOpen, "Reopen the deal, if its close was a mistake, then send the command again."},
	{deal.ErrNoLineItem, "Read the deal's card, which has the ids of its line items. It may have been removed."},
	{deal.ErrOtherPipeline, "Name a stage of the pipeline that the deal is in. A deal stays in its pipeline."},

	// Pipelines.
	{pipeline.ErrUnknown, "Check the id against GET /v1/pipelines."},
	{pipeline.ErrAlreadyDefined, "Change the pipeline that has this id, or define one with another id, or with none."},
	{pipeline.ErrNoStage, "Read the pipeline, which has the ids of its stages."},
	{pipeline.ErrStageExists, "Choose another id for the new stage."},
	{pipeline.ErrStageRetired, "Choose a stage of the pipeline that is not retired."},
	{pipeline.ErrLastStage, "Add another stage before you retire this one."},

	// Consents and interactions.
	{consent.ErrMissing, "Check purpose and channel against the customer's consents. What was never given cannot end."},
	{consent.ErrObjected, "Do not contact the customer for this purpose. Only their own new consent, or another legal basis that the law puts above an objection, changes that."},
	{consent.ErrNotRequested, "Request the consent first, or grant it where the customer has given it at once."},
	{interaction.ErrUnknown, "Check the id against the customer's timeline. An interaction belongs to one customer."},
	{interaction.ErrAlreadyLogged, "Amend the interaction that has this id, or log one with another id, or with none."},

	// Employees and products.
	{employee.ErrUnknown, "Check the id against GET /v1/employees."},
	{employee.ErrAlreadyRegistered, "Change the employee that has this id, or register one with another id, or with none."},
	{product.ErrUnknown, "Check the id against GET /v1/products."},
	{product.ErrAlreadyDefined, "Change the product that has this id, or define one with another id, or with none."},
	{product.ErrRetired, "Choose another product, or name the line item without one."},

	// API keys, imports and webhooks.
	{apikey.ErrUnknown, "Check the id against the list of keys."},
	{apikey.ErrAlreadyIssued, "Take another name for the new key, or rotate the one that has the name."},
	{apikey.ErrRevoked, "Issue a new key, under a new name."},
	{importrun.ErrUnknown, "Check the id against the list of imports."},
	{importrun.ErrAlreadyCreated, "Go on with the import that has this id, or create one with another id, or with none."},
	{importrun.ErrNotDraft, "Create another import for more files."},
	{importrun.ErrNoFiles, "Upload at least one file, then start the import."},
	{importrun.ErrNotRunning, "Read the import's state, which says what can be asked of it now."},
	{importrun.ErrRunning, "Wait until the import has ended, or cancel it."},
	{importrun.ErrNotStarted, "Start the import first."},
	{importrun.ErrOver, "Create another import, with the same files if need be: rows that were taken change nothing the second time."},
	{importrun.ErrUndone, "Create another import with the same files."},
	{imports.ErrFileTooLarge, "Pack the file with gzip, which is unpacked as it is read, or split it into several."},
	{imports.ErrBusy, "Try again when the other dry run is over; or ask crm import --dry-run, which needs no server."},
	{imports.ErrFileUnfit, "Mend the file, or take another mapping. GET the import for what it holds."},
	{importrun.ErrForgotten, "Create another import and upload the files again."},
	{webhook.ErrUnknown, "Check the id against the list of webhooks."},
	{webhook.ErrAlreadyRegistered, "Change the webhook that has this id, or register one with another id, or with none."},
	{webhook.ErrNotActive, "Resume the webhook, then send the command again."},
	{webhook.ErrRemoved, "Register another webhook."},
	{webhooks.ErrAddress, "Give an address that the internet reaches over https. On a laptop, start the server with --webhook-private to send to the machine itself."},
	{webhooks.ErrNoDelivery, "Look the delivery up in the list of the webhook's deliveries, or have it made again by a replay from the position of its event."},

	// Read models.
	{ErrBehind, "Ask again after the seconds in Retry-After, or without min_position if an older answer will do."},
	{lists.ErrTooCostly, "Narrow the question with a filter that few rows meet, sort as the list does by itself, or leave as_of out. The same question takes as long again."},
	{projections.ErrUnavailable, "Ask again after the seconds in Retry-After. Commands are taken all the while."},
	{readmodels.ErrParked, "Operators see what is parked under GET /v1/projections/{name}/parked, and retry or skip it. What the log holds is safe."},
	{projections.ErrOldBooks, "Have an operator rebuild the read model; until then it has no answer for this question."},
	{projections.ErrStopped, "Have an operator look at GET /v1/projections, which says where and why the read model stopped."},
	{projections.ErrUnknownModel, "Take a name from GET /v1/projections."},
	{projections.ErrRebuilding, "Wait for the job that is under way, or cancel it."},
	{projections.ErrCancelled, "Nothing was changed. Start again when you like."},
	{projections.ErrOtherVersion, "Ask a server of the version that built the tables, or rebuild with this one."},
	{projections.ErrNothingRetired, "There is nothing to go back to: the read model was not swapped yet, or too long ago."},
	{projections.ErrNoTables, "Wait until the read model has its first tables, or rebuild it."},
	{projections.ErrNoSuchVersion, "Take a version that GET /v1/projections/builds names."},
	{projections.ErrUnknownJob, "Take an id from GET /v1/projections/jobs of the same server. Jobs do not outlive it."},
	{projections.ErrTooManyJobs, "Wait until a job has ended, or cancel one."},

	// The change feed.
	{ErrAhead, "Check which installation the position is of. If its log was restored from a backup, begin again from the position that the restore came to, or from 0: ids of events tell which ones you have."},
	{ErrFollowers, "Connect again after the seconds in Retry-After, or read pages: GET /v1/events without Accept: text/event-stream. Operators set the bound with --feed-followers."},
	{ErrNoEventHere, "Take the position of an event as the feed gave it."},

	// The server's own trouble.
	{domain.ErrStoreUnavailable, "Send the command again after the seconds in Retry-After, with the same Idempotency-Key: it is stored once, whether or not this try was."},
	{domain.ErrStorageUnavailable, "Have an operator see to the event store's disk; then send the command again with the same Idempotency-Key."},
	{ErrTimedOut, "Send a command again with the same Idempotency-Key, which tells what became of it. Ask a read for less."},
	{ErrInternal, "Report the request_id to whoever runs this server. A command is safe to send again with the same Idempotency-Key."},
}

// kinds is the catalogue by slug.
var kinds = func() map[string]kind {
	slugs := make(map[string]kind, len(catalogue))
	for _, k := range catalogue {
		slugs[k.Slug] = k
	}
	return slugs
}()
