package readmodels

import (
	"strings"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/interaction"
)

// summary says in one short sentence what an event means, and from which to which
// value where the event knows both. Ids stay out of it: the reader sees names, which
// change, beside it.
func summary(event domain.Event) string {
	switch e := event.(type) {
	case customer.Event:
		return customerSummary(e)
	case deal.Event:
		return dealSummary(e)
	case consent.Event:
		return consentSummary(e)
	case interaction.Event:
		return interactionSummary(e)
	default:
		return words(event.EventType())
	}
}

func customerSummary(event customer.Event) string {
	switch e := event.(type) {
	case customer.Registered:
		return sentence("Registered: "+e.Details.Name.Plain(), words(string(e.Stage)), from(e.Touchpoint))
	case customer.DetailsChanged:
		return "Details changed: " + touched(customer.DetailFields, e.Patch)
	case customer.Corrected:
		return "Details corrected: " + touched(customer.DetailFields, e.Patch)
	case customer.ContactPointAdded:
		return contactKind(e.ContactPoint.Kind) + " added: " + e.ContactPoint.Typed.Plain()
	case customer.ContactPointVerified:
		return sentence("Contact point verified", words(e.Method))
	case customer.ContactPointRemoved:
		return "Contact point removed"
	case customer.OwnerAssigned:
		return owner(e.Owner)
	case customer.LifecycleStageChanged:
		return sentence("Lifecycle: "+change(words(string(e.From)), words(string(e.To))), from(e.Touchpoint))
	case customer.AttributesChanged:
		set := make([]string, len(e.Set))
		for i, attribute := range e.Set {
			set[i] = attribute.Key + " = " + attribute.Value.Plain()
		}
		for _, key := range e.Clear {
			set = append(set, key+" cleared")
		}
		return "Attributes: " + sentence(set...)
	case customer.LinkedToOrganization:
		return sentence("Linked to an organisation: "+words(string(e.Link.Relation)), e.Link.Title.Plain())
	case customer.UnlinkedFromOrganization:
		return "Link to an organisation ended: " + words(string(e.Relation))
	case customer.Archived:
		return "Archived"
	case customer.Restored:
		return "Restored"
	}
	return words(event.EventType())
}

func dealSummary(event deal.Event) string {
	switch e := event.(type) {
	case deal.Opened:
		return sentence("Deal opened: "+e.Title.Plain(), words(string(e.Stage.ID)), priced(e.Amount))
	case deal.CustomerLinked:
		if e.Previous.IsZero() {
			return "Deal linked to the customer"
		}
		return "Deal moved from one customer to another"
	case deal.StageChanged:
		return "Deal stage: " + change(words(string(e.From)), words(string(e.To.ID)))
	case deal.AmountChanged:
		return "Deal amount: " + priced(e.Amount)
	case deal.CloseDateChanged:
		if e.ExpectedClose == "" {
			return "Expected close: unknown"
		}
		return "Expected close: " + string(e.ExpectedClose)
	case deal.OwnerAssigned:
		return "Deal: " + owner(e.Owner)
	case deal.ForecastCategoryChanged:
		return "Forecast category: " + words(string(e.Category))
	case deal.LineItemAdded:
		return "Line item added: " + itemText(e.Item)
	case deal.LineItemChanged:
		return "Line item changed: " + itemText(e.Item)
	case deal.LineItemRemoved:
		return "Line item removed"
	case deal.Won:
		return sentence("Deal won", priced(e.Value))
	case deal.Lost:
		return sentence("Deal lost: "+words(string(e.Reason)), e.Competitor)
	case deal.Reopened:
		return "Deal reopened"
	case deal.Voided:
		return "Deal voided: it never was"
	}
	return words(event.EventType())
}

func consentSummary(event consent.Event) string {
	key := keyOf(event)
	about := "Consent to " + key.Purpose + " by " + words(string(key.Channel)) + " "
	switch e := event.(type) {
	case consent.Requested:
		return about + "requested"
	case consent.Confirmed:
		return about + "confirmed"
	case consent.Granted:
		if e.Evidence.LegalBasis == consent.ByConsent {
			return about + "granted"
		}
		return "Allowed on the basis of " + words(string(e.Evidence.LegalBasis)) + ": " + key.Purpose + " by " + words(string(key.Channel))
	case consent.Withdrawn:
		return about + "withdrawn"
	case consent.Objected:
		return "Objection to " + key.Purpose + " by " + words(string(key.Channel))
	case consent.Expired:
		return about + "expired"
	}
	return words(event.EventType())
}

func interactionSummary(event interaction.Event) string {
	switch e := event.(type) {
	case interaction.Logged:
		d := e.Details
		what := capital(words(string(d.Channel)))
		if d.Subject != "" {
			what += ": " + d.Subject.Plain()
		}
		return sentence(what, words(string(d.Direction)), words(string(d.Reaction)), words(string(d.Mood)))
	case interaction.Amended:
		return "Interaction amended: " + touched(interaction.DetailFields, e.Patch)
	}
	return words(event.EventType())
}

// touched names the fields that a patch sets or clears.
func touched[D any](fields domain.Fields[D], patch domain.Patch[D]) string {
	var names []string
	for _, field := range fields {
		if fields.Touches(patch, field.Name) {
			names = append(names, words(field.Name))
		}
	}
	return sentence(names...)
}

func change(from, to string) string { return from + " → " + to }

func owner(id domain.EmployeeID) string {
	if id.IsZero() {
		return "Owner removed"
	}
	return "Owner assigned"
}

func priced(m domain.Money) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}

func itemText(item deal.LineItem) string {
	return item.Quantity.String() + " × " + item.Name + " at " + item.UnitPrice.String()
}

func from(touchpoint customer.Touchpoint) string {
	if touchpoint.Source == "" {
		return ""
	}
	return "from " + touchpoint.Source
}

func contactKind(kind customer.ContactKind) string {
	switch kind {
	case customer.Email:
		return "E-mail address"
	case customer.Phone:
		return "Phone number"
	case customer.Postal:
		return "Postal address"
	case customer.Web:
		return "Web address"
	case customer.Social:
		return "Social handle"
	}
	return "Contact point"
}

// sentence joins what is not empty.
func sentence(parts ...string) string {
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, ", ")
}

// words makes a machine's name readable: marketing_qualified → marketing qualified.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func capital(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}
