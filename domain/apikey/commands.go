package apikey

import (
	"time"

	"crm/domain"
)

// Command is what may be asked of an API key.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Issue brings a key into being.
	Issue struct {
		Name   string
		Terms  Terms
		Secret Digest
		Now    time.Time
	}

	// Rotate gives the key another secret. The former one stays good until FormerUntil;
	// zero: it is good no more.
	Rotate struct {
		Secret      Digest
		FormerUntil time.Time
		Now         time.Time
	}

	// ChangeTerms says that the named terms are different now.
	ChangeTerms struct {
		Patch domain.Patch[Terms]
		Now   time.Time
	}

	// Revoke ends the key at once and for ever.
	Revoke struct{}
)

func (Issue) CommandName() string       { return "apikey.issue" }
func (Rotate) CommandName() string      { return "apikey.rotate" }
func (ChangeTerms) CommandName() string { return "apikey.change_terms" }
func (Revoke) CommandName() string      { return "apikey.revoke" }

// TakesReason says that nobody may ask this without saying why: who may do what is
// what auditors look at first. Rotating changes nothing about that.
func (Issue) TakesReason() {}

// TakesReason is as of Issue.
func (ChangeTerms) TakesReason() {}

// TakesReason is as of Issue.
func (Revoke) TakesReason() {}

func (Issue) command()       {}
func (Rotate) command()      {}
func (ChangeTerms) command() {}
func (Revoke) command()      {}
