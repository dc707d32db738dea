package interaction

import "crm/domain"

// Command is what may be asked of a customer's interactions.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Log records an interaction. When it took place is the command's instant.
	Log struct {
		ID      domain.InteractionID
		Details Details
	}

	// Amend changes what was recorded.
	Amend struct {
		ID    domain.InteractionID
		Patch domain.Patch[Details]
	}
)

func (Log) CommandName() string   { return "interaction.log" }
func (Amend) CommandName() string { return "interaction.amend" }

func (Log) command()   {}
func (Amend) command() {}
