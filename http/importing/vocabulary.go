package importing

import (
	"maps"
	"slices"
	"strings"
)

// members are the commands of the API that a row may become, and what their bodies may
// say, so that a mapping with a slip is refused when it is read and not once a row. Keys,
// webhooks, read models and imports are no data: no mapping names their commands.
var members = map[string]string{
	"customer.register":                 customerDetails + " id kind stage touchpoint owner contact_points attributes links",
	"customer.change_details":           customerDetails,
	"customer.correct":                  customerDetails,
	"customer.add_contact_point":        "id kind value region label primary address",
	"customer.verify_contact_point":     "method",
	"customer.remove_contact_point":     "",
	"customer.assign_owner":             "owner",
	"customer.change_lifecycle_stage":   "stage touchpoint",
	"customer.change_attributes":        "set clear",
	"customer.link_to_organization":     "organization relation title",
	"customer.unlink_from_organization": "organization relation",
	"customer.archive":                  "",
	"customer.restore":                  "",
	"interaction.log":                   "id " + interactionDetails,
	"interaction.amend":                 interactionDetails,
	"consent.grant":                     "purpose channel " + evidence,
	"consent.request":                   evidence,
	"consent.confirm":                   "proof",
	"consent.withdraw":                  "",
	"consent.object":                    "",
	"consent.expire":                    "",
	"deal.open":                         "id title pipeline stage customer owner amount expected_close line_items",
	"deal.change_stage":                 "stage pipeline",
	"deal.change_amount":                "amount",
	"deal.change_close_date":            "expected_close",
	"deal.assign_owner":                 "owner",
	"deal.link_customer":                "customer",
	"deal.change_forecast_category":     "category",
	"deal.add_line_item":                "id " + lineItem,
	"deal.change_line_item":             lineItem,
	"deal.remove_line_item":             "",
	"deal.win":                          "amount",
	"deal.lose":                         "loss_reason competitor note",
	"deal.reopen":                       "",
	"deal.void":                         "",
	"pipeline.define":                   "id name stages",
	"pipeline.add_stage":                "id name probability category before",
	"pipeline.reorder_stages":           "order",
	"pipeline.retire_stage":             "",
	"pipeline.set_stage_probability":    "probability category",
	"employee.register":                 "id name email office manager",
	"employee.change_details":           "name email office manager",
	"product.define":                    "id name sku family description list_price",
	"product.change_details":            "name sku family description",
	"product.set_list_price":            "list_price",
	"product.retire":                    "",
	"product.reinstate":                 "",
}

const (
	customerDetails = "name description language honorific given_name family_name birth_date job_title " +
		"legal_name industry founded_year employees annual_revenue vat_id"
	interactionDetails = "channel direction participants subject note reaction mood duration_seconds deal employee"
	evidence           = "legal_basis wording_version wording_hash capture_source contact_point proof expires_at"
	lineItem           = "product name quantity unit_price discount_basis_points"
	everywhere         = " occurred_at reason on_behalf_of"
)

// isMember reports whether a command's body may say name.
func isMember(command, name string) bool {
	return slices.Contains(strings.Fields(members[command]+everywhere), name)
}

// Commands are the names of all commands that a row may become, in order.
func Commands() []string { return slices.Sorted(maps.Keys(members)) }

// creates reports whether the command brings its target into being. The id then
// stands in the body and not beside it.
func creates(command string) bool {
	switch command {
	case "customer.register", "deal.open", "pipeline.define", "employee.register", "product.define":
		return true
	}
	return false
}

// needsCustomer reports whether the command writes a stream of its own beside
// the customer's and needs the customer to be there.
func needsCustomer(command string) bool {
	return strings.HasPrefix(command, "consent.") || strings.HasPrefix(command, "interaction.")
}
