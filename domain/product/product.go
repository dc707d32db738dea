package product

import (
	"cmp"

	"crm/domain"
)

// Command is what may be asked of a product.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Define brings a product into the catalogue.
	Define struct {
		Details   Details
		ListPrice domain.Money
	}

	// ChangeDetails says that the named details are different now.
	ChangeDetails struct{ Patch domain.Patch[Details] }

	// SetListPrice sets what one piece costs from now on.
	SetListPrice struct{ ListPrice domain.Money }

	// Retire takes the product out of the catalogue.
	Retire struct{}

	// Reinstate brings a retired product back into the catalogue.
	Reinstate struct{}
)

func (Define) CommandName() string        { return "product.define" }
func (ChangeDetails) CommandName() string { return "product.change_details" }
func (SetListPrice) CommandName() string  { return "product.set_list_price" }
func (Retire) CommandName() string        { return "product.retire" }
func (Reinstate) CommandName() string     { return "product.reinstate" }

func (Define) command()        {}
func (ChangeDetails) command() {}
func (SetListPrice) command()  {}
func (Retire) command()        {}
func (Reinstate) command()     {}

// Details are what is known of a product. A zero value is not known.
type Details struct {
	Name        string `json:"name,omitempty"` // every product has one
	SKU         string `json:"sku,omitempty"`
	Family      string `json:"family,omitempty"` // a group of products
	Description string `json:"description,omitempty"`
}

// DetailFields are the details that a patch may name.
var DetailFields = domain.Fields[Details]{
	domain.FieldOf("name", func(d *Details) *string { return &d.Name }),
	domain.FieldOf("sku", func(d *Details) *string { return &d.SKU }),
	domain.FieldOf("family", func(d *Details) *string { return &d.Family }),
	domain.LongTextField("description", func(d *Details) *string { return &d.Description }),
}

// Event is what happened to a product.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// Defined records a new product.
	Defined struct {
		Details   Details      `json:"details"`
		ListPrice domain.Money `json:"list_price,omitzero"`
	}

	// DetailsChanged records that the details became different.
	DetailsChanged struct {
		domain.Patch[Details]
	}

	// ListPriceSet records what one piece costs from now on.
	ListPriceSet struct {
		ListPrice domain.Money `json:"list_price"`
	}

	// Retired records that the product is no longer sold.
	Retired struct{}

	// Reinstated records that the product is sold again.
	Reinstated struct{}
)

func (Defined) EventType() string        { return "product.defined" }
func (DetailsChanged) EventType() string { return "product.details_changed" }
func (ListPriceSet) EventType() string   { return "product.list_price_set" }
func (Retired) EventType() string        { return "product.retired" }
func (Reinstated) EventType() string     { return "product.reinstated" }

func (Defined) event()        {}
func (DetailsChanged) event() {}
func (ListPriceSet) event()   {}
func (Retired) event()        {}
func (Reinstated) event()     {}

// State is a product folded from its history.
type State struct {
	Defined   bool
	Details   Details
	ListPrice domain.Money
	Retired   bool
}

// Decider is the product.
var Decider = domain.Decider[State, Command, Event]{
	Initial: func() State { return State{} },
	Decide:  decide,
	Evolve:  evolve,
}

// The refusals of a product.
var (
	ErrUnknown        = &domain.Error{Code: domain.NotFound, Slug: "product-unknown", Detail: "There is no such product."}
	ErrAlreadyDefined = &domain.Error{Code: domain.Conflict, Slug: "product-already-defined", Detail: "A product with this id is defined already."}
	ErrRetired        = &domain.Error{Code: domain.Conflict, Slug: "product-retired", Detail: "The product is retired."}
)

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Defined:
		s.Defined, s.Details, s.ListPrice = true, e.Details, e.ListPrice
	case DetailsChanged:
		s.Details = DetailFields.Apply(s.Details, e.Patch)
	case ListPriceSet:
		s.ListPrice = e.ListPrice
	case Retired:
		s.Retired = true
	case Reinstated:
		s.Retired = false
	}
	return s
}

func decide(s State, command Command) ([]Event, error) {
	if _, defines := command.(Define); !defines && !s.Defined {
		return nil, ErrUnknown
	}
	switch c := command.(type) {
	case Define:
		return define(s, c)
	case ChangeDetails:
		return changeDetails(s, c)
	case SetListPrice:
		return setListPrice(s, c)
	case Retire:
		return retire(s)
	case Reinstate:
		return reinstate(s)
	}
	panic("product: command without a decision: " + command.CommandName())
}

func define(s State, c Define) ([]Event, error) {
	if s.Defined {
		return nil, ErrAlreadyDefined
	}
	if err := cmp.Or(c.Details.valid(), domain.CheckMoney("/list_price", c.ListPrice)); err != nil {
		return nil, err
	}
	return []Event{Defined(c)}, nil
}

func changeDetails(s State, c ChangeDetails) ([]Event, error) {
	if s.Retired {
		return nil, ErrRetired
	}
	needed, changed, err := DetailFields.Needed(s.Details, c.Patch)
	if err != nil || !changed {
		return nil, err
	}
	if err := DetailFields.Apply(s.Details, needed).valid(); err != nil {
		return nil, err
	}
	return []Event{DetailsChanged{needed}}, nil
}

func setListPrice(s State, c SetListPrice) ([]Event, error) {
	switch {
	case s.Retired:
		return nil, ErrRetired
	case c.ListPrice.IsZero():
		return nil, domain.ErrInvalid.At("/list_price", "The list price is missing.")
	case c.ListPrice == s.ListPrice:
		return nil, nil
	}
	if err := domain.CheckMoney("/list_price", c.ListPrice); err != nil {
		return nil, err
	}
	return []Event{ListPriceSet(c)}, nil
}

func retire(s State) ([]Event, error) {
	if s.Retired {
		return nil, nil
	}
	return []Event{Retired{}}, nil
}

func reinstate(s State) ([]Event, error) {
	if !s.Retired {
		return nil, nil
	}
	return []Event{Reinstated{}}, nil
}

func (d Details) valid() error {
	if domain.Blank(d.Name) {
		return domain.ErrInvalid.At("/name", "A product has a name.")
	}
	return DetailFields.Check(d)
}

// Settings are the fields that a command gives a value, as they are in the state and
// as they are to be.
func Settings(s State, command Command) []domain.Setting {
	switch c := command.(type) {
	case ChangeDetails:
		return DetailFields.Settings(s.Details, c.Patch)
	case SetListPrice:
		return []domain.Setting{{Field: "list_price", Is: domain.ValueOf(s.ListPrice), To: domain.ValueOf(c.ListPrice)}}
	default:
		return nil
	}
}
