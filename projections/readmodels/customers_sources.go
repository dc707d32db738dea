package readmodels

import (
	"time"

	"github.com/google/uuid"

	"crm/domain/customer"
	"crm/projections"
)

// origin is where a customer came from and how far they are; none of one who is archived.
type origin struct {
	Source string                  `db:"source"`
	Stage  customer.LifecycleStage `db:"stage"`
}

// originSpan is the same in a month or on a day.
type originSpan struct {
	timeSpan
	origin
}

// originChange is how many became that then, less those who ceased to be.
type originChange struct {
	originSpan
	Customers int64 `db:"customers"`
}

// originTurn is a change at its instant. The versions of customers tell it too, but an
// index on when those of today begin would be one more for each change of a customer,
// and most of them change no index yet.
type originTurn struct {
	At         time.Time `db:"at"`
	CustomerID uuid.UUID `db:"customer_id"`
	origin
	Customers int64 `db:"customers"`
}

var (
	originChanges = projections.NewSums[originSpan, originChange]("source_changes", "span", "since", "source", "stage")
	originTurns   = projections.NewAppended[originTurn]("source_turns")
)

// retellCustomer tells the sums of the past what a customer is from one instant until
// another.
func retellCustomer(w *projections.Writer, from, until time.Time, before, after *customerRow) {
	retellOrigin(w, from, until, before, after)
	if !until.Before(projections.Infinity) { // the row of today
		moveLife(w, before, after)
		countWords(w, before, after)
	}
}

// retellOrigin takes a customer out of what they were and puts them into what they are.
func retellOrigin(w *projections.Writer, from, until time.Time, before, after *customerRow) {
	was, wasOne := before.origin()
	is, isOne := after.origin()
	if was == is && wasOne == isOne {
		if !isOne && before != nil && before.Stage != after.Stage {
			is.turn(w, after.CustomerID, from, until, 0)
		}
		return
	}
	if wasOne {
		was.turn(w, after.CustomerID, from, until, -1)
	}
	if isOne {
		is.turn(w, after.CustomerID, from, until, 1)
	}
}

func (r *customerRow) origin() (is origin, counts bool) {
	if r == nil || r.Archived {
		return origin{}, false
	}
	return origin{r.TouchpointSource, r.Stage}, true
}

func (o origin) turn(w *projections.Writer, customer uuid.UUID, from, until time.Time, sign int64) {
	originTurns.Add(w, originTurn{from, customer, o, sign})
	if sign != 0 {
		for _, span := range spansOf(from) {
			originChanges.Add(w, originSpan{span, o}, func(sum *originChange) { sum.Customers += sign })
		}
	}
	if until.Before(projections.Infinity) {
		o.turn(w, customer, until, projections.Infinity, -sign)
	}
}
