package projections

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// lookIntoBooks reads, each lookEvery, what whoever leads a read model or a reactor
// has written down: how many streams are parked, what is built beside, how far
// reactors are. While Postgres does not answer, what was read stays; one answer that
// does not come keeps none of the others away.
func (e *Engine) lookIntoBooks(ctx context.Context, head domain.Position) {
	if parked, err := inTime(ctx, e.pool, countParked); err == nil {
		for _, m := range e.models {
			m.lag.park(parked[m.projection.Name()])
		}
	}
	if all, err := inTime(ctx, e.pool, Builds); err == nil {
		for _, m := range e.models {
			m.lag.build(beside(all, m.projection).measured(head))
		}
	}
	if len(e.reactors) == 0 {
		return
	}
	if booked, err := inTime(ctx, e.pool, bookedReactors); err == nil {
		for _, r := range e.reactors {
			r.read(booked[r.reactor.Name()])
		}
	}
}

// inTime is what read answers, within the time that each answer has.
func inTime[T any](ctx context.Context, db Querier, read func(context.Context, Querier) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	return read(ctx, db)
}

func countParked(ctx context.Context, db Querier) (map[string]int, error) {
	rows, err := db.Query(ctx, `
		SELECT p.name, count(*) FROM crm.parked JOIN crm.projections AS p USING (build)
		WHERE p.schema_name = p.name GROUP BY p.name`)
	if err != nil {
		return nil, err
	}
	parked, name, n := map[string]int{}, "", 0
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error { parked[name] = n; return nil })
	return parked, err
}

// beside is the build that is to be read next, nil where there is none: the newest,
// where there are several, but those of p's version first. One that is kept until
// somebody says so, or to be compared, is not.
func beside(all []BuildStatus, p Projection) *BuildStatus {
	next := slices.DeleteFunc(slices.Clone(all), func(b BuildStatus) bool {
		return b.Name != p.Name() || b.Read || b.State == buildRetired || b.Purpose != string(serve)
	})
	if len(next) == 0 {
		return nil
	}
	b := slices.MaxFunc(next, func(a, b BuildStatus) int {
		return cmp.Or(cmp.Compare(truth(a.Version == p.Version()), truth(b.Version == p.Version())), cmp.Compare(a.Build, b.Build))
	})
	return &b
}

// booked is how far a reactor is, and who runs it, as that one has written it down.
type booked struct {
	position domain.Position
	leader   string // empty when the last one has signed off
}

func bookedReactors(ctx context.Context, db Querier) (map[string]booked, error) {
	rows, err := db.Query(ctx, "SELECT name, position_commit, position_prepare, leader FROM crm.reactors")
	if err != nil {
		return nil, err
	}
	all := map[string]booked{}
	var name, leader string
	var commit, prepare int64
	_, err = pgx.ForEachRow(rows, []any{&name, &commit, &prepare, &leader}, func() error {
		all[name] = booked{domain.Position{Commit: uint64(commit), Prepare: uint64(prepare)}, leader}
		return nil
	})
	return all, err
}
