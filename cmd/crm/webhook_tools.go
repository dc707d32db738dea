package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// webhookTools is `crm webhooks`.
type webhookTools struct {
	List       webhooksList       `cmd:"" help:"List the webhooks: where each goes, of what it tells, and since when it fails. Never their secrets."`
	Show       webhooksShow       `cmd:"" help:"Show a webhook, and how it fares."`
	Register   webhooksRegister   `cmd:"" aliases:"create" help:"Have an address told of events from now on, and print the secret with which they are signed. It is shown this once."`
	Change     webhooksChange     `cmd:"" help:"Change where a webhook goes and of what it tells. What is not named stays."`
	Pause      webhooksPause      `cmd:"" help:"Send a webhook nothing for now; what happens waits for it."`
	Resume     webhooksResume     `cmd:"" help:"Send to a paused or disabled webhook again, what waits first."`
	Rotate     webhooksRotate     `cmd:"" help:"Give a webhook another secret and print it. It is shown this once."`
	Ping       webhooksPing       `cmd:"" help:"Send a webhook an event of its own; crm webhooks deliveries tells whether it arrived."`
	Deliveries webhooksDeliveries `cmd:"" help:"List what was sent to a webhook and is to be, the newest first; or the attempts of one delivery."`
	Redeliver  webhooksRedeliver  `cmd:"" help:"Make a delivery again, whatever came of it."`
	Replay     webhooksReplay     `cmd:"" help:"Send a webhook again what it wants to hear of, from a position in the log on."`
	Remove     webhooksRemove     `cmd:"" aliases:"delete" help:"Remove a webhook for ever, with its deliveries and secrets."`
}

// webhookWants are the flags of what a webhook tells of.
type webhookWants struct {
	Category    []string `placeholder:"CATEGORY" help:"Tell of the events of these things, such as deal. Neither these nor --type: of all events, but not those of webhooks."`
	Type        []string `placeholder:"TYPE" help:"Tell of events of these types, too, such as customer.registered."`
	Description string   `help:"What it is for."`
}

// body is what a command says of them; what is not given it leaves out.
func (w *webhookWants) body(address, reason string) map[string]any {
	body := because(reason)
	if address != "" {
		body["url"] = address
	}
	if w.Category != nil {
		body["categories"] = w.Category
	}
	if w.Type != nil {
		body["types"] = w.Type
	}
	if w.Description != "" {
		body["description"] = w.Description
	}
	return body
}

// webhooksRegister is `crm webhooks register`.
type webhooksRegister struct {
	URL    string `arg:"" help:"Where events are sent to: https, port 443 or above 1023, a public address. It stays in the history, so it should hold no secret."`
	Reason string `required:"" help:"Why, for the history."`
	webhookWants
	connection
}

// Run prints the secret and nothing else, so that it can be sent into a file; and on
// standard error whose it is.
func (r *webhooksRegister) Run(ctx context.Context, std streams) error {
	id, err := r.reveal(ctx, std, "/webhooks", r.body(r.URL, r.Reason))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.err, "registered "+id)
	return err
}

// oneWebhook is which webhook is meant, and where.
type oneWebhook struct {
	ID uuid.UUID `arg:"" name:"webhook" help:"The webhook, as crm webhooks list names it."`
	connection
}

func (o *oneWebhook) path() string { return "/webhooks/" + o.ID.String() }

// ask has the server do something with it.
func (o *oneWebhook) ask(ctx context.Context, std streams, path string, body map[string]any, did string) error {
	return o.done(ctx, std, http.MethodPost, o.path()+path, body, did+" "+o.ID.String())
}

// webhooksChange is `crm webhooks change`.
type webhooksChange struct {
	oneWebhook
	URL    string   `name:"url" placeholder:"URL" help:"Where events are sent to."`
	Clear  []string `enum:"categories,types,description" placeholder:"DETAIL" help:"Take these details away: ${enum}."`
	Reason string   `required:"" help:"Why, for the history."`
	webhookWants
}

// Run tells whether anything was different.
func (c *webhooksChange) Run(ctx context.Context, std streams) error {
	body := c.body(c.URL, c.Reason)
	for _, name := range c.Clear {
		if _, set := body[name]; set {
			return usage(fmt.Errorf("--clear %s and a value for it", name))
		}
		body[name] = nil
	}
	return c.done(ctx, std, http.MethodPatch, c.path(), body, "changed "+c.ID.String())
}

