package customer

import "crm/domain"

// Command is what may be asked of a customer.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Register brings a customer into being, with all that is known at once.
	Register struct {
		Kind          Kind
		Details       Details
		Stage         LifecycleStage // default Lead
		Touchpoint    Touchpoint
		Owner         domain.EmployeeID
		ContactPoints []ContactPoint
		Attributes    []Attribute
		Links         []Link
	}

	// ChangeDetails says that the named details are different now.
	ChangeDetails struct{ Patch domain.Patch[Details] }

	// Correct says that the named details were never right (GDPR Art. 16).
	Correct struct{ Patch domain.Patch[Details] }

	// AddContactPoint adds a way to reach the customer.
	AddContactPoint struct{ ContactPoint ContactPoint }

	// VerifyContactPoint says that the customer was reached there.
	VerifyContactPoint struct {
		ID     domain.ContactPointID
		Method string // how it was verified: "double_opt_in", "call", …
	}

	// RemoveContactPoint takes a contact point away.
	RemoveContactPoint struct{ ID domain.ContactPointID }

	// AssignOwner makes an employee responsible; the zero id makes it nobody.
	AssignOwner struct{ Owner domain.EmployeeID }

	// ChangeLifecycleStage moves the customer along its life cycle. The reason
	// is the command's (domain.Meta); the touchpoint is what brought it about.
	ChangeLifecycleStage struct {
		Stage      LifecycleStage
		Touchpoint Touchpoint
	}

	// ChangeAttributes sets and clears custom fields.
	ChangeAttributes struct {
		Set   []Attribute
		Clear []string
	}

	// LinkToOrganization says that the customer belongs to an organisation.
	LinkToOrganization struct{ Link Link }

	// UnlinkFromOrganization ends such a link.
	UnlinkFromOrganization struct {
		Organization domain.CustomerID
		Relation     Relation
	}

	// Archive puts the customer away; nothing but Restore changes it then.
	Archive struct{}

	// Restore brings an archived customer back.
	Restore struct{}
)

func (Register) CommandName() string               { return "customer.register" }
func (ChangeDetails) CommandName() string          { return "customer.change_details" }
func (Correct) CommandName() string                { return "customer.correct" }
func (AddContactPoint) CommandName() string        { return "customer.add_contact_point" }
func (VerifyContactPoint) CommandName() string     { return "customer.verify_contact_point" }
func (RemoveContactPoint) CommandName() string     { return "customer.remove_contact_point" }
func (AssignOwner) CommandName() string            { return "customer.assign_owner" }
func (ChangeLifecycleStage) CommandName() string   { return "customer.change_lifecycle_stage" }
func (ChangeAttributes) CommandName() string       { return "customer.change_attributes" }
func (LinkToOrganization) CommandName() string     { return "customer.link_to_organization" }
func (UnlinkFromOrganization) CommandName() string { return "customer.unlink_from_organization" }
func (Archive) CommandName() string                { return "customer.archive" }
func (Restore) CommandName() string                { return "customer.restore" }

func (Register) command()               {}
func (ChangeDetails) command()          {}
func (Correct) command()                {}
func (AddContactPoint) command()        {}
func (VerifyContactPoint) command()     {}
func (RemoveContactPoint) command()     {}
func (AssignOwner) command()            {}
func (ChangeLifecycleStage) command()   {}
func (ChangeAttributes) command()       {}
func (LinkToOrganization) command()     {}
func (UnlinkFromOrganization) command() {}
func (Archive) command()                {}
func (Restore) command()                {}
