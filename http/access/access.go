package access

import (
	"slices"

	"github.com/google/uuid"

	"crm/domain"
)

// Action is one kind of thing that can be asked of the server.
type Action string

// The actions. Every command and every query names one where it is declared.
const (
	CustomersRead     Action = "customers.read"     // customers, their timelines and lists
	CustomersWrite    Action = "customers.write"    // register and change customers
	DealsRead         Action = "deals.read"         // deals and boards
	DealsWrite        Action = "deals.write"        // open, change and close deals
	ConsentsRead      Action = "consents.read"      // what customers agreed to, and: may we?
	ConsentsWrite     Action = "consents.write"     // record what customers agree to
	InteractionsWrite Action = "interactions.write" // log and amend calls, visits, notes; they are read on the timeline
	CatalogRead       Action = "catalog.read"       // employees, products and pipelines
	CatalogWrite      Action = "catalog.write"      // change them
	ReportsRead       Action = "reports.read"       // reports, and the events behind their lines
	EventsRead        Action = "events.read"        // the change feed
	AuditRead         Action = "audit.read"         // the provable trail
	ImportsRun        Action = "imports.run"        // import files, and undo that
	WebhooksManage    Action = "webhooks.manage"    // who is told of events, and how that went
	ProjectionsRead   Action = "projections.read"   // how far the read models are
	ProjectionsManage Action = "projections.manage" // rebuild, verify, compare, retry, skip
	KeysRead          Action = "keys.read"          // who holds which key; never a key
	KeysManage        Action = "keys.manage"        // issue, rotate and revoke keys
	MetricsRead       Action = "metrics.read"       // the figures for Prometheus
	CommandsSend      Action = "commands.send"      // a batch; each of its commands takes its own action too
)

// Role is what somebody is here for. It says all they may do.
type Role string

// The roles.
const (
	Monitor   Role = "monitor"   // watches that it runs: Prometheus
	Reader    Role = "reader"    // looks things up, in applications that show and do not change
	Sales     Role = "sales"     // wins customers and works on deals
	Marketing Role = "marketing" // addresses customers, and keeps what they agreed to
	Service   Role = "service"   // answers customers
	Analyst   Role = "analyst"   // counts, and rebuilds what is counted; need not know who is who
	Auditor   Role = "auditor"   // looks at everything and changes nothing
	Admin     Role = "admin"     // everything
)

// Roles are all of them, the one that may least first.
var Roles = []Role{Monitor, Reader, Analyst, Service, Marketing, Sales, Auditor, Admin}

// ErrNotAllowed is what somebody asks who may not.
var ErrNotAllowed = &domain.Error{
	Code: domain.Forbidden, Slug: "not-allowed",
	Detail: "The role of this key does not allow that.",
}

// Principal is who asks.
type Principal struct {
	// Actor is the name in the history: of the key, or of the token's subject.
	Actor string
	// Key is the API key's id; zero for keys of a file and for tokens.
	Key uuid.UUID
	// Role says what they may do.
	Role Role
	// Scope is the employee whose customers and deals are all that there is for
	// them; zero for everybody's.
	Scope domain.EmployeeID
	// Personal says that they may see what is personal.
	Personal bool
}

// As is somebody with a role who sees everybody's rows.
func As(actor string, role Role) Principal {
	return Principal{Actor: actor, Role: role, Personal: role.SeesPersonal()}
}

// Valid reports whether there is such a role.
func (r Role) Valid() bool { return table[r] != nil }

// May reports whether the role has the action. A role that there is not has none.
func (r Role) May(a Action) bool { return slices.Contains(table[r], a) }

// SeesPersonal reports whether the role sees what is personal.
func (r Role) SeesPersonal() bool { return r.Valid() && r != Analyst && r != Monitor }

// Valid reports whether there is such an action.
func (a Action) Valid() bool { return Admin.May(a) }

// Owned reports whether all that the action is about belongs to the owner of a
// customer or deal, or to everybody, so that it can be narrowed to one owner.
func (a Action) Owned() bool { return slices.Contains(owned, a) }

// Shared reports whether the action is about nobody's in particular, so that there is
// nothing to narrow.
func (a Action) Shared() bool { return a == CatalogRead || a == CommandsSend }

// May reports whether the principal has the action.
func (p Principal) May(a Action) bool {
	return p.Role.May(a) && (p.Scope.IsZero() || a.Owned()) && (p.Personal || !slices.Contains(whole, a))
}

// Check is nil, or [ErrNotAllowed] with the action and why not. It tells nothing of
// what the action is about: whether that exists is not for them to know.
func (p Principal) Check(a Action) error {
	switch {
	case p.May(a):
		return nil
	case p.Role.May(a) && !p.Scope.IsZero() && !a.Owned():
		return NotWithin(a)
	case p.Role.May(a):
		return ErrNotAllowed.At("", "This takes %s, for which one must see what is personal.", a)
	default:
		return ErrNotAllowed.At("", "This takes %s, which the role %s does not have.", a, p.Role)
	}
}

// CheckPersonal is nil, or ErrNotAllowed for those who do not see what is personal and
// ask for it all the same: by a search, a filter or an order that would tell.
func (p Principal) CheckPersonal() error {
	if p.Personal {
		return nil
	}
	return ErrNotAllowed.At("", "This asks by what is personal, which you do not see.")
}

// NotWithin is ErrNotAllowed for those who may see one owner's rows, of what is about
// all.
func NotWithin(a Action) error {
	return ErrNotAllowed.At("", "This takes %s for all customers and deals. Yours are those of one owner.", a)
}
