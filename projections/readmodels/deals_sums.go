package readmodels

import (
	"math/big"
	"slices"
	"time"

	"crm/domain"
	"crm/projections"
)

// The sums of today's deals, for the reports that would else look at the path of every
// deal there ever was. Like [columnSums] they follow from the rows alone.

// settleDeal brings all sums from a deal's row before to the one after.
func settleDeal(w *projections.Writer, before, after *dealRow) {
	before, after = before.counted(), after.counted()
	moveColumns(w, before, after)
	if before != nil && after != nil && before.sameWay(after) {
		return
	}
	same := before.commonStays(after)
	before.countStays(w, same, -1)
	after.countStays(w, same, 1)
}

// stayKey is the stays at a place that ended on a day with a move to the next, or, with
// no next, those that go on. By days and not months, as no index leads to the deals
// with a stay that ended on a certain day. Those that came or left on a day, in sums of
// their own, tell how many went on at the end of any day: a deal's path as of an instant
// is the beginning of the path that it has today.
type stayKey struct {
	PipelineID domain.PipelineID `db:"pipeline_id"`
	Place      string            `db:"place"`
	Day        time.Time         `db:"day"`
	Next       string            `db:"next"`
}

type staySum struct {
	stayKey
	Stays       int64   `db:"stays"`
	Micros      big.Int `db:"micros"` // of how long they were; of those that go on, of when they began
	UpToDay     int64   `db:"up_to_day"`
	UpToWeek    int64   `db:"up_to_week"`
	UpToMonth   int64   `db:"up_to_month"`
	UpToQuarter int64   `db:"up_to_quarter"`
	Longer      int64   `db:"longer"`
}

var staySums = projections.NewSums[stayKey, staySum]("stays", "pipeline_id", "place", "day", "next")

// goingOn is the day of stays that go on: one before all others.
var goingOn = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)

// came and left stand for the next place in the sums of stays that began on a day, and
// of those that ended on it. Like those that go on they have when they began added up.
const (
	came = "(came)"
	left = "(left)"
)

func (r *dealRow) sameWay(other *dealRow) bool {
	return r.Status == other.Status && r.Stage == other.Stage && r.OpenedAt.Equal(other.OpenedAt) &&
		slices.Equal(r.Places, other.Places) && slices.EqualFunc(r.Since, other.Since, time.Time.Equal)
}

// commonStays is how many stays, from the first, both have with the same end.
func (r *dealRow) commonStays(other *dealRow) int {
	n := 0
	for r != nil && other != nil && n < min(len(r.Places), len(other.Places)) &&
		r.Places[n] == other.Places[n] && r.Since[n].Equal(other.Since[n]) {
		n++
	}
	return max(n-1, 0) // the last one they share may end otherwise
}

func (r *dealRow) countStays(w *projections.Writer, from int, sign int64) {
	if r == nil {
		return
	}
	for i := from; i < len(r.Places); i++ {
		if !isStage(r.Places[i]) {
			continue
		}
		began := r.Since[i].UnixMicro()
		add := func(day time.Time, next string, micros int64) {
			staySums.Add(w, stayKey{r.PipelineID, r.Places[i], day, next}, func(sum *staySum) {
				sum.Stays += sign
				sum.Micros.Add(&sum.Micros, big.NewInt(sign*micros))
				if next != "" && next != came && next != left {
					*sum.length(micros) += sign
				}
			})
		}
		add(dayOf(r.Since[i]), came, began)
		if i+1 == len(r.Places) {
			add(goingOn, "", began)
			continue
		}
		end := r.Since[i+1]
		add(dayOf(end), left, began)
		add(dayOf(end), r.Places[i+1], end.UnixMicro()-began)
	}
}

// length is the column of a stay so long.
func (s *staySum) length(micros int64) *int64 {
	columns := []*int64{&s.UpToDay, &s.UpToWeek, &s.UpToMonth, &s.UpToQuarter}
	for i, column := range columns {
		if micros <= int64(StayBounds[i])*secondsOfDay*1e6 {
			return column
		}
	}
	return &s.Longer
}
