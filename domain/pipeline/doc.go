// Package pipeline is how deals proceed: named stages in order, each with a
// probability of winning and a forecast category. One stream, pipeline-<uuid>,
// holds it.
//
//	(none) ──Define──▶ defined ◀─┐
//	                      └──────┘ AddStage, ReorderStages, SetStageProbability
//
//	of a stage:  open to deals ──RetireStage──▶ retired
//
// A stage is never removed, since deals stand in it and history names it; it is
// retired, which closes it to deals that are not in it yet. One stage always
// stays open. An order names the stages that are not retired, each once; the
// retired ones go to the end.
//
// Changing what a stage means for a forecast changes nothing for the deals that
// stand in it: they keep what the stage meant when they entered.
//
// Won and lost are no stages; see package deal.
//
// Define refuses the second time; every other command asked twice stays quiet.
// Adding a stage that is known by this id but otherwise different is refused.
//
// The forecast categories are those of Salesforce.
package pipeline
