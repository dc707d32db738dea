package employee

import "crm/domain"

// Command is what may be asked of an employee.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Register makes an employee known, who may own customers and deals then.
	Register struct{ Details Details }

	// ChangeDetails says that the named details are different now.
	ChangeDetails struct{ Patch domain.Patch[Details] }
)

func (Register) CommandName() string      { return "employee.register" }
func (ChangeDetails) CommandName() string { return "employee.change_details" }

func (Register) command()      {}
func (ChangeDetails) command() {}

// Details are what is known of an employee. A zero value is not known.
type Details struct {
	Name    domain.Personal   `json:"name,omitempty"` // every employee has one
	Email   domain.Personal   `json:"email,omitempty"`
	Office  string            `json:"office,omitempty"`
	Manager domain.EmployeeID `json:"manager,omitzero"`
}

// DetailFields are the details that a patch may name.
var DetailFields = domain.Fields[Details]{
	domain.FieldOf("name", func(d *Details) *domain.Personal { return &d.Name }),
	domain.FieldOf("email", func(d *Details) *domain.Personal { return &d.Email }),
	domain.FieldOf("office", func(d *Details) *string { return &d.Office }),
	domain.FieldOf("manager", func(d *Details) *domain.EmployeeID { return &d.Manager }),
}

// Event is what happened to an employee.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// Registered records that the employee is known from now on.
	Registered struct {
		Details Details `json:"details"`
	}

	// DetailsChanged records that the details became different.
	DetailsChanged struct {
		domain.Patch[Details]
	}
)

func (Registered) EventType() string     { return "employee.registered" }
func (DetailsChanged) EventType() string { return "employee.details_changed" }

func (Registered) event()     {}
func (DetailsChanged) event() {}

// State is an employee folded from their history.
type State struct {
	Registered bool
	Details    Details
}

// Decider is the employee.
var Decider = domain.Decider[State, Command, Event]{
	Initial: func() State { return State{} },
	Decide:  decide,
	Evolve:  evolve,
}

// The refusals of an employee.
var (
	ErrUnknown           = &domain.Error{Code: domain.NotFound, Slug: "employee-unknown", Detail: "There is no such employee."}
	ErrAlreadyRegistered = &domain.Error{Code: domain.Conflict, Slug: "employee-already-registered", Detail: "An employee with this id is registered already."}
)

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Registered:
		s.Registered, s.Details = true, e.Details
	case DetailsChanged:
		s.Details = DetailFields.Apply(s.Details, e.Patch)
	}
	return s
}

func decide(s State, command Command) ([]Event, error) {
	switch c := command.(type) {
	case Register:
		if s.Registered {
			return nil, ErrAlreadyRegistered
		}
		if err := c.Details.valid(); err != nil {
			return nil, err
		}
		return []Event{Registered(c)}, nil
	case ChangeDetails:
		if !s.Registered {
			return nil, ErrUnknown
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
	panic("employee: command without a decision: " + command.CommandName())
}

func (d Details) valid() error {
	if domain.Blank(d.Name) {
		return domain.ErrInvalid.At("/name", "An employee has a name.")
	}
	return DetailFields.Check(d)
}

// Settings are the fields that a command gives a value, as they are in the state and
// as they are to be.
func Settings(s State, command Command) []domain.Setting {
	if c, ok := command.(ChangeDetails); ok {
		return DetailFields.Settings(s.Details, c.Patch)
	}
	return nil
}
