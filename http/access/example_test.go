package access_test

import (
	"fmt"
	"strings"

	"crm/http/access"
)

var actions = []access.Action{
	access.CustomersRead, access.CustomersWrite, access.DealsRead, access.DealsWrite, access.ConsentsRead, access.ConsentsWrite,
	access.InteractionsWrite, access.CatalogRead, access.CatalogWrite, access.ReportsRead, access.EventsRead, access.AuditRead,
	access.ImportsRun, access.WebhooksManage, access.ProjectionsRead, access.ProjectionsManage, access.KeysRead, access.KeysManage,
	access.MetricsRead, access.CommandsSend,
}

// Who may what.
func ExampleRole_May() {
	row := func(name string, cell func(access.Role) string) {
		line := fmt.Sprintf("%-18s", name)
		for _, role := range access.Roles {
			line += fmt.Sprintf(" %-9s", cell(role))
		}
		fmt.Println(strings.TrimRight(line, " "))
	}
	yes := func(has func(access.Role) bool) func(access.Role) string {
		return func(r access.Role) string {
			if has(r) {
				return "yes"
			}
			return "-"
		}
	}
	row("role", func(r access.Role) string { return string(r) })
	for _, action := range actions {
		row(string(action), yes(func(r access.Role) bool { return r.May(action) }))
	}
	row("sees personal", yes(access.Role.SeesPersonal))
	// Output:
	// role               monitor   reader    analyst   service   marketing sales     auditor   admin
	// customers.read     -         yes       yes       yes       yes       yes       yes       yes
	// customers.write    -         -         -         yes       yes       yes       -         yes
	// deals.read         -         yes       yes       yes       yes       yes       yes       yes
	// deals.write        -         -         -         -         -         yes       -         yes
	// consents.read      -         yes       yes       yes       yes       yes       yes       yes
	// consents.write     -         -         -         yes       yes       -         -         yes
	// interactions.write -         -         -         yes       yes       yes       -         yes
	// catalog.read       -         yes       yes       yes       yes       yes       yes       yes
	// catalog.write      -         -         -         -         -         -         -         yes
	// reports.read       -         yes       yes       -         yes       yes       yes       yes
	// events.read        -         -         -         -         -         -         yes       yes
	// audit.read         -         -         -         -         -         -         yes       yes
	// imports.run        -         -         -         -         -         -         -         yes
	// webhooks.manage    -         -         -         -         -         -         -         yes
	// projections.read   -         -         yes       -         -         -         yes       yes
	// projections.manage -         -         yes       -         -         -         -         yes
	// keys.read          -         -         -         -         -         -         yes       yes
	// keys.manage        -         -         -         -         -         -         -         yes
	// metrics.read       yes       -         -         -         -         -         yes       yes
	// commands.send      -         -         yes       yes       yes       yes       -         yes
	// sees personal      -         yes       -         yes       yes       yes       yes       yes
}
