package http

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/http/access"
)

// CustomerDetails are the details of a customer as they are asked for. It mirrors
// customer.Details, so that adding a detail there does not compile without it.
type CustomerDetails struct {
	Name        domain.Personal `json:"name,omitempty" maxLength:"500" doc:"As it is displayed. Every customer has one." example:"Ada Lovelace"`
	Description domain.Personal `json:"description,omitempty" maxLength:"100000"`
	Language    string          `json:"language,omitempty" doc:"BCP 47." example:"de-AT"`

	Honorific  domain.Personal `json:"honorific,omitempty" maxLength:"500" doc:"Of a person."`
	GivenName  domain.Personal `json:"given_name,omitempty" maxLength:"500" doc:"Of a person."`
	FamilyName domain.Personal `json:"family_name,omitempty" maxLength:"500" doc:"Of a person."`
	BirthDate  domain.Personal `json:"birth_date,omitempty" format:"date" doc:"Of a person."`
	JobTitle   domain.Personal `json:"job_title,omitempty" maxLength:"500" doc:"Of a person."`

	LegalName     domain.Personal `json:"legal_name,omitempty" maxLength:"500" doc:"Of an organization."`
	Industry      string          `json:"industry,omitempty" maxLength:"500" doc:"Of an organization."`
	FoundedYear   int             `json:"founded_year,omitempty" minimum:"0" maximum:"9999" doc:"Of an organization."`
	Employees     int64           `json:"employees,omitempty" minimum:"0" doc:"Of an organization: how many."`
	AnnualRevenue domain.Money    `json:"annual_revenue,omitzero" doc:"Of an organization."`
	VATID         domain.Personal `json:"vat_id,omitempty" maxLength:"500" doc:"Of an organization."`
}

type registerCustomerBody struct {
	NewID
	Kind customer.Kind `json:"kind" enum:"person,organization" doc:"It never changes."`
	CustomerDetails
	Stage         customer.LifecycleStage `json:"stage,omitempty" enum:"subscriber,lead,marketing_qualified,sales_qualified,opportunity,customer,former,won_back" default:"lead"`
	Touchpoint    touchpointInput         `json:"touchpoint,omitzero"`
	Owner         reference               `json:"owner,omitzero" format:"uuid" doc:"The responsible employee."`
	ContactPoints []ContactPointInput     `json:"contact_points,omitempty"`
	Attributes    []attributeInput        `json:"attributes,omitempty"`
	Links         []LinkInput             `json:"links,omitempty"`
	Envelope
}

type touchpointInput struct {
	Source   string `json:"source,omitempty" maxLength:"500" doc:"Where the customer came from." example:"Google"`
	Medium   string `json:"medium,omitempty" maxLength:"500" example:"organic_search"`
	Campaign string `json:"campaign,omitempty" maxLength:"500"`
}

type attributeInput struct {
	Key   string                 `json:"key" pattern:"^[a-z0-9][a-z0-9_-]{0,63}$" example:"newsletter_segment"`
	Kind  customer.AttributeKind `json:"kind" enum:"text,number,boolean,date"`
	Value domain.Personal        `json:"value" doc:"As text: 12.5, true, 2026-11-22." maxLength:"100000"`
}

// LinkInput mirrors customer.Link.
type LinkInput struct {
	Organization domain.CustomerID `json:"organization" format:"uuid" doc:"A customer of kind organization."`
	Relation     customer.Relation `json:"relation" enum:"works_at,subsidiary_of,member_of,partner_of"`
	Title        domain.Personal   `json:"title,omitempty" maxLength:"500" example:"Head of Purchasing"`
}

type (
	customerDetailsBody struct {
		CustomerDetails
		Envelope
	}
	addContactPointBody struct {
		ContactPointInput
		Envelope
	}
	verifyContactPointBody struct {
		Method string `json:"method,omitempty" maxLength:"500" example:"double_opt_in"`
		Envelope
	}
	ownerBody struct {
		Owner reference `json:"owner" format:"uuid" nullable:"true" doc:"The responsible employee; null makes it nobody."`
		Envelope
	}
	lifecycleBody struct {
		Stage      customer.LifecycleStage `json:"stage" enum:"subscriber,lead,marketing_qualified,sales_qualified,opportunity,customer,former,won_back"`
		Touchpoint touchpointInput         `json:"touchpoint,omitzero"`
		Envelope
	}
	changeAttributesBody struct {
		Set   []attributeInput `json:"set,omitempty"`
		Clear []string         `json:"clear,omitempty" doc:"Keys."`
		Envelope
	}
	linkBody struct {
		LinkInput
		Envelope
	}
	unlinkBody struct {
		Organization domain.CustomerID `json:"organization" format:"uuid"`
		Relation     customer.Relation `json:"relation" enum:"works_at,subsidiary_of,member_of,partner_of"`
		Envelope
	}
)

