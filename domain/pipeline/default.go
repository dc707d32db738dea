package pipeline

import "crm/domain"

// Default defines the pipeline that exists from the first start on
// ([domain.DefaultPipeline]), so that a deal can be opened before anyone has
// thought about stages.
var Default = Define{
	Name: "Sales",
	Stages: []Stage{
		{ID: "prospecting", Name: "Prospecting", Probability: 10, Category: domain.Pipeline},
		{ID: "qualified", Name: "Qualified", Probability: 25, Category: domain.Pipeline},
		{ID: "proposal", Name: "Proposal", Probability: 50, Category: domain.BestCase},
		{ID: "negotiation", Name: "Negotiation", Probability: 75, Category: domain.Commit},
	},
}
