package readmodels

import (
	"time"

	"crm/projections"
)

// lifeStep is a step from one stage of the life cycle to the next, on a day.
type lifeStep struct {
	Day    time.Time `db:"day"`
	Before string    `db:"before"` // empty: the customer was registered
	Place  string    `db:"place"`
}

// lifeStepSum is how many customers took it.
type lifeStepSum struct {
	lifeStep
	Customers int64 `db:"customers"`
}

var lifeSteps = projections.NewSums[lifeStep, lifeStepSum]("life_steps", "day", "before", "place")

// moveLife brings the steps from a customer's row before to the one after.
func moveLife(w *projections.Writer, before, after *customerRow) {
	if before == nil {
		before = &customerRow{}
	}
	common := 0
	for common < min(len(before.Places), len(after.Places)) &&
		before.Places[common] == after.Places[common] && before.Since[common].Equal(after.Since[common]) {
		common++
	}
	before.countSteps(w, common, -1)
	after.countSteps(w, common, 1)
}

// countSteps counts the steps behind the first few.
func (p *path) countSteps(w *projections.Writer, first int, sign int64) {
	for i, place := range p.Places[first:] {
		step := lifeStep{dayOf(p.Since[first+i]), "", place}
		if first+i > 0 {
			step.Before = p.Places[first+i-1]
		}
		lifeSteps.Add(w, step, func(sum *lifeStepSum) { sum.Customers += sign })
	}
}