var customerCommands = []*command{
	describe("customer.register", access.CustomersWrite, http.MethodPost, "/customers", "Register a customer", registerCustomer),
	describe("customer.change_details", access.CustomersWrite, http.MethodPatch, "/customers/{id}", "Change details (merge patch; null clears)",
		func(_ *Server, at *place, b *customerDetailsBody) (domain.Command, error) {
			return customer.ChangeDetails{Patch: b.patch(at)}, nil
		}),
	describe("customer.correct", access.CustomersWrite, http.MethodPost, "/customers/{id}/corrections", "Correct details that were never right (merge patch; null clears)",
		func(_ *Server, at *place, b *customerDetailsBody) (domain.Command, error) {
			return customer.Correct{Patch: b.patch(at)}, nil
		}),
	describe("customer.add_contact_point", access.CustomersWrite, http.MethodPost, "/customers/{id}/contact-points", "Add a contact point",
		func(s *Server, at *place, b *addContactPointBody) (domain.Command, error) {
			point, err := s.contactPoint(b.ContactPointInput, at.derived("contact_point"))
			at.part, at.made = point.ID.String(), true
			return customer.AddContactPoint{ContactPoint: point}, err
		}),
	describe("customer.verify_contact_point", access.CustomersWrite, http.MethodPost, "/customers/{id}/contact-points/{part}/verify", "Say that the customer was reached there",
		func(_ *Server, at *place, b *verifyContactPointBody) (domain.Command, error) {
			id, err := at.partID()
			return customer.VerifyContactPoint{ID: domain.ContactPointID{UUID: id}, Method: b.Method}, err
		}),
	describe("customer.remove_contact_point", access.CustomersWrite, http.MethodPost, "/customers/{id}/contact-points/{part}/remove", "Remove a contact point",
		func(_ *Server, at *place, _ *nothing) (domain.Command, error) {
			id, err := at.partID()
			return customer.RemoveContactPoint{ID: domain.ContactPointID{UUID: id}}, err
		}),
	describe("customer.assign_owner", access.CustomersWrite, http.MethodPost, "/customers/{id}/owner", "Assign the owner",
		func(_ *Server, _ *place, b *ownerBody) (domain.Command, error) {
			return customer.AssignOwner{Owner: domain.EmployeeID(b.Owner)}, nil
		}),
	describe("customer.change_lifecycle_stage", access.CustomersWrite, http.MethodPost, "/customers/{id}/lifecycle", "Change the lifecycle stage",
		func(_ *Server, _ *place, b *lifecycleBody) (domain.Command, error) {
			return customer.ChangeLifecycleStage{Stage: b.Stage, Touchpoint: customer.Touchpoint(b.Touchpoint)}, nil
		}),
	describe("customer.change_attributes", access.CustomersWrite, http.MethodPost, "/customers/{id}/attributes", "Set and clear custom fields",
		func(_ *Server, _ *place, b *changeAttributesBody) (domain.Command, error) {
			return customer.ChangeAttributes{Set: attributes(b.Set), Clear: b.Clear}, nil
		}),
	describe("customer.link_to_organization", access.CustomersWrite, http.MethodPost, "/customers/{id}/links", "Link to an organization",
		func(_ *Server, _ *place, b *linkBody) (domain.Command, error) {
			return customer.LinkToOrganization{Link: customer.Link(b.LinkInput)}, nil
		}),
	describe("customer.unlink_from_organization", access.CustomersWrite, http.MethodPost, "/customers/{id}/links/end", "End a link to an organization",
		func(_ *Server, _ *place, b *unlinkBody) (domain.Command, error) {
			return customer.UnlinkFromOrganization{Organization: b.Organization, Relation: b.Relation}, nil
		}),
	describe("customer.archive", access.CustomersWrite, http.MethodPost, "/customers/{id}/archive", "Archive",
		func(*Server, *place, *nothing) (domain.Command, error) { return customer.Archive{}, nil }),
	describe("customer.restore", access.CustomersWrite, http.MethodPost, "/customers/{id}/restore", "Restore from the archive",
		func(*Server, *place, *nothing) (domain.Command, error) { return customer.Restore{}, nil }),
}

func registerCustomer(s *Server, at *place, b *registerCustomerBody) (domain.Command, error) {
	register := customer.Register{
		Kind: b.Kind, Details: customer.Details(b.CustomerDetails), Stage: b.Stage,
		Touchpoint: customer.Touchpoint(b.Touchpoint), Owner: domain.EmployeeID(b.Owner), Attributes: attributes(b.Attributes),
	}
	for i, input := range b.ContactPoints {
		point, err := s.contactPoint(input, at.derived("contact_point/"+strconv.Itoa(i)))
		if err != nil {
			return nil, domain.Within("/contact_points/"+strconv.Itoa(i), err)
		}
		register.ContactPoints = append(register.ContactPoints, point)
	}
	for _, link := range b.Links {
		register.Links = append(register.Links, customer.Link(link))
	}
	return register, nil
}

func (b *customerDetailsBody) patch(at *place) domain.Patch[customer.Details] {
	set := customer.Details(b.CustomerDetails)
	return domain.Patch[customer.Details]{Set: set, Clear: cleared(at, customer.DetailFields, set)}
}

func attributes(inputs []attributeInput) []customer.Attribute {
	var list []customer.Attribute
	for _, input := range inputs {
		list = append(list, customer.Attribute(input))
	}
	return list
}

// reference is the id of something else, or of nothing: null or "".
type reference struct{ uuid.UUID }

// UnmarshalText reads a UUID or nothing.
func (r *reference) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = reference{}
		return nil
	}
	return r.UUID.UnmarshalText(text)
}