// webhooksPause is `crm webhooks pause`.
type webhooksPause struct {
	oneWebhook
	Reason string `help:"Why, for the history."`
}

// Run tells whether it was sent to until now.
func (p *webhooksPause) Run(ctx context.Context, std streams) error {
	return p.ask(ctx, std, "/pause", because(p.Reason), "paused")
}

// webhooksResume is `crm webhooks resume`.
type webhooksResume struct {
	oneWebhook
	Reason string `help:"Why, for the history."`
}

// Run tells whether it was not sent to until now.
func (r *webhooksResume) Run(ctx context.Context, std streams) error {
	return r.ask(ctx, std, "/resume", because(r.Reason), "resumed")
}

// webhooksRotate is `crm webhooks rotate`.
type webhooksRotate struct {
	oneWebhook
	Overlap *time.Duration `placeholder:"DURATION" help:"How long what is sent bears the former secret's signature, too, 720h at most; 0s ends it at once. Default: 24h."`
	Reason  string         `help:"Why, for the history."`
}

// Run prints the secret and nothing else.
func (r *webhooksRotate) Run(ctx context.Context, std streams) error {
	body := because(r.Reason)
	if r.Overlap != nil {
		body["previous_until"] = time.Now().Add(*r.Overlap).UTC().Truncate(time.Second)
	}
	_, err := r.reveal(ctx, std, r.path()+"/rotate", body)
	return err
}

// webhooksPing is `crm webhooks ping`.
type webhooksPing struct{ oneWebhook }

// Run asks for it.
func (p *webhooksPing) Run(ctx context.Context, std streams) error {
	return p.ask(ctx, std, "/ping", because(""), "asked to ping")
}

// webhooksRedeliver is `crm webhooks redeliver`.
type webhooksRedeliver struct {
	oneWebhook
	Delivery uuid.UUID `arg:"" help:"The delivery, as crm webhooks deliveries names it."`
	Reason   string    `help:"Why, for the history."`
}

// Run asks for it.
func (r *webhooksRedeliver) Run(ctx context.Context, std streams) error {
	return r.ask(ctx, std, "/deliveries/"+r.Delivery.String()+"/redeliver", because(r.Reason), "asked to deliver again to")
}

// webhooksReplay is `crm webhooks replay`.
type webhooksReplay struct {
	oneWebhook
	After  string `required:"" placeholder:"POSITION" help:"Position behind which the log is sent again, up to now: of the last thing that was kept; 0 is the start."`
	Reason string `help:"Why, for the history."`
}

// Run asks for it.
func (r *webhooksReplay) Run(ctx context.Context, std streams) error {
	body := because(r.Reason)
	body["after"] = r.After
	return r.ask(ctx, std, "/replay", body, "asked to replay to")
}

// webhooksRemove is `crm webhooks remove`.
type webhooksRemove struct {
	oneWebhook
	Reason string `required:"" help:"Why, for the history."`
}

// Run ends it.
func (r *webhooksRemove) Run(ctx context.Context, std streams) error {
	return r.ask(ctx, std, "/remove", because(r.Reason), "removed")
}

// webhookState is what the server tells of a webhook.
type webhookState struct {
	ID, URL, Description, Status, Reason, Secret, Position string
	Categories, Types                                      []string
	PreviousUntil                                          *time.Time `json:"previous_until"`
	RegisteredAt                                           time.Time  `json:"registered_at"`
	ChangedAt                                              time.Time  `json:"changed_at"`
	FailingSince                                           *time.Time `json:"failing_since"`
	Failures                                               int
	DeliveredAt                                            *time.Time `json:"delivered_at"`
}

func (s *webhookState) status() string {
	if s.Reason != "" {
		return s.Status + ": " + s.Reason
	}
	return s.Status
}

func (s *webhookState) wants() string {
	named := slices.Concat(s.Categories, s.Types)
	if len(named) == 0 {
		return "all"
	}
	return strings.Join(named, ",")
}

// webhooksList is `crm webhooks list`.
type webhooksList struct{ connection }

// Run prints a table.
func (l *webhooksList) Run(ctx context.Context, std streams) error {
	table := newTable(std.out, "WEBHOOK", "STATUS", "URL", "TELLS OF", "REGISTERED", "LAST TAKEN", "FAILING SINCE")
	for w, err := range pages[webhookState](ctx, &l.connection, "/webhooks?limit=200") {
		if err != nil {
			return err
		}
		table.row(w.ID, w.status(), w.URL, w.wants(), w.RegisteredAt.Format(time.RFC3339), orNever(w.DeliveredAt), orDash(w.FailingSince))
	}
	return table.Flush()
}

