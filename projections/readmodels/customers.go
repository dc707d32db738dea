package readmodels

import (
	_ "embed"
	"strings"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/projections"
	"crm/projections/search"
)

// Customers is the read model behind a customer's card and the list of customers.
// A row is the state that the customer's own decider folds, in columns, so that
// the card cannot disagree with it; it remembers what it was.
type Customers struct {
	db    projections.Querier
	scope scope
}

//go:embed customers.sql
var customersSQL string

// Name is the read model's name and the schema of its tables.
func (Customers) Name() string { return "customers" }

// Version changes with the tables or what is written into them.
func (Customers) Version() int { return 6 }

// Schema is its tables and indexes.
func (Customers) Schema() projections.Schema {
	return projections.ParseSchema(customersSQL).Remembering(customers)
}

// Handles are all events of a customer.
func (Customers) Handles() []string { return customerEvents }

var customerEvents = typesOf[customer.Event](
	customer.Registered{}, customer.DetailsChanged{}, customer.Corrected{},
	customer.ContactPointAdded{}, customer.ContactPointVerified{}, customer.ContactPointRemoved{},
	customer.OwnerAssigned{}, customer.LifecycleStageChanged{}, customer.AttributesChanged{},
	customer.LinkedToOrganization{}, customer.UnlinkedFromOrganization{},
	customer.Archived{}, customer.Restored{})

var customers = projections.NewVersioned[uuid.UUID, customerRow]("customers", "customer_id").
	Following(func(row *customerRow) domain.Revision { return domain.Revision(row.Revision) }).
	Retold(retellCustomer)

// Apply folds one event.
func (Customers) Apply(w *projections.Writer, e domain.Recorded) error {
	event, ok := e.Event.(customer.Event)
	if !ok {
		return nil
	}
	id, err := subject(e)
	if err != nil {
		return err
	}
	at, revision := e.Meta.OccurredAt, int64(e.Revision) // not e, which would move to the heap with the func
	customers.Change(w, id, e, func(row *customerRow) {
		if _, first := event.(customer.Registered); first {
			row.RegisteredAt = at
		}
		row.evolve(event)
		switch event.(type) {
		case customer.Registered, customer.LifecycleStageChanged:
			row.move(string(row.Stage), later(at, row.RegisteredAt))
		default: // moves nobody
		}
		row.ChangedAt, row.Revision = at, revision
	})
	return nil
}

// customerRow is a customer's state in columns.
type customerRow struct {
	CustomerID            uuid.UUID               `db:"customer_id"`
	Kind                  customer.Kind           `db:"kind"`
	Name                  domain.Personal         `db:"name"`
	Description           domain.Personal         `db:"description"`
	Language              string                  `db:"language"`
	Honorific             domain.Personal         `db:"honorific"`
	GivenName             domain.Personal         `db:"given_name"`
	FamilyName            domain.Personal         `db:"family_name"`
	BirthDate             domain.Personal         `db:"birth_date"`
	JobTitle              domain.Personal         `db:"job_title"`
	LegalName             domain.Personal         `db:"legal_name"`
	Industry              string                  `db:"industry"`
	FoundedYear           int                     `db:"founded_year"`
	Employees             int64                   `db:"employees"`
	AnnualRevenueMinor    *int64                  `db:"annual_revenue_minor"`
	AnnualRevenueCurrency *domain.Currency        `db:"annual_revenue_currency"`
	VATID                 domain.Personal         `db:"vat_id"`
	Stage                 customer.LifecycleStage `db:"stage"`
	TouchpointSource      string                  `db:"touchpoint_source"`
	TouchpointMedium      string                  `db:"touchpoint_medium"`
	TouchpointCampaign    string                  `db:"touchpoint_campaign"`
	OwnerID               *domain.EmployeeID      `db:"owner_id"`
	ContactPoints         string                  `db:"contact_points"`
	Attributes            string                  `db:"attributes"`
	Links                 string                  `db:"links"`
	Archived              bool                    `db:"archived"`
	NameKey               string                  `db:"name_key"`
	Search                string                  `db:"search"`
	RegisteredAt          time.Time               `db:"registered_at"`
	ChangedAt             time.Time               `db:"changed_at"`
	Revision              int64                   `db:"revision"`
	path
}

// contactPoint is a customer.KnownContactPoint as JSON.
type contactPoint struct {
	customer.ContactPoint
	Verified bool `json:"verified"`
}

