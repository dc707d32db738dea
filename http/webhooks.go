package http

import (
	"context"
	"errors"
	"net/http"
	"time"

	"crm/domain"
	"crm/domain/webhook"
	"crm/http/access"
	"crm/http/webhooks"
)

// secretOverlap is how long a secret that is rotated out stays in force, unless it is said.
const secretOverlap = 24 * time.Hour

// WebhookInput mirrors webhook.Details, without the address.
type WebhookInput struct {
	Categories  []string `json:"categories,omitempty" maxItems:"20" doc:"Events of these things are sent. Neither these nor types: all events, but not those of webhooks." example:"[\"deal\"]"`
	Types       []string `json:"types,omitempty" maxItems:"100" doc:"Events of these types are sent, too." example:"[\"customer.registered\"]"`
	Description string   `json:"description,omitempty" maxLength:"500" doc:"What it is for."`
}

type (
	registerWebhookBody struct {
		NewID
		URL string `json:"url" maxLength:"500" doc:"Where events are sent to: https, port 443 or above 1023, a public address. It stays in the history, so it should hold no secret." example:"https://hooks.example.com/crm"`
		WebhookInput
		Envelope
	}
	changeWebhookBody struct {
		URL string `json:"url,omitempty" maxLength:"500"`
		WebhookInput
		Envelope
	}
	rotateWebhookBody struct {
		PreviousUntil time.Time `json:"previous_until,omitzero" doc:"Until when what is sent bears the signature of the former secret, too; 30 days at most. Default: 24 hours from now." example:"2026-11-23T00:00:00Z"`
		Envelope
	}
	replayWebhookBody struct {
		After string `json:"after" maxLength:"41" doc:"The position behind which the log is sent again, up to this command; 0 is the start. An event's id is the same as the first time." example:"184467"`
		Envelope
	}
)

func (in WebhookInput) details(url string) webhook.Details {
	return webhook.Details{URL: url, Categories: in.Categories, Types: in.Types, Description: in.Description}
}

var webhookCommands = []*command{
	describe("webhook.register", access.WebhooksManage, http.MethodPost, "/webhooks", "Have an endpoint told of events from now on; its secret is shown once",
		func(s *Server, at *place, b *registerWebhookBody) (domain.Command, error) {
			if err := s.checkAddress(b.URL); err != nil {
				return nil, err
			}
			at.signing = newSigning()
			return webhook.Register{Details: b.details(b.URL), Secret: at.signing.Fingerprint()}, nil
		}).withSigning(),
	describe("webhook.change", access.WebhooksManage, http.MethodPatch, "/webhooks/{id}", "Change where a webhook goes and of what it tells (merge patch; null clears)",
		func(s *Server, at *place, b *changeWebhookBody) (domain.Command, error) {
			if b.URL != "" {
				if err := s.checkAddress(b.URL); err != nil {
					return nil, err
				}
			}
			set := b.details(b.URL)
			return webhook.Change{Patch: domain.Patch[webhook.Details]{Set: set, Clear: cleared(at, webhook.DetailFields, set)}}, nil
		}),
	describe("webhook.pause", access.WebhooksManage, http.MethodPost, "/webhooks/{id}/pause", "Send nothing for now; what happens waits",
		func(_ *Server, _ *place, _ *nothing) (domain.Command, error) { return webhook.Pause{}, nil }),
	describe("webhook.resume", access.WebhooksManage, http.MethodPost, "/webhooks/{id}/resume", "Send again, what waits first",
		func(_ *Server, _ *place, _ *nothing) (domain.Command, error) { return webhook.Resume{}, nil }),
	describe("webhook.rotate_secret", access.WebhooksManage, http.MethodPost, "/webhooks/{id}/rotate", "Give a webhook another secret, which is shown once",
		func(s *Server, at *place, b *rotateWebhookBody) (domain.Command, error) {
			now := s.cfg.Now()
			if b.PreviousUntil.IsZero() {
				b.PreviousUntil = now.Add(secretOverlap)
			}
			at.signing = newSigning()
			return webhook.RotateSecret{Secret: at.signing.Fingerprint(), PreviousUntil: b.PreviousUntil, Now: now}, nil
		}).withSigning(),
	describe("webhook.remove", access.WebhooksManage, http.MethodPost, "/webhooks/{id}/remove", "Remove a webhook, for good",
		func(_ *Server, _ *place, _ *nothing) (domain.Command, error) { return webhook.Remove{}, nil }),
	describe("webhook.ping", access.WebhooksManage, http.MethodPost, "/webhooks/{id}/ping", "Send a webhook an event of its own, to see whether it arrives",
		func(_ *Server, _ *place, _ *nothing) (domain.Command, error) { return webhook.Ping{}, nil }),
	describe("webhook.replay", access.WebhooksManage, http.MethodPost, "/webhooks/{id}/replay", "Send a webhook again what it wants to hear of, from a position in the log on",
		func(_ *Server, _ *place, b *replayWebhookBody) (domain.Command, error) {
			return webhook.Replay{After: b.After}, nil
		}),
	describe("webhook.redeliver", access.WebhooksManage, http.MethodPost, "/webhooks/{id}/deliveries/{part}/redeliver", "Make a delivery again",
		func(_ *Server, at *place, _ *nothing) (domain.Command, error) {
			id, err := at.partID()
			return webhook.Redeliver{Delivery: id}, err
		}).preparedBy(existingDelivery),
}

