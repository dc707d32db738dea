package commands

import (
	"context"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
)

var customers = &kind[customer.State, customer.Command, customer.Event]{
	Decider:    customer.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.CustomerStream(domain.CustomerID{UUID: id}) },
	isCreating: func(c customer.Command) bool { _, ok := c.(customer.Register); return ok },
	references: customerReferences,
	settings:   customer.Settings,
	tell: func(s customer.State) any {
		if !s.Exists() {
			return nil
		}
		known := knownCustomer{kind: s.Kind, owner: s.Owner}
		for _, point := range s.ContactPoints {
			known.contactPoints = append(known.contactPoints, point.ID)
		}
		return known
	},
	ownerOf: func(_ context.Context, _ asking, s customer.State) (domain.EmployeeID, error) { return s.Owner, nil },
}

// knownCustomer is what others may know of a customer.
type knownCustomer struct {
	kind          customer.Kind
	owner         domain.EmployeeID
	contactPoints []domain.ContactPointID
}

func (k knownCustomer) ownedBy() domain.EmployeeID { return k.owner }

func init() { customers.resolve = resolveCustomer } // it looks at other customers

func customerReferences(_ uuid.UUID, command customer.Command) []domain.Stream {
	switch c := command.(type) {
	case customer.Register:
		streams := some(domain.EmployeeStream, c.Owner)
		for _, link := range c.Links {
			streams = append(streams, some(domain.CustomerStream, link.Organization)...)
		}
		return streams
	case customer.AssignOwner:
		return some(domain.EmployeeStream, c.Owner)
	case customer.LinkToOrganization:
		return some(domain.CustomerStream, c.Link.Organization)
	default:
		return nil
	}
}

func resolveCustomer(ctx context.Context, a asking, s customer.State, command customer.Command) (customer.Command, error) {
	if _, ok := command.(customer.Register); !ok && !s.Exists() {
		return command, nil // the decider says that there is no such customer
	}
	switch c := command.(type) {
	case customer.Register:
		if c.Owner.IsZero() {
			c.Owner = a.within
		}
		for i, link := range c.Links {
			if err := a.mustBeOrganization(ctx, link.Organization, "/links/"+strconv.Itoa(i)+"/organization"); err != nil {
				return nil, err
			}
		}
		return c, a.mustExist(ctx, employees, c.Owner.UUID, "/owner", "employee")
	case customer.AssignOwner:
		return c, a.mustExist(ctx, employees, c.Owner.UUID, "/owner", "employee")
	case customer.LinkToOrganization:
		return c, a.mustBeOrganization(ctx, c.Link.Organization, "/organization")
	default:
		return command, nil
	}
}

// mustBeOrganization refuses a link to a person, to nobody, and to oneself.
func (a asking) mustBeOrganization(ctx context.Context, id domain.CustomerID, pointer string) error {
	if id.IsZero() {
		return nil // the decider asks for it
	}
	if id.UUID == a.target {
		return domain.ErrInvalid.At(pointer, "A customer is not linked to itself.")
	}
	about, err := a.known(ctx, customers, id.UUID)
	switch known, exists := about.(knownCustomer); {
	case err != nil:
		return err
	case !exists:
		return ErrUnknownReference.At(pointer, "There is no customer %s.", id)
	case known.kind != customer.Organization:
		return customer.ErrNotOrganization.At(pointer, "%s is not an organisation.", id)
	}
	return nil
}

// mustBeCustomer refuses commands about the consents and interactions of nobody.
func (a asking) mustBeCustomer(ctx context.Context) error {
	known, err := a.known(ctx, customers, a.target)
	if err == nil && known == nil {
		err = customer.ErrUnknown
	}
	return err
}

// mustHaveContactPoint refuses a reference to a contact point that is not the
// customer's. The zero id refers to nothing and passes. One that is not known is
// looked for in the log, for it may be new.
func (a asking) mustHaveContactPoint(ctx context.Context, id domain.ContactPointID, pointer string) error {
	if id.IsZero() {
		return nil
	}
	for _, needed := range []freshness{lasting, current} {
		about, err := a.about(ctx, customers, a.target, needed)
		if err != nil {
			return err
		}
		if known, exists := about.(knownCustomer); exists && slices.Contains(known.contactPoints, id) {
			return nil
		}
	}
	return ErrUnknownReference.At(pointer, "The customer has no contact point %s.", id)
}
