package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/cloudevents"
	"crm/domain/webhook"
)

// Outcome is what came of an attempt, in a word.
type Outcome string

// The outcomes. Only the first is a success.
const (
	Delivered   Outcome = "delivered"   // answered 2xx
	Refused     Outcome = "refused"     // answered something else
	TimedOut    Outcome = "timed_out"   // not answered in time
	Unreachable Outcome = "unreachable" // not connected, or cut off
	Unresolved  Outcome = "unresolved"  // its name stands for nothing
	Untrusted   Outcome = "untrusted"   // its certificate is not good, or it has none
	Forbidden   Outcome = "forbidden"   // its address may not be spoken to
	Unsigned    Outcome = "unsigned"    // there is no secret to sign with
)

// outcomes are all of them.
var outcomes = []Outcome{Delivered, Refused, TimedOut, Unreachable, Unresolved, Untrusted, Forbidden, Unsigned}

// maxAnswer is how much of an answer's body is read, for the connection's sake. It is
// not looked at.
const maxAnswer = 64 << 10

// deliver makes one attempt and writes down what came of it.
func (s *Sender) deliver(ctx context.Context, d taken) {
	a, asked := s.post(ctx, d)
	// What was sent is written down, also when we are told to stop.
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseSlack/2)
	defer cancel()
	if ctx.Err() != nil && a.outcome != Delivered {
		_ = s.book.giveBack(noting, d) // else its lease ends
		return
	}
	s.metrics.attempted(a)
	if err := s.note(noting, d, a, asked); err != nil {
		// Then nobody knows of it, and it is made again when the lease ends.
		s.cfg.Slog.LogAttrs(noting, slog.LevelWarn, "the outcome of a delivery was not written down", slog.Any("error", err))
	}
}

// post sends a delivery. Asked is how long the receiver wants us to wait.
func (s *Sender) post(ctx context.Context, d taken) (a attempt, asked time.Duration) {
	now := s.book.now()
	began := time.Now()
	a = attempt{at: now}
	defer func() { a.took = time.Since(began) }()
	if len(d.Secrets) == 0 {
		a.outcome = Unsigned
		return a, 0
	}
	secrets := make([]Secret, len(d.Secrets))
	for i, key := range d.Secrets {
		secrets[i] = Secret{key}
	}
	if err := s.policy.checkURL(d.URL); err != nil {
		a.outcome = Forbidden // the setting was another when it was registered
		return a, 0
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	payload := []byte(d.Payload)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(payload))
	if err != nil {
		a.outcome = Forbidden
		return a, 0
	}
	request.Header.Set("Content-Type", cloudevents.ContentType)
	request.Header.Set("User-Agent", s.cfg.UserAgent)
	request.Header.Set("Webhook-Id", d.Event.String())
	request.Header.Set("Webhook-Timestamp", unix(now))
	request.Header.Set("Webhook-Signature", signatures(secrets, d.Event.String(), now, payload))
	answer, err := s.client.Do(request)
	if err != nil {
		a.outcome = outcomeOf(err)
		return a, 0
	}
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // what it says is not ours to keep
	_ = answer.Body.Close()
	a.status, a.outcome = answer.StatusCode, Refused
	if answer.StatusCode/100 == 2 {
		a.outcome = Delivered
	}
	return a, retryAfter(answer.Header, now)
}

// note writes down what came of an attempt, and disables an endpoint that is gone or
// has failed for too long.
func (s *Sender) note(ctx context.Context, d taken, a attempt, asked time.Duration) error {
	if a.outcome == Delivered {
		return s.book.noteDelivered(ctx, d, a)
	}
	gone := a.status == http.StatusGone
	again, more := next(s.cfg.Schedule, d.Tries+1, s.book.now(), asked, rand.Float64()) //nolint:gosec // nothing secret about it
	if gone {
		again, more = time.Time{}, false
	}
	since, err := s.book.noteFailed(ctx, d, a, again)
	if err != nil {
		return err
	}
	switch {
	case gone:
		return s.disable(ctx, d, webhook.Gone)
	case !more && s.cfg.DisableAfter >= 0 && !since.IsZero() && s.book.now().Sub(since) >= s.cfg.DisableAfter:
		return s.disable(ctx, d, webhook.Failing)
	}
	return nil
}

// disable stops the sending to an endpoint, unless somebody has changed it since the
// delivery was taken: then that may be what was wrong.
func (s *Sender) disable(ctx context.Context, d taken, reason webhook.Reason) error {
	revision := domain.Revision(d.Revision)
	_, err := s.cfg.Do(ctx, commands.Ask{
		Target:  d.Webhook,
		Command: webhook.Disable{Reason: reason},
		IfMatch: &revision,
		Meta: domain.Meta{
			OccurredAt: s.book.now(), Actor: "crm", Source: domain.Source{Application: "crm"}, CausationID: d.Event.String(),
			// By its revision, so that all servers mean the same.
			Command: domain.CommandRef{ID: uuid.NewSHA1(d.Webhook, fmt.Appendf(nil, "disable %s %d", reason, d.Revision))},
		},
	})
	if errors.Is(err, domain.ErrStale) {
		return nil
	}
	if err == nil {
		s.cfg.Slog.LogAttrs(ctx, slog.LevelWarn, "webhook is disabled", slog.String("stream", string(domain.WebhookStream(domain.WebhookID{UUID: d.Webhook}))),
			slog.String("reason", string(reason)))
	}
	return err
}
