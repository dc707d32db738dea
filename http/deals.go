package http

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/http/access"
)

// LineItemInput is a line item as it is asked for; what is left out comes from
// the product.
type LineItemInput struct {
	Product   domain.ProductID `json:"product,omitzero" format:"uuid"`
	Name      string           `json:"name,omitempty" maxLength:"500" doc:"Default: the product's."`
	Quantity  *domain.Quantity `json:"quantity,omitempty" nullable:"false" doc:"A decimal text with at most three places, such as 1.5. Default 1."`
	UnitPrice domain.Money     `json:"unit_price,omitzero" doc:"Default: the product's list price."`
	Discount  int              `json:"discount_basis_points,omitempty" minimum:"0" maximum:"10000" doc:"In basis points: 1000 are 10 %."`
}

// NewLineItemInput is a line item that may name its id.
type NewLineItemInput struct {
	NewID
	LineItemInput
}

func (l LineItemInput) item(id uuid.UUID) (deal.LineItem, error) {
	item := deal.LineItem{
		ID: domain.LineItemID{UUID: id}, Product: l.Product, Name: l.Name,
		UnitPrice: l.UnitPrice, Discount: l.Discount,
	}
	if l.Quantity != nil {
		if item.Quantity = *l.Quantity; item.Quantity == 0 { // which would mean the default
			return item, domain.ErrInvalid.At("/quantity", "A quantity is more than nothing.")
		}
	}
	return item, nil
}

// item is the line item with its id, or with one derived from the command.
func (l NewLineItemInput) item(at *place, what string) (deal.LineItem, error) {
	if l.ID == uuid.Nil {
		l.ID = at.derived(what)
	}
	return l.LineItemInput.item(l.ID)
}

type openDealBody struct {
	NewID
	Title         domain.Personal    `json:"title" maxLength:"500" example:"Two lamps for the library"`
	Pipeline      domain.PipelineID  `json:"pipeline,omitzero" format:"uuid" doc:"Default: the default pipeline."`
	Stage         domain.StageID     `json:"stage,omitempty" doc:"Default: the pipeline's first." example:"qualification"`
	Customer      domain.CustomerID  `json:"customer,omitzero" format:"uuid" doc:"May be linked later."`
	Owner         reference          `json:"owner,omitzero" format:"uuid" doc:"The responsible employee."`
	Amount        domain.Money       `json:"amount,omitzero" doc:"What it is thought to be worth."`
	ExpectedClose domain.Date        `json:"expected_close,omitempty" format:"date" example:"2026-12-24"`
	LineItems     []NewLineItemInput `json:"line_items,omitempty"`
	Envelope
}

type (
	changeStageBody struct {
		Stage    domain.StageID    `json:"stage" example:"proposal"`
		Pipeline domain.PipelineID `json:"pipeline,omitzero" format:"uuid" doc:"The deal's own, if given."`
		Envelope
	}
	changeAmountBody struct {
		Amount domain.Money `json:"amount"`
		Envelope
	}
	changeCloseDateBody struct {
		ExpectedClose domain.Date `json:"expected_close" format:"date" nullable:"true" doc:"null: unknown."`
		Envelope
	}
	linkCustomerBody struct {
		Customer domain.CustomerID `json:"customer" format:"uuid"`
		Envelope
	}
	forecastCategoryBody struct {
		Category domain.ForecastCategory `json:"category" enum:"omitted,pipeline,best_case,commit,closed"`
		Envelope
	}
	addLineItemBody struct {
		NewLineItemInput
		Envelope
	}
	changeLineItemBody struct {
		LineItemInput
		Envelope
	}
	winBody struct {
		Amount domain.Money `json:"amount,omitzero" doc:"At signing. Default: the deal's amount, or else the sum of its line items."`
		Envelope
	}
	loseBody struct {
		LossReason deal.LossReason `json:"loss_reason,omitempty" enum:"price,competitor,timing,no_budget,no_decision,fit,other,unknown" default:"unknown"`
		Competitor string          `json:"competitor,omitempty" maxLength:"500"`
		Note       domain.Personal `json:"note,omitempty" maxLength:"100000"`
		Envelope
	}
)

