package consent

import "crm/domain"

// Command is what may be asked of a customer's consents.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Request asks the customer for consent; double opt-in waits for Confirm.
	Request struct {
		Key
		Evidence Evidence
	}

	// Confirm is the customer's yes to a request (double opt-in).
	Confirm struct {
		Key
		Proof domain.Personal // what shows it: the click, the signed form
	}

	// Grant is a consent, or another legal basis, given at once.
	Grant struct {
		Key
		Evidence Evidence
	}

	// Withdraw is the customer's change of mind (GDPR Art. 7(3)).
	Withdraw struct{ Key }

	// Object is the customer's objection (GDPR Art. 21). It needs no consent
	// before it.
	Object struct{ Key }

	// Expire ends a consent whose time is over.
	Expire struct{ Key }
)

func (Request) CommandName() string  { return "consent.request" }
func (Confirm) CommandName() string  { return "consent.confirm" }
func (Grant) CommandName() string    { return "consent.grant" }
func (Withdraw) CommandName() string { return "consent.withdraw" }
func (Object) CommandName() string   { return "consent.object" }
func (Expire) CommandName() string   { return "consent.expire" }

func (Request) command()  {}
func (Confirm) command()  {}
func (Grant) command()    {}
func (Withdraw) command() {}
func (Object) command()   {}
func (Expire) command()   {}
