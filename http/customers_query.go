package http

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/http/access"
	"crm/projections/readmodels"
)

// customerSummary is a customer in a list.
type customerSummary struct {
	ID            uuid.UUID               `json:"id" format:"uuid"`
	Kind          customer.Kind           `json:"kind" enum:"person,organization"`
	Name          domain.Personal         `json:"name" example:"Ada Lovelace"`
	Stage         customer.LifecycleStage `json:"stage" example:"lead"`
	Touchpoint    touchpointInput         `json:"touchpoint" doc:"The latest that was named."`
	Owner         *namedPerson            `json:"owner"`
	ContactPoints []contactPointCard      `json:"contact_points" nullable:"false"`
	Archived      bool                    `json:"archived"`
	RegisteredAt  time.Time               `json:"registered_at"`
	ChangedAt     time.Time               `json:"changed_at" doc:"When the latest change occurred."`
	Revision      domain.Revision         `json:"revision"`
}

// customerCard is all that is known of a customer. A detail that is not there is
// not known.
type customerCard struct {
	ID   uuid.UUID     `json:"id" format:"uuid"`
	Kind customer.Kind `json:"kind" enum:"person,organization"`
	CustomerDetails
	Stage         customer.LifecycleStage `json:"stage" example:"lead"`
	Touchpoint    touchpointInput         `json:"touchpoint" doc:"The latest that was named."`
	Owner         *namedPerson            `json:"owner"`
	ContactPoints []contactPointCard      `json:"contact_points" nullable:"false" doc:"In the order they were added."`
	Attributes    []attributeCard         `json:"attributes" nullable:"false" doc:"By key."`
	Links         []linkCard              `json:"links" nullable:"false" doc:"In the order they were made."`
	Archived      bool                    `json:"archived"`
	RegisteredAt  time.Time               `json:"registered_at"`
	ChangedAt     time.Time               `json:"changed_at" doc:"When the latest change occurred."`
	Revision      domain.Revision         `json:"revision" doc:"The same as ETag."`
	Degraded      bool                    `json:"degraded,omitempty" doc:"True while this is not all there is: an event of it could not be shown, and newer ones wait behind it. Not told in lists."`
}

type contactPointCard struct {
	ID         uuid.UUID            `json:"id" format:"uuid"`
	Kind       customer.ContactKind `json:"kind" enum:"email,phone,postal,web,social"`
	Label      string               `json:"label,omitempty" example:"work"`
	Value      domain.Personal      `json:"value" doc:"As it was typed." example:"030 1234567"`
	Normalized domain.Personal      `json:"normalized" doc:"In its normal form." example:"+49301234567"`
	Address    *customer.Address    `json:"address,omitempty" doc:"Of a postal one."`
	Primary    bool                 `json:"primary"`
	Verified   bool                 `json:"verified" doc:"The customer was reached there."`
}

type attributeCard struct {
	Key   string                 `json:"key" example:"newsletter_segment"`
	Kind  customer.AttributeKind `json:"kind" enum:"text,number,boolean,date"`
	Value domain.Personal        `json:"value" doc:"As text: 12.5, true, 2026-11-22."`
}

type linkCard struct {
	Organization *namedPerson      `json:"organization"`
	Relation     customer.Relation `json:"relation" example:"works_at"`
	Title        domain.Personal   `json:"title,omitempty" example:"Head of Purchasing"`
}

type customerListInput struct {
	Paging
	Moment
	Kind     string    `query:"kind" enum:"person,organization"`
	Stage    string    `query:"stage" enum:"subscriber,lead,marketing_qualified,sales_qualified,opportunity,customer,former,won_back"`
	Owner    uuid.UUID `query:"owner" format:"uuid" doc:"An employee."`
	Source   string    `query:"source" maxLength:"500" doc:"Of the latest touchpoint, exactly."`
	Archived string    `query:"archived" enum:"false,true,all" default:"false" doc:"Archived customers are shown when asked for."`
	Text     string    `query:"q" maxLength:"200" doc:"Words that occur in the name or a contact point, in any letter case; one of one or two characters must begin a word there."`
}

