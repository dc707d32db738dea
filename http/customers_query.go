package http

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/http/access"
	"crm/projections/lists"
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
	Listing
	Moment
	Kind     string    `query:"kind" enum:"person,organization"`
	Stage    string    `query:"stage" enum:"subscriber,lead,marketing_qualified,sales_qualified,opportunity,customer,former,won_back"`
	Owner    uuid.UUID `query:"owner" format:"uuid" doc:"An employee."`
	Source   string    `query:"source" maxLength:"500" doc:"Of the latest touchpoint, exactly."`
	Archived string    `query:"archived" enum:"false,true,all" default:"false" doc:"Archived customers are shown when asked for."`
	Text     string    `query:"q" maxLength:"200" doc:"Searches names, addresses, numbers and the names of organizations that customers are linked to. All words must begin a word there, whatever case, accents or umlauts (Müller is Mueller); a number is found by its end, too; where fewer than five are found, words with a typo are. Without sort the best come first: exact, then as a beginning, then by words, then through an organization, then with typos; of these the newest registered."`
}

func (in *customerListInput) ask() (listAsk, error) {
	in.also("kind", in.Kind)
	in.also("stage", in.Stage)
	in.also("source", in.Source)
	in.also("owner", idText(in.Owner))
	if in.Archived != "all" && in.given("archived") {
		in.also("archived", in.Archived)
	}
	a := in.Listing.ask(in.asOf())
	if a.text = in.Text; in.Archived == "all" {
		a.archived = true
	}
	return a, cmp.Or(checkText("source", in.Source), checkText("q", in.Text))
}

// idText is an id as a parameter; none is "".
func idText(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}

// customerPageInput asks for a timeline; customerListingInput for a list of what belongs
// to one customer, which can be sorted too.
type customerPageInput struct {
	Filtering
	Moment
	ID uuid.UUID `path:"id" format:"uuid"`
}

type customerListingInput struct {
	Listing
	Moment
	ID uuid.UUID `path:"id" format:"uuid"`
}

var customerList = query{
	"customer.list", access.CustomersRead, "/customers", "customers", "Find customers, newest registered first", []string{"customers", "catalog"},
}

func (s *Server) customerQueries() {
	serveNarrowed(s, customerList, s.listCustomers)
	s.describeList(customerList.path, readmodels.CustomerList)
	serveNarrowed(s, query{
		"customer.card", access.CustomersRead, "/customers/{id}", "customers", "A customer's card", []string{"customers", "catalog"},
	}, s.showCustomer)
	serveNarrowed(s, query{
		"customer.timeline", access.CustomersRead, "/customers/{id}/timeline", "customers",
		"What happened with a customer, newest first: its own events and those of its consents, interactions and deals",
		[]string{"timeline", "customers", "deals", "catalog"},
	}, s.listTimeline)
	s.describeList("/customers/{id}/timeline", readmodels.TimelineList)
}

func (s *Server) listCustomers(ctx context.Context, in *customerListInput) (*listed[customerSummary], error) {
	asked, err := in.ask()
	if err != nil {
		return nil, err
	}
	return s.findCustomers(ctx, asked)
}

// findCustomers answers a list of customers. The archived are there when the question
// names them.
func (s *Server) findCustomers(ctx context.Context, a listAsk) (*listed[customerSummary], error) {
	if !a.archived && !a.names("archived") {
		a.All = append(slices.Clip(a.All), lists.Condition{Field: "archived", Op: string(lists.Eq), Values: []string{"false"}, At: "archived"})
	}
	return listFrom(ctx, readmodels.CustomerList, a, func(asked readmodels.Asked) (readmodels.Listed[readmodels.Customer], error) {
		return s.models(ctx).Customers.List(ctx, asked, a.text)
	}, summaryOf)
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
