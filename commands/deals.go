package commands

import (
	"context"
	"errors"
	"strconv"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/pipeline"
	"crm/domain/product"
)

var deals = &kind[deal.State, deal.Command, deal.Event]{
	Decider:    deal.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.DealStream(domain.DealID{UUID: id}) },
	isCreating: func(c deal.Command) bool { _, ok := c.(deal.Open); return ok },
	references: dealReferences,
	resolve:    resolveDeal,
	settings:   deal.Settings,
	tell: func(s deal.State) any {
		if s.Status == "" {
			return nil
		}
		return knownDeal{s.Owner}
	},
	ownerOf: func(_ context.Context, _ asking, s deal.State) (domain.EmployeeID, error) { return s.Owner, nil },
}

// knownDeal is what others may know of a deal.
type knownDeal struct{ owner domain.EmployeeID }

func (k knownDeal) ownedBy() domain.EmployeeID { return k.owner }

func dealReferences(_ uuid.UUID, command deal.Command) []domain.Stream {
	switch c := command.(type) {
	case deal.Open:
		streams := append(some(domain.CustomerStream, c.Customer), some(domain.EmployeeStream, c.Owner)...)
		for _, item := range c.LineItems {
			streams = append(streams, some(domain.ProductStream, item.Product)...)
		}
		return append(streams, domain.PipelineStream(orDefault(c.Stage.Pipeline)))
	case deal.LinkCustomer:
		return some(domain.CustomerStream, c.Customer)
	case deal.AssignOwner:
		return some(domain.EmployeeStream, c.Owner)
	case deal.ChangeStage:
		return some(domain.PipelineStream, orDefault(c.Stage.Pipeline))
	case deal.AddLineItem:
		return some(domain.ProductStream, c.Item.Product)
	case deal.ChangeLineItem:
		return some(domain.ProductStream, c.Item.Product)
	default:
		return nil
	}
}

func orDefault(id domain.PipelineID) domain.PipelineID {
	if id.IsZero() {
		return domain.DefaultPipeline
	}
	return id
}

func resolveDeal(ctx context.Context, a asking, s deal.State, command deal.Command) (deal.Command, error) {
	if c, ok := command.(deal.Open); ok {
		return a.resolveOpen(ctx, c)
	}
	if s.Status == "" {
		return command, nil // the decider says that there is no such deal
	}
	switch c := command.(type) {
	case deal.LinkCustomer:
		return c, a.mustExist(ctx, customers, c.Customer.UUID, "/customer", "customer")
	case deal.AssignOwner:
		return c, a.mustExist(ctx, employees, c.Owner.UUID, "/owner", "employee")
	case deal.ChangeStage:
		return a.resolveChangeStage(ctx, s, c)
	case deal.AddLineItem:
		item, err := a.offered(ctx, c.Item)
		return deal.AddLineItem{Item: item}, err
	case deal.ChangeLineItem:
		item, err := a.offered(ctx, c.Item)
		return deal.ChangeLineItem{Item: item}, err
	default:
		return command, nil
	}
}

func (a asking) resolveOpen(ctx context.Context, c deal.Open) (deal.Command, error) {
	if c.Owner.IsZero() {
		c.Owner = a.within
	}
	if err := a.mustExist(ctx, customers, c.Customer.UUID, "/customer", "customer"); err != nil {
		return nil, err
	}
	if err := a.mustExist(ctx, employees, c.Owner.UUID, "/owner", "employee"); err != nil {
		return nil, err
	}
	c.Stage.Pipeline = orDefault(c.Stage.Pipeline)
	stage, err := a.stage(ctx, c.Stage.Pipeline, c.Stage.ID)
	if err != nil {
		return nil, err
	}
	c.Stage = stage
	items := make([]deal.LineItem, len(c.LineItems))
	for i, item := range c.LineItems {
		if items[i], err = a.offered(ctx, item); err != nil {
			return nil, domain.Within("/line_items/"+strconv.Itoa(i), err)
		}
	}
	c.LineItems = items
	return c, nil
}

// resolveChangeStage takes the stage from the deal's own pipeline unless another
// is named, which the decider then refuses.
func (h *Handler) resolveChangeStage(ctx context.Context, s deal.State, c deal.ChangeStage) (deal.Command, error) {
	if c.Stage.Pipeline.IsZero() {
		c.Stage.Pipeline = s.Stage.Pipeline
	}
	if c.Stage.Pipeline == s.Stage.Pipeline && c.Stage.ID == s.Stage.ID {
		return deal.ChangeStage{Stage: s.Stage}, nil // already so, even if the stage is retired by now
	}
	if c.Stage.ID == "" {
		return nil, domain.ErrInvalid.At("/stage", "The stage is missing.")
	}
	stage, err := h.stage(ctx, c.Stage.Pipeline, c.Stage.ID)
	return deal.ChangeStage{Stage: stage}, err
}

// stage gives a stage that a deal moves into, with its probability and category;
// the first one when none is named.
func (h *Handler) stage(ctx context.Context, id domain.PipelineID, name domain.StageID) (deal.Stage, error) {
	entered, err := h.enter(ctx, id, name, recent)
	if errors.Is(err, pipeline.ErrNoStage) || errors.Is(err, pipeline.ErrStageRetired) {
		entered, err = h.enter(ctx, id, name, current) // another process may have changed the pipeline
	}
	return deal.Stage{
		Pipeline: id, ID: entered.ID, Probability: entered.Probability, Category: entered.Category,
	}, err
}

func (h *Handler) enter(ctx context.Context, id domain.PipelineID, name domain.StageID, needed freshness) (pipeline.Stage, error) {
	known, err := h.about(ctx, pipelines, id.UUID, needed)
	if err != nil {
		return pipeline.Stage{}, err
	}
	state, ok := known.(pipeline.State)
	if !ok {
		return pipeline.Stage{}, ErrUnknownReference.At("/pipeline", "There is no pipeline %s.", id)
	}
	if name == "" {
		first, _ := state.First() // a pipeline keeps at least one stage
		return first, nil
	}
	entered, err := state.Enter(name)
	if refusal, ok := errors.AsType[*domain.Error](err); ok {
		err = refusal.At("/stage", "%s", refusal.Detail)
	}
	return entered, err
}

// offered completes a line item with the name and list price of its product.
func (h *Handler) offered(ctx context.Context, item deal.LineItem) (deal.LineItem, error) {
	if item.Quantity == 0 {
		item.Quantity = domain.One
	}
	if item.Product.IsZero() {
		return item, nil
	}
	known, err := h.about(ctx, products, item.Product.UUID, recent)
	if err != nil {
		return item, err
	}
	offer, ok := known.(product.State)
	if !ok {
		return item, ErrUnknownReference.At("/product", "There is no product %s.", item.Product)
	}
	if item.Name == "" {
		item.Name = offer.Details.Name
	}
	if item.UnitPrice.IsZero() {
		item.UnitPrice = offer.ListPrice
	}
	return item, nil
}