func (in *customerListInput) filter() (readmodels.CustomerFilter, error) {
	filter := readmodels.CustomerFilter{
		Kind: customer.Kind(in.Kind), Stage: customer.LifecycleStage(in.Stage),
		Owner: domain.EmployeeID{UUID: in.Owner}, Source: in.Source, Text: in.Text,
	}
	if in.Archived != "all" {
		archived := in.Archived == "true"
		filter.Archived = &archived
	}
	if err := checkText("source", in.Source); err != nil {
		return filter, err
	}
	return filter, checkText("q", in.Text)
}

// customerPageInput asks for a list of what belongs to one customer.
type customerPageInput struct {
	Paging
	Moment
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Server) customerQueries() {
	serveNarrowed(s, query{
		"customer.list", access.CustomersRead, "/customers", "customers", "Find customers, newest registered first", []string{"customers", "catalog"},
	}, s.listCustomers)
	serveNarrowed(s, query{
		"customer.card", access.CustomersRead, "/customers/{id}", "customers", "A customer's card", []string{"customers", "catalog"},
	}, s.showCustomer)
	serveNarrowed(s, query{
		"customer.timeline", access.CustomersRead, "/customers/{id}/timeline", "customers",
		"What happened with a customer, newest first: its own events and those of its consents, interactions and deals",
		[]string{"timeline", "customers", "deals", "catalog"},
	}, s.listTimeline)
}

func (s *Server) listCustomers(ctx context.Context, in *customerListInput) (*listed[customerSummary], error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	if err := principalOf(ctx).CheckPersonal(); filter.Text != "" && err != nil {
		return nil, err
	}
	asked := question("customers", filter, in.asOf())
	after, err := markOf[readmodels.AgeMark](asked, in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := s.models(ctx).Customers.List(ctx, filter, in.asOf(), after, in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(found.Items, pageAfter(asked, found.Next), summaryOf), nil
}

func (s *Server) showCustomer(ctx context.Context, in *Dated) (*tagged[customerCard], error) {
	c, err := s.models(ctx).Customers.Card(ctx, domain.CustomerID{UUID: in.ID}, in.asOf())
	if err != nil {
		return nil, err
	}
	return taggedAt(in.asOf(), c.Revision, cardOf(c)), nil
}

func summaryOf(c readmodels.Customer) customerSummary {
	return customerSummary{
		ID: c.ID.UUID, Kind: c.Kind, Name: c.Details.Name, Stage: c.Stage, Touchpoint: touchpointInput(c.Touchpoint),
		Owner: namingPerson(c.Owner, c.OwnerName), ContactPoints: each(c.ContactPoints, contactPointOf), Archived: c.Archived,
		RegisteredAt: c.RegisteredAt, ChangedAt: c.ChangedAt, Revision: c.Revision,
	}
}

func cardOf(c readmodels.Customer) customerCard {
	card := customerCard{
		ID: c.ID.UUID, Kind: c.Kind, CustomerDetails: CustomerDetails(c.Details),
		Stage: c.Stage, Touchpoint: touchpointInput(c.Touchpoint), Owner: namingPerson(c.Owner, c.OwnerName),
		ContactPoints: each(c.ContactPoints, contactPointOf), Attributes: []attributeCard{},
		Links: each(c.Links, func(l customer.Link) linkCard {
			return linkCard{Organization: namingPerson(l.Organization, c.Organizations[l.Organization]), Relation: l.Relation, Title: l.Title}
		}),
		Archived: c.Archived, RegisteredAt: c.RegisteredAt, ChangedAt: c.ChangedAt, Revision: c.Revision, Degraded: c.Degraded,
	}
	for _, key := range slices.Sorted(maps.Keys(c.Attributes)) {
		card.Attributes = append(card.Attributes, attributeCard(c.Attributes[key]))
	}
	return card
}

func contactPointOf(p customer.KnownContactPoint) contactPointCard {
	card := contactPointCard{
		ID: p.ID.UUID, Kind: p.Kind, Label: p.Label, Value: p.Typed, Normalized: p.Normalized,
		Primary: p.Primary, Verified: p.Verified,
	}
	if p.Address != (customer.Address{}) {
		card.Address = &p.Address
	}
	return card
}