var dealCommands = []*command{
	describe("deal.open", access.DealsWrite, http.MethodPost, "/deals", "Open a deal", openDeal),
	describe("deal.change_stage", access.DealsWrite, http.MethodPost, "/deals/{id}/stage", "Move to another stage",
		func(_ *Server, _ *place, b *changeStageBody) (domain.Command, error) {
			return deal.ChangeStage{Stage: deal.Stage{Pipeline: b.Pipeline, ID: b.Stage}}, nil
		}),
	describe("deal.change_amount", access.DealsWrite, http.MethodPost, "/deals/{id}/amount", "Change the amount",
		func(_ *Server, _ *place, b *changeAmountBody) (domain.Command, error) {
			return deal.ChangeAmount{Amount: b.Amount}, nil
		}),
	describe("deal.change_close_date", access.DealsWrite, http.MethodPost, "/deals/{id}/close-date", "Change the expected close",
		func(_ *Server, _ *place, b *changeCloseDateBody) (domain.Command, error) {
			return deal.ChangeCloseDate{ExpectedClose: b.ExpectedClose}, nil
		}),
	describe("deal.assign_owner", access.DealsWrite, http.MethodPost, "/deals/{id}/owner", "Assign the owner",
		func(_ *Server, _ *place, b *ownerBody) (domain.Command, error) {
			return deal.AssignOwner{Owner: domain.EmployeeID(b.Owner)}, nil
		}),
	describe("deal.link_customer", access.DealsWrite, http.MethodPost, "/deals/{id}/customer", "Say whose deal it is",
		func(_ *Server, _ *place, b *linkCustomerBody) (domain.Command, error) {
			return deal.LinkCustomer{Customer: b.Customer}, nil
		}),
	describe("deal.change_forecast_category", access.DealsWrite, http.MethodPost, "/deals/{id}/forecast-category", "Override the stage's forecast category",
		func(_ *Server, _ *place, b *forecastCategoryBody) (domain.Command, error) {
			return deal.ChangeForecastCategory{Category: b.Category}, nil
		}),
	describe("deal.add_line_item", access.DealsWrite, http.MethodPost, "/deals/{id}/line-items", "Add a line item",
		func(_ *Server, at *place, b *addLineItemBody) (domain.Command, error) {
			item, err := b.item(at, "line_item")
			at.part = item.ID.String()
			return deal.AddLineItem{Item: item}, err
		}),
	describe("deal.change_line_item", access.DealsWrite, http.MethodPost, "/deals/{id}/line-items/{part}", "Replace a line item",
		func(_ *Server, at *place, b *changeLineItemBody) (domain.Command, error) {
			id, err := at.partID()
			if err != nil {
				return nil, err
			}
			item, err := b.item(id)
			return deal.ChangeLineItem{Item: item}, err
		}),
	describe("deal.remove_line_item", access.DealsWrite, http.MethodPost, "/deals/{id}/line-items/{part}/remove", "Remove a line item",
		func(_ *Server, at *place, _ *nothing) (domain.Command, error) {
			id, err := at.partID()
			return deal.RemoveLineItem{ID: domain.LineItemID{UUID: id}}, err
		}),
	describe("deal.win", access.DealsWrite, http.MethodPost, "/deals/{id}/win", "Win: the customer signed",
		func(_ *Server, _ *place, b *winBody) (domain.Command, error) { return deal.Win{Amount: b.Amount}, nil }),
	describe("deal.lose", access.DealsWrite, http.MethodPost, "/deals/{id}/lose", "Lose: the customer said no",
		func(_ *Server, _ *place, b *loseBody) (domain.Command, error) {
			return deal.Lose{Reason: b.LossReason, Competitor: b.Competitor, Note: b.Note}, nil
		}),
	describe("deal.reopen", access.DealsWrite, http.MethodPost, "/deals/{id}/reopen", "Take the close back",
		func(*Server, *place, *nothing) (domain.Command, error) { return deal.Reopen{}, nil }),
	describe("deal.void", access.DealsWrite, http.MethodPost, "/deals/{id}/void", "Say that it never was",
		func(*Server, *place, *nothing) (domain.Command, error) { return deal.Void{}, nil }),
}

func openDeal(_ *Server, at *place, b *openDealBody) (domain.Command, error) {
	open := deal.Open{
		Title: b.Title, Stage: deal.Stage{Pipeline: b.Pipeline, ID: b.Stage}, Customer: b.Customer,
		Owner: domain.EmployeeID(b.Owner), Amount: b.Amount, ExpectedClose: b.ExpectedClose,
	}
	for i, input := range b.LineItems {
		item, err := input.item(at, "line_item/"+strconv.Itoa(i))
		if err != nil {
			return nil, domain.Within("/line_items/"+strconv.Itoa(i), err)
		}
		open.LineItems = append(open.LineItems, item)
	}
	return open, nil
}
