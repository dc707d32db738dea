package customer

import "crm/domain"

// Kind says whether the customer is a person or an organisation. It never changes.
type Kind string

// The kinds.
const (
	Person       Kind = "person"
	Organization Kind = "organization"
)

// Details are what is known of a customer beside its contact points. A field
// with its zero value is not known.
type Details struct {
	Name        domain.Personal `json:"name,omitempty"` // as it is displayed; every customer has one
	Description domain.Personal `json:"description,omitempty"`
	Language    string          `json:"language,omitempty"` // BCP 47, "de-AT"

	// Of a person.
	Honorific  domain.Personal `json:"honorific,omitempty"`
	GivenName  domain.Personal `json:"given_name,omitempty"`
	FamilyName domain.Personal `json:"family_name,omitempty"`
	BirthDate  domain.Personal `json:"birth_date,omitempty"` // a domain.Date
	JobTitle   domain.Personal `json:"job_title,omitempty"`

	// Of an organisation.
	LegalName     domain.Personal `json:"legal_name,omitempty"`
	Industry      string          `json:"industry,omitempty"`
	FoundedYear   int             `json:"founded_year,omitempty"`
	Employees     int64           `json:"employees,omitempty"`
	AnnualRevenue domain.Money    `json:"annual_revenue,omitzero"`
	VATID         domain.Personal `json:"vat_id,omitempty"`
}

// DetailFields are the details that a patch may name.
var DetailFields = domain.Fields[Details]{
	domain.FieldOf("name", func(d *Details) *domain.Personal { return &d.Name }),
	domain.LongTextField("description", func(d *Details) *domain.Personal { return &d.Description }),
	domain.FieldOf("language", func(d *Details) *string { return &d.Language }),
	domain.FieldOf("honorific", func(d *Details) *domain.Personal { return &d.Honorific }),
	domain.FieldOf("given_name", func(d *Details) *domain.Personal { return &d.GivenName }),
	domain.FieldOf("family_name", func(d *Details) *domain.Personal { return &d.FamilyName }),
	domain.FieldOf("birth_date", func(d *Details) *domain.Personal { return &d.BirthDate }),
	domain.FieldOf("job_title", func(d *Details) *domain.Personal { return &d.JobTitle }),
	domain.FieldOf("legal_name", func(d *Details) *domain.Personal { return &d.LegalName }),
	domain.FieldOf("industry", func(d *Details) *string { return &d.Industry }),
	domain.FieldOf("founded_year", func(d *Details) *int { return &d.FoundedYear }),
	domain.FieldOf("employees", func(d *Details) *int64 { return &d.Employees }),
	domain.FieldOf("annual_revenue", func(d *Details) *domain.Money { return &d.AnnualRevenue }),
	domain.FieldOf("vat_id", func(d *Details) *domain.Personal { return &d.VATID }),
}

// LifecycleStage is how far a customer has come with us.
type LifecycleStage string

// The lifecycle stages, from the first touch to the last.
const (
	Subscriber         LifecycleStage = "subscriber"
	Lead               LifecycleStage = "lead"
	MarketingQualified LifecycleStage = "marketing_qualified"
	SalesQualified     LifecycleStage = "sales_qualified"
	Opportunity        LifecycleStage = "opportunity"
	Customer           LifecycleStage = "customer"
	Former             LifecycleStage = "former"
	WonBack            LifecycleStage = "won_back"
)

// Valid reports whether the stage is one of the eight.
func (s LifecycleStage) Valid() bool {
	switch s {
	case Subscriber, Lead, MarketingQualified, SalesQualified, Opportunity, Customer, Former, WonBack:
		return true
	}
	return false
}

// Touchpoint is where a customer came from: "Google" by "organic_search".
type Touchpoint struct {
	Source   string `json:"source,omitempty"`
	Medium   string `json:"medium,omitempty"`
	Campaign string `json:"campaign,omitempty"`
}

// ContactPoint is one way to reach a customer. What was typed stays beside its
// normal form; equality is by the normal form.
type ContactPoint struct {
	ID         domain.ContactPointID `json:"id"`
	Kind       ContactKind           `json:"kind"`
	Label      string                `json:"label,omitempty"` // "work", "home", "mobile", …
	Typed      domain.Personal       `json:"typed"`
	Normalized domain.Personal       `json:"normalized"`       // E.164, lower-case domain, …
	Address    Address               `json:"address,omitzero"` // of a postal contact point
	Primary    bool                  `json:"primary,omitempty"`
}

// ContactKind says what sort of contact point it is.
type ContactKind string

// The kinds of contact points.
const (
	Email  ContactKind = "email"
	Phone  ContactKind = "phone"
	Postal ContactKind = "postal"
	Web    ContactKind = "web"
	Social ContactKind = "social"
)

// Address is a postal address, in the parts that vCard and schema.org share.
type Address struct {
	Street     domain.Personal `json:"street,omitempty"`
	PostalCode domain.Personal `json:"postal_code,omitempty"`
	City       domain.Personal `json:"city,omitempty"`
	Region     domain.Personal `json:"region,omitempty"`
	Country    string          `json:"country,omitempty"` // as given; ISO 3166-1 alpha-2 where known
}

// Attribute is a typed custom field. Value is the canonical text of its kind.
type Attribute struct {
	Key   string          `json:"key"` // a slug
	Kind  AttributeKind   `json:"kind"`
	Value domain.Personal `json:"value"`
}

// AttributeKind is the type of an attribute's value.
type AttributeKind string

// The kinds of attributes and the canonical text of each.
const (
	Text    AttributeKind = "text"    // any text
	Number  AttributeKind = "number"  // a JSON number, at most 64 characters
	Boolean AttributeKind = "boolean" // true or false
	Day     AttributeKind = "date"    // a domain.Date
)

// Link is a customer's belonging to an organisation.
type Link struct {
	Organization domain.CustomerID `json:"organization"`
	Relation     Relation          `json:"relation"`
	Title        domain.Personal   `json:"title,omitempty"` // "Head of Purchasing"
}

// Relation says how a customer belongs to an organisation.
type Relation string

// The relations. Only a person works, only an organisation is a subsidiary.
const (
	WorksAt      Relation = "works_at"
	SubsidiaryOf Relation = "subsidiary_of"
	MemberOf     Relation = "member_of"
	PartnerOf    Relation = "partner_of"
)
