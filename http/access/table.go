package access

// table is who may what. What is not in it nobody may.
var table = map[Role][]Action{
	Monitor: {MetricsRead},
	Reader: {
		CustomersRead, DealsRead, ConsentsRead, CatalogRead, ReportsRead,
	},
	Analyst: {
		CustomersRead, DealsRead, ConsentsRead, CatalogRead, ReportsRead,
		ProjectionsRead, ProjectionsManage, CommandsSend,
	},
	Service: {
		CustomersRead, DealsRead, ConsentsRead, CatalogRead,
		CustomersWrite, ConsentsWrite, InteractionsWrite, CommandsSend,
	},
	Marketing: {
		CustomersRead, DealsRead, ConsentsRead, CatalogRead, ReportsRead,
		CustomersWrite, ConsentsWrite, InteractionsWrite, CommandsSend,
	},
	Sales: {
		CustomersRead, DealsRead, ConsentsRead, CatalogRead, ReportsRead,
		CustomersWrite, DealsWrite, InteractionsWrite, CommandsSend,
	},
	Auditor: {
		CustomersRead, DealsRead, ConsentsRead, CatalogRead, ReportsRead,
		EventsRead, AuditRead, ProjectionsRead, KeysRead, MetricsRead,
	},
	Admin: {
		CustomersRead, DealsRead, ConsentsRead, CatalogRead, ReportsRead,
		CustomersWrite, DealsWrite, ConsentsWrite, InteractionsWrite, CatalogWrite, CommandsSend,
		EventsRead, AuditRead, ProjectionsRead, KeysRead, MetricsRead,
		ImportsRun, WebhooksManage, ProjectionsManage, KeysManage,
	},
}

// whole are the actions that deal in what is personal as it is, in files of others for
// example, so that there is nothing to leave out.
var whole = []Action{ImportsRun}

// owned are the actions that can be narrowed to one owner's customers and deals. The
// catalogue is everybody's: without it nobody could work on a deal.
var owned = []Action{
	CustomersRead, CustomersWrite, DealsRead, DealsWrite, ConsentsRead, ConsentsWrite,
	InteractionsWrite, CatalogRead, CommandsSend,
}
