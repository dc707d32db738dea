package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/http/access"
	"crm/projections/lists"
	"crm/projections/readmodels"
)

// dealCard is all that is known of a deal.
type dealCard struct {
	ID            uuid.UUID       `json:"id" format:"uuid"`
	Title         domain.Personal `json:"title"`
	Status        deal.Status     `json:"status" enum:"open,won,lost"`
	Pipeline      *namedID        `json:"pipeline"`
	Stage         stageName       `json:"stage" doc:"Of a closed deal the last that it was open in."`
	Probability   int             `json:"probability" doc:"Percent, as the stage had it when the deal entered."`
	Category      string          `json:"forecast_category" enum:"omitted,pipeline,best_case,commit,closed"`
	Customer      *namedPerson    `json:"customer"`
	Owner         *namedPerson    `json:"owner"`
	Amount        *domain.Money   `json:"amount" doc:"As somebody said it."`
	Worth         *domain.Money   `json:"worth" doc:"What the deal counts for: its value when won; else its amount, or the sum of its line items."`
	Value         *domain.Money   `json:"value" doc:"Of a won deal, at signing."`
	ExpectedClose domain.Date     `json:"expected_close,omitempty" format:"date"`
	LineItems     []lineItemCard  `json:"line_items" nullable:"false" doc:"In the order they were added."`
	Loss          *lossCard       `json:"loss,omitempty" doc:"Of a lost deal."`
	OpenedAt      time.Time       `json:"opened_at"`
	ClosedAt      *time.Time      `json:"closed_at"`
	ChangedAt     time.Time       `json:"changed_at" doc:"When the latest change occurred."`
	Revision      domain.Revision `json:"revision" doc:"The same as ETag."`
	Degraded      bool            `json:"degraded,omitempty" doc:"True while this is not all there is: an event of it could not be shown, and newer ones wait behind it. Not told in lists."`
}

type stageName struct {
	ID   domain.StageID `json:"id" example:"proposal"`
	Name string         `json:"name" example:"Proposal sent"`
}

type lineItemCard struct {
	ID        uuid.UUID       `json:"id" format:"uuid"`
	Product   *uuid.UUID      `json:"product" format:"uuid"`
	Name      string          `json:"name"`
	Quantity  domain.Quantity `json:"quantity" example:"1.5"`
	UnitPrice domain.Money    `json:"unit_price"`
	Discount  int             `json:"discount_basis_points" doc:"In basis points: 1000 are 10 %."`
	Total     *domain.Money   `json:"total"`
}

type lossCard struct {
	Reason     deal.LossReason `json:"reason" example:"price"`
	Competitor string          `json:"competitor,omitempty"`
	Note       domain.Personal `json:"note,omitempty"`
}

type dealListInput struct {
	Listing
	Moment
	Status   string    `query:"status" enum:"open,won,lost"`
	Stage    string    `query:"stage" pattern:"^[a-z0-9][a-z0-9_-]{0,63}$" doc:"Of a closed deal the last that it was open in."`
	Pipeline uuid.UUID `query:"pipeline" format:"uuid"`
	Owner    uuid.UUID `query:"owner" format:"uuid"`
	Customer uuid.UUID `query:"customer" format:"uuid"`
}

var dealModels = []string{"deals", "customers", "catalog"}

var dealList = query{"deal.list", access.DealsRead, "/deals", "deals", "Find deals, newest opened first", dealModels}

func (s *Server) dealQueries() {
	serveNarrowed(s, dealList, s.listDeals)
	s.describeList(dealList.path, readmodels.DealList)
	serveNarrowed(s, query{"deal.card", access.DealsRead, "/deals/{id}", "deals", "A deal's card", dealModels}, s.showDeal)
	serveNarrowed(s, query{
		"customer.deals", access.DealsRead, "/customers/{id}/deals", "customers", "A customer's deals, newest opened first", dealModels,
	}, s.listCustomersDeals)
	s.describeList("/customers/{id}/deals", readmodels.DealList)
}

func (s *Server) listDeals(ctx context.Context, in *dealListInput) (*listed[dealCard], error) {
	in.also("status", in.Status)
	in.also("stage", in.Stage)
	in.also("pipeline", idText(in.Pipeline))
	in.also("owner", idText(in.Owner))
	in.also("customer", idText(in.Customer))
	return s.findDeals(ctx, in.ask(in.asOf()))
}

func (s *Server) listCustomersDeals(ctx context.Context, in *customerListingInput) (*listed[dealCard], error) {
	in.conditions = append(in.conditions, lists.Condition{Field: "customer", Op: string(lists.Eq), Values: []string{in.ID.String()}, At: "id"})
	list, err := s.findDeals(ctx, in.ask(in.asOf()))
	if err == nil && len(list.Body.Data) == 0 {
		err = s.models(ctx).Customers.Exists(ctx, domain.CustomerID{UUID: in.ID}, in.asOf())
	}
	return list, err
}

func (s *Server) findDeals(ctx context.Context, a listAsk) (*listed[dealCard], error) {
	if a.text != "" {
		return nil, a.at("q", ErrParameter, "Deals cannot be searched. Filter by customer, or by title.")
	}
	return listFrom(ctx, readmodels.DealList, a, func(asked readmodels.Asked) (readmodels.Listed[readmodels.Deal], error) {
		return s.models(ctx).Deals.List(ctx, asked)
	}, dealOf)
}

func (s *Server) showDeal(ctx context.Context, in *Dated) (*tagged[dealCard], error) {
	d, err := s.models(ctx).Deals.Card(ctx, domain.DealID{UUID: in.ID}, in.asOf())
	if err != nil {
		return nil, err
	}
	return taggedAt(in.asOf(), d.Revision, dealOf(d)), nil
}

func dealOf(d readmodels.Deal) dealCard {
	card := dealCard{
		ID: d.ID.UUID, Title: d.Title, Status: d.Status, Pipeline: naming(d.Stage.Pipeline, d.PipelineName),
		Stage: stageName{d.Stage.ID, d.StageName}, Probability: d.Stage.Probability, Category: string(d.Stage.Category),
		Customer: namingPerson(d.Customer, d.CustomerName), Owner: namingPerson(d.Owner, d.OwnerName),
		Amount: sum(d.Amount), Worth: sum(d.Worth), Value: sum(d.Value), ExpectedClose: d.ExpectedClose,
		LineItems: each(d.LineItems, lineItemOf),
		OpenedAt:  d.OpenedAt, ClosedAt: d.ClosedAt, ChangedAt: d.ChangedAt, Revision: d.Revision, Degraded: d.Degraded,
	}
	if d.Status == deal.IsLost {
		card.Loss = &lossCard{d.Loss.Reason, d.Loss.Competitor, d.Loss.Note}
	}
	return card
}

func lineItemOf(item deal.LineItem) lineItemCard {
	card := lineItemCard{
		ID: item.ID.UUID, Name: item.Name, Quantity: item.Quantity, UnitPrice: item.UnitPrice, Discount: item.Discount,
	}
	if !item.Product.IsZero() {
		card.Product = &item.Product.UUID
	}
	if total, fits := item.Total(); fits {
		card.Total = &total
	}
	return card
}
