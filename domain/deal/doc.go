// Package deal is an opportunity: something that may be sold, with a stage, an
// amount, an expected close, an owner and line items. One stream, deal-<uuid>,
// holds it from the first mention to the signature or the refusal.
//
//	                      ┌─────────Win─────────▶ won ──┐
//	(none) ──Open──▶ open ┤                             ├──Reopen──▶ open
//	                 │  ▲ └─────────Lose────────▶ lost ─┘
//	                 └──┘
//	  ChangeStage, ChangeAmount, ChangeCloseDate,
//	  ChangeForecastCategory, line items
//
// From each of them Void leads to void, and Reopen from there to open. A void deal never
// was: somebody opened it by mistake, or an import did that was undone. No report counts it.
//
// A closed deal changes no more, with two exceptions: it may still be linked to
// a customer and given another owner, because who it belongs to is often known
// only afterwards. The sales report credits the owner at the time of closing.
//
// # Stage and status
//
// Status says whether the deal is open, won, lost or void; stage says where it stands
// in its pipeline, and closing leaves it alone. So a reopened deal stands where
// it stood. The stage in an event carries the probability and forecast category
// that it had at that moment: later changes of the pipeline do not rewrite what a
// forecast was. ChangeForecastCategory overrides the category until the next
// change of stage. A deal never changes its pipeline.
//
// # What a deal is worth
//
// The amount that somebody said, or else the sum of its line items, or else
// nothing, also when the items' currencies differ: no rate of exchange is ever
// guessed. A win without an amount takes that worth as its value; the value at
// signing is final, later prices do not rewrite it. A line's total is quantity ×
// unit price less the discount, each step rounded half away from zero to the
// minor unit. The total is computed, never stored. A unit price may be negative
// (a credit), a quantity may not.
//
// # Refusals
//
// ChangeLineItem and RemoveLineItem of a strange id, everything on a deal that
// was never opened, and what a closed deal does not take: see decide.go.
// Winning a won deal stays quiet unless it names another value, losing a lost
// one unless it names other reasons; correct either by reopening first.
// RemoveLineItem and Open refuse the second time, every other command asked twice
// stays quiet.
//
// # Decisions
//
//   - 2026-11-22 Won and lost are events of the deal and not stages of a
//     pipeline, as in HubSpot and Salesforce they are: no pipeline can forget to
//     have them, and win rates compare across pipelines.
//   - 2026-11-22 What never was is void and not lost: lost deals are what win rates are
//     made of. It is not deleted either: its stream says who had thought so, and when.
//   - 2026-11-22 A discount is an int of basis points. Percent would need
//     fractions, and an amount would not follow a changed quantity.
//
// The terms are those of Salesforce's Opportunity and OpportunityLineItem.
package deal
