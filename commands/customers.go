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
	tell: func(s customer.State) any {
		if !s.Exists() {
			return nil
		}
		known := knownCustomer{kind: s.Kind}
		for _, point := range s.ContactPoints {
			known.contactPoints = append(known.contactPoints, point.ID)
		}
		return known
	},
}

// knownCustomer is what others may know of a customer.
type knownCustomer struct {
	kind          customer.Kind
	contactPoints []domain.ContactPointID
}

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

func resolveCustomer(ctx context.Context, h *Handler, target uuid.UUID, s customer.State, command customer.Command) (customer.Command, error) {
	if _, ok := command.(customer.Register); !ok && !s.Exists() {
		return command, nil // the decider says that there is no such customer
	}
	switch c := command.(type) {
	case customer.Register:
		for i, link := range c.Links {
			if err := h.mustBeOrganization(ctx, target, link.Organization, "/links/"+strconv.Itoa(i)+"/organization"); err != nil {
				return nil, err
			}
		}
		return c, h.mustExist(ctx, employees, c.Owner.UUID, "/owner", "employee")
	case customer.AssignOwner:
		return c, h.mustExist(ctx, employees, c.Owner.UUID, "/owner", "employee")
	case customer.LinkToOrganization:
		return c, h.mustBeOrganization(ctx, target, c.Link.Organization, "/organization")
	default:
		return command, nil
	}
}

// mustBeOrganization refuses a link to a person, to nobody, and to oneself.
func (h *Handler) mustBeOrganization(ctx context.Context, target uuid.UUID, id domain.CustomerID, pointer string) error {
	if id.IsZero() {
		return nil // the decider asks for it
	}
	if id.UUID == target {
		return domain.ErrInvalid.At(pointer, "A customer is not linked to itself.")
	}
	about, err := h.about(ctx, customers, id.UUID, lasting)
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
func (h *Handler) mustBeCustomer(ctx context.Context, id uuid.UUID) error {
	known, err := h.about(ctx, customers, id, lasting)
	if err == nil && known == nil {
		err = customer.ErrUnknown
	}
	return err
}

// mustHaveContactPoint refuses a reference to a contact point that is not the
// customer's. The zero id refers to nothing and passes. One that is not known is
// looked for in the log, for it may be new.
func (h *Handler) mustHaveContactPoint(ctx context.Context, target uuid.UUID, id domain.ContactPointID, pointer string) error {
	if id.IsZero() {
		return nil
	}
	for _, needed := range []freshness{lasting, current} {
		about, err := h.about(ctx, customers, target, needed)
		if err != nil {
			return err
		}
		if known, exists := about.(knownCustomer); exists && slices.Contains(known.contactPoints, id) {
			return nil
		}
	}
	return ErrUnknownReference.At(pointer, "The customer has no contact point %s.", id)
}
