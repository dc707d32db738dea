package eventstore

import (
	"slices"

	"crm/domain/apikey"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/importrun"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/domain/product"
	"crm/domain/readmodel"
	"crm/domain/webhook"
)

// Types are the types of all events that may be stored, sorted.
func Types() []string {
	types := make([]string, len(registered))
	for i, s := range registered {
		types[i] = s.eventType
	}
	slices.Sort(types)
	return types
}

// registered is every event that may be stored, with the version of its newest
// shape. An event may be added; a line is never removed, because what was once
// stored is read for ever.
var registered = []shape{
	stored[apikey.Issued](1),
	stored[apikey.Rotated](1),
	stored[apikey.TermsChanged](1),
	stored[apikey.Revoked](1),

	stored[consent.Requested](1),
	stored[consent.Confirmed](1),
	stored[consent.Granted](1),
	stored[consent.Withdrawn](1),
	stored[consent.Objected](1),
	stored[consent.Expired](1),

	stored[customer.Registered](1),
	stored[customer.DetailsChanged](1),
	stored[customer.Corrected](1),
	stored[customer.ContactPointAdded](1),
	stored[customer.ContactPointVerified](1),
	stored[customer.ContactPointRemoved](1),
	stored[customer.OwnerAssigned](1),
	stored[customer.LifecycleStageChanged](1),
	stored[customer.AttributesChanged](1),
	stored[customer.LinkedToOrganization](1),
	stored[customer.UnlinkedFromOrganization](1),
	stored[customer.Archived](1),
	stored[customer.Restored](1),

	stored[deal.Opened](1),
	stored[deal.CustomerLinked](1),
	stored[deal.StageChanged](1),
	stored[deal.AmountChanged](1),
	stored[deal.CloseDateChanged](1),
	stored[deal.OwnerAssigned](1),
	stored[deal.ForecastCategoryChanged](1),
	stored[deal.LineItemAdded](1),
	stored[deal.LineItemChanged](1),
	stored[deal.LineItemRemoved](1),
	stored[deal.Won](1),
	stored[deal.Lost](1),
	stored[deal.Reopened](1),
	stored[deal.Voided](1),

	stored[employee.Registered](1),
	stored[employee.DetailsChanged](1),

	stored[importrun.Created](1),
	stored[importrun.FileAdded](1),
	stored[importrun.Started](1),
	stored[importrun.Resumed](1),
	stored[importrun.Cancelled](1),
	stored[importrun.Finished](1),
	stored[importrun.Failed](1),
	stored[importrun.UndoRequested](1),
	stored[importrun.Undid](1),
	stored[importrun.FilesForgotten](1),

	stored[interaction.Logged](1),
	stored[interaction.Amended](1),

	stored[pipeline.Defined](1),
	stored[pipeline.StageAdded](1),
	stored[pipeline.StagesReordered](1),
	stored[pipeline.StageRetired](1),
	stored[pipeline.StageProbabilitySet](1),

	stored[product.Defined](1),
	stored[product.DetailsChanged](1),
	stored[product.ListPriceSet](1),
	stored[product.Retired](1),
	stored[product.Reinstated](1),

	stored[readmodel.RetryRequested](1),
	stored[readmodel.EventSkipped](1),

	stored[webhook.Registered](1),
	stored[webhook.Changed](1),
	stored[webhook.Paused](1),
	stored[webhook.Resumed](1),
	stored[webhook.SecretRotated](1),
	stored[webhook.Disabled](1),
	stored[webhook.Removed](1),
	stored[webhook.PingRequested](1),
	stored[webhook.ReplayRequested](1),
	stored[webhook.RedeliveryRequested](1),
}