var errNoWebhooks = errors.New("http: Config.Webhooks is missing")

// webhooks are the server's, if it has any.
func (s *Server) webhooks() (*webhooks.Sender, error) {
	if s.cfg.Webhooks == nil {
		return nil, errNoWebhooks
	}
	return s.cfg.Webhooks, nil
}

// checkAddress refuses an address to which nothing would ever be sent.
func (s *Server) checkAddress(url string) error {
	sender, err := s.webhooks()
	if err != nil {
		return err
	}
	return sender.CheckURL(url)
}

func newSigning() *webhooks.Secret {
	secret := webhooks.NewSecret()
	return &secret
}

// withSigning says that the command makes a secret with which is signed. It is put aside
// before the command is carried out: an endpoint without one could not be sent to.
func (c *command) withSigning() *command {
	c.secret, c.signing = true, true
	return c.preparedBy(func(ctx context.Context, s *Server, a *ask) error {
		sender, err := s.webhooks()
		if err != nil {
			return err
		}
		return sender.Book().Keep(ctx, domain.WebhookID{UUID: a.Target}, *a.signing)
	})
}

// existingDelivery refuses what is asked of a delivery that there is not.
func existingDelivery(ctx context.Context, s *Server, a *ask) error {
	sender, err := s.webhooks()
	if err != nil {
		return err
	}
	_, err = sender.Book().Delivery(ctx, domain.WebhookID{UUID: a.Target}, a.Command.(webhook.Redeliver).Delivery)
	return err
}

// signingReceipt is the answer to a command that makes a secret with which is signed.
type signingReceipt struct {
	ReceiptBody
	Secret string `json:"secret,omitempty" doc:"The secret: whsec_ and base64, as the libraries of Standard Webhooks take it. It is shown in the first answer and nowhere else." example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"`
	Note   string `json:"note,omitempty" doc:"Why there is no secret: the request was answered before."`
}

// revealSigning is the receipt with the secret if it is the one in force. A retry has
// made another one, which is good for nothing and forgotten.
func (s *Server) revealSigning(ctx context.Context, a *ask, receipt ReceiptBody) (signingReceipt, error) {
	id := domain.WebhookID{UUID: a.Target}
	state, err := s.cfg.Commands.Webhook(ctx, id)
	if err != nil {
		return signingReceipt{}, err
	}
	if state.Secret == a.signing.Fingerprint() {
		return signingReceipt{ReceiptBody: receipt, Secret: a.signing.Plain()}, nil
	}
	if sender, err := s.webhooks(); err == nil {
		_ = sender.Book().Forget(ctx, id, *a.signing) // else it is pruned
	}
	return signingReceipt{ReceiptBody: receipt, Note: signingShownBefore}, nil
}

// signingShownBefore says why a retry holds no secret.
const signingShownBefore = "This request was carried out before, and the secret was shown in its first answer only. If that was lost, rotate it."
