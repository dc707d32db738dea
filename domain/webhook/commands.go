package webhook

import (
	"time"

	"github.com/google/uuid"

	"crm/domain"
)

// Command is what may be asked of a webhook.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Register makes an endpoint known, to which is sent from then on.
	Register struct {
		Details Details
		Secret  Fingerprint
	}

	// Change says that the named details are different now.
	Change struct{ Patch domain.Patch[Details] }

	// Pause stops the sending. What happens meanwhile waits.
	Pause struct{}

	// Resume begins the sending again.
	Resume struct{}

	// RotateSecret puts another secret in force. The one before stays in force beside
	// it until PreviousUntil, for MaxOverlap at most; one before that no longer is.
	RotateSecret struct {
		Secret        Fingerprint
		PreviousUntil time.Time
		Now           time.Time
	}

	// Disable stops the sending to an endpoint that cannot be sent to.
	Disable struct{ Reason Reason }

	// Remove ends the endpoint. It never comes back; another may have its address.
	Remove struct{}

	// Ping sends the endpoint an event of its own, to see what it answers.
	Ping struct{}

	// Replay sends the endpoint again what it wants to hear of, from After on.
	Replay struct{ After string } // a position in the log, as domain.Position writes it

	// Redeliver sends one delivery again.
	Redeliver struct{ Delivery uuid.UUID }
)

func (Register) CommandName() string     { return "webhook.register" }
func (Change) CommandName() string       { return "webhook.change" }
func (Pause) CommandName() string        { return "webhook.pause" }
func (Resume) CommandName() string       { return "webhook.resume" }
func (RotateSecret) CommandName() string { return "webhook.rotate_secret" }
func (Disable) CommandName() string      { return "webhook.disable" }
func (Remove) CommandName() string       { return "webhook.remove" }
func (Ping) CommandName() string         { return "webhook.ping" }
func (Replay) CommandName() string       { return "webhook.replay" }
func (Redeliver) CommandName() string    { return "webhook.redeliver" }

func (Register) command()     {}
func (Change) command()       {}
func (Pause) command()        {}
func (Resume) command()       {}
func (RotateSecret) command() {}
func (Disable) command()      {}
func (Remove) command()       {}
func (Ping) command()         {}
func (Replay) command()       {}
func (Redeliver) command()    {}