// webhooksShow is `crm webhooks show`.
type webhooksShow struct{ oneWebhook }

// Run prints what is known, a line each.
func (s *webhooksShow) Run(ctx context.Context, std streams) error {
	var w webhookState
	if err := s.call(ctx, http.MethodGet, s.path(), nil, &w); err != nil {
		return err
	}
	table := newTable(std.out)
	table.line("webhook", "%s", w.ID)
	table.line("status", "%s", w.status())
	table.line("url", "%s", w.URL)
	table.line("tells of", "%s", w.wants())
	if w.Description != "" {
		table.line("for", "%s", w.Description)
	}
	table.line("secret", "the one whose SHA-256 begins with %s", w.Secret)
	if w.PreviousUntil != nil {
		table.line("former secret", "in force until %s", w.PreviousUntil.Format(time.RFC3339))
	}
	table.line("registered", "%s", w.RegisteredAt.Format(time.RFC3339))
	table.line("changed", "%s, at position %s", w.ChangedAt.Format(time.RFC3339), w.Position)
	table.line("last taken", "%s", orNever(w.DeliveredAt))
	if w.FailingSince != nil {
		table.line("failing", "since %s, %d times", w.FailingSince.Format(time.RFC3339), w.Failures)
	}
	return table.Flush()
}

// webhooksDeliveries is `crm webhooks deliveries`.
type webhooksDeliveries struct {
	oneWebhook
	Delivery *uuid.UUID `arg:"" optional:"" help:"A delivery whose attempts are listed."`
	State    string     `enum:",due,delivered,failed" default:"" help:"Only those that are due, delivered or failed."`
	Limit    int        `default:"50" placeholder:"N" help:"How many at most. Default ${default}."`
}

type deliveryState struct {
	ID, Cause, State string
	EventType        string     `json:"event_type"`
	MadeAt           time.Time  `json:"made_at"`
	DueAt            *time.Time `json:"due_at"`
	Begun            int
	Attempts         []struct {
		Number, Status int
		At             time.Time
		Took           float64
		Outcome        string
	}
}

// Run prints a table.
func (d *webhooksDeliveries) Run(ctx context.Context, std streams) error {
	if d.Delivery != nil {
		return d.attempts(ctx, std)
	}
	if d.Limit < 1 {
		return usage(errors.New("--limit is not at least 1"))
	}
	query := url.Values{"limit": {strconv.Itoa(min(d.Limit, 200))}}
	if d.State != "" {
		query.Set("state", d.State)
	}
	table := newTable(std.out, "DELIVERY", "EVENT TYPE", "CAUSE", "STATE", "MADE", "ATTEMPTS", "LAST", "NEXT")
	left := d.Limit
	for one, err := range pages[deliveryState](ctx, &d.connection, d.path()+"/deliveries?"+query.Encode()) {
		if err != nil {
			return err
		}
		last := "-"
		if n := len(one.Attempts); n > 0 {
			last = answered(one.Attempts[n-1].Outcome, one.Attempts[n-1].Status)
		}
		table.row(one.ID, one.EventType, one.Cause, one.State, one.MadeAt.Format(time.RFC3339), one.Begun, last, orDash(one.DueAt))
		if left--; left == 0 {
			break
		}
	}
	return table.Flush()
}

func (d *webhooksDeliveries) attempts(ctx context.Context, std streams) error {
	var one deliveryState
	if err := d.call(ctx, http.MethodGet, d.path()+"/deliveries/"+d.Delivery.String(), nil, &one); err != nil {
		return err
	}
	table := newTable(std.out, "ATTEMPT", "AT", "TOOK", "OUTCOME")
	for _, a := range one.Attempts {
		took := time.Duration(a.Took * float64(time.Second)).Round(time.Microsecond)
		table.row(a.Number, a.At.Format(time.RFC3339), took, answered(a.Outcome, a.Status))
	}
	return table.Flush()
}

// answered is what came of an attempt: refused 503.
func answered(outcome string, status int) string {
	if status == 0 {
		return outcome
	}
	return outcome + " " + strconv.Itoa(status)
}
