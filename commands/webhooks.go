package commands

import (
	"context"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/webhook"
)

var webhooks = &kind[webhook.State, webhook.Command, webhook.Event]{
	Decider:    webhook.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.WebhookStream(domain.WebhookID{UUID: id}) },
	isCreating: func(c webhook.Command) bool { _, ok := c.(webhook.Register); return ok },
	tell: func(s webhook.State) any {
		if s.Status == "" {
			return nil
		}
		return s
	},
}

// Webhook is a webhook as the log has it, or [webhook.ErrUnknown].
func (h *Handler) Webhook(ctx context.Context, id domain.WebhookID) (webhook.State, error) {
	known, err := h.about(ctx, webhooks, id.UUID, current)
	if err != nil {
		return webhook.State{}, err
	}
	if known == nil {
		return webhook.State{}, webhook.ErrUnknown
	}
	return known.(webhook.State), nil
}