// evolve has the decider fold the event. What lies in jsonb takes part only where
// the event is about it: taking it apart for every event would cost more than all
// the rest.
func (r *customerRow) evolve(event customer.Event) {
	s := r.facts()
	switch event.(type) {
	case customer.Registered:
		r.ContactPoints, r.Attributes, r.Links = "[]", "{}", "[]"
		s = customer.Decider.Evolve(s, event)
	case customer.ContactPointAdded, customer.ContactPointVerified, customer.ContactPointRemoved:
		s.ContactPoints = r.contactPoints()
		s = customer.Decider.Evolve(s, event)
		r.takeContactPoints(s.ContactPoints)
	case customer.AttributesChanged:
		s.Attributes = r.attributes()
		s = customer.Decider.Evolve(s, event)
		r.Attributes = text(s.Attributes)
	case customer.LinkedToOrganization, customer.UnlinkedFromOrganization:
		s.Links = decoded[[]customer.Link](r.Links)
		s = customer.Decider.Evolve(s, event)
		r.takeLinks(s.Links)
	default:
		s = customer.Decider.Evolve(s, event)
	}
	r.takeFacts(s)
}

// state is the whole state.
func (r *customerRow) state() customer.State {
	s := r.facts()
	s.ContactPoints, s.Attributes, s.Links = r.contactPoints(), r.attributes(), decoded[[]customer.Link](r.Links)
	return s
}

// facts is the state without what lies in jsonb.
func (r *customerRow) facts() customer.State {
	return customer.State{
		Kind: r.Kind,
		Details: customer.Details{
			Name: r.Name, Description: r.Description, Language: r.Language, Honorific: r.Honorific,
			GivenName: r.GivenName, FamilyName: r.FamilyName, BirthDate: r.BirthDate, JobTitle: r.JobTitle,
			LegalName: r.LegalName, Industry: r.Industry, FoundedYear: r.FoundedYear, Employees: r.Employees,
			AnnualRevenue: money(r.AnnualRevenueMinor, r.AnnualRevenueCurrency), VATID: r.VATID,
		},
		Stage:      r.Stage,
		Touchpoint: customer.Touchpoint{Source: r.TouchpointSource, Medium: r.TouchpointMedium, Campaign: r.TouchpointCampaign},
		Owner:      known(r.OwnerID),
		Archived:   r.Archived,
	}
}

func (r *customerRow) takeFacts(s customer.State) {
	d := s.Details
	if r.Name != d.Name {
		r.NameKey = search.Key(d.Name.Plain())
		r.find(nameTerms, search.NameTerms(d.Name.Plain(), s.Kind == customer.Organization))
	}
	r.Kind, r.Stage, r.Archived, r.OwnerID = s.Kind, s.Stage, s.Archived, nullable(s.Owner)
	r.Name, r.Description, r.Language, r.Honorific = d.Name, d.Description, d.Language, d.Honorific
	r.GivenName, r.FamilyName, r.BirthDate, r.JobTitle = d.GivenName, d.FamilyName, d.BirthDate, d.JobTitle
	r.LegalName, r.Industry, r.FoundedYear, r.Employees, r.VATID = d.LegalName, d.Industry, d.FoundedYear, d.Employees, d.VATID
	r.AnnualRevenueMinor, r.AnnualRevenueCurrency = amount(d.AnnualRevenue)
	r.TouchpointSource, r.TouchpointMedium, r.TouchpointCampaign = s.Touchpoint.Source, s.Touchpoint.Medium, s.Touchpoint.Campaign
}

func (r *customerRow) contactPoints() []customer.KnownContactPoint {
	var points []customer.KnownContactPoint
	for _, point := range decoded[[]contactPoint](r.ContactPoints) {
		points = append(points, customer.KnownContactPoint(point))
	}
	return points
}

func (r *customerRow) takeContactPoints(points []customer.KnownContactPoint) {
	column := make([]contactPoint, len(points))
	var terms search.Contacts
	for i, point := range points {
		column[i] = contactPoint(point)
		switch point.Kind {
		case customer.Email:
			terms.Email(point.Normalized.Plain())
		case customer.Phone:
			terms.Phone(point.Typed.Plain(), point.Normalized.Plain())
		default:
			terms.Words(point.Normalized.Plain())
		}
	}
	r.ContactPoints = encoded(column)
	r.find(contactTerms, terms.Text())
}

func (r *customerRow) takeLinks(links []customer.Link) {
	organizations := make([]uuid.UUID, len(links))
	for i, link := range links {
		organizations[i] = link.Organization.UUID
	}
	r.Links = encoded(links)
	r.find(linkTerms, search.LinkTerms(organizations))
}

func (r *customerRow) attributes() map[string]customer.Attribute {
	attributes := decoded[map[string]customer.Attribute](r.Attributes)
	if attributes == nil {
		attributes = map[string]customer.Attribute{}
	}
	return attributes
}

// The lines of the column search.
const (
	nameTerms = iota
	contactTerms
	linkTerms
	searchLines
)

// find has the customer found by other terms of a kind.
func (r *customerRow) find(kind int, terms string) {
	var lines [searchLines]string
	copy(lines[:], strings.Split(r.Search, "\n"))
	lines[kind] = terms
	r.Search = strings.Join(lines[:], "\n")
}
