package projections

import (
	"context"
	"fmt"

	"crm/domain"
)

// ErrNoSuchVersion is a version of which there are no tables, and which this
// program cannot make.
var ErrNoSuchVersion = &domain.Error{
	Code: domain.NotFound, Slug: "read-model-no-such-version",
	Detail: "There are no tables of that version, and this program cannot build them, or its role may not.",
}

// Diff compares the tables of two versions of a read model: which rows change when
// the one after takes the place of the one before. Where this program's version is
// one of them, its build is first brought to where the other one is, or made, and
// dropped afterwards; nothing that is read is changed. Two builds that this
// program cannot move, or may not as its role only reads, are compared where they are,
// and the sides say where.
func (r *Rebuilder) Diff(ctx context.Context, name string, before, after, keys int, tell func(Progress)) (Comparison, error) {
	none := Comparison{}
	p, err := r.named(name)
	if err != nil {
		return none, err
	}
	all, err := buildsOf(ctx, r.pool, name)
	if notMade(err) {
		return none, ErrNoTables
	}
	if err != nil {
		return none, ofBooks(err)
	}
	mayWrite, err := r.mayWrite(ctx)
	if err != nil {
		return none, err
	}
	var read build
	for _, b := range all {
		if b.read() {
			read = b
		}
	}
	other := after
	if read.version == after {
		other = before
	}
	beside, there := versionOf(all, other)
	moves := mayWrite && other == p.Version() && (read.version == before || read.version == after)
	if moves && (beside.state != buildReady || read.checkpoint.Position.Before(beside.checkpoint.Position)) {
		there = false // it cannot be brought there, so one is made
	}
	if !moves && !there {
		return none, fmt.Errorf("version %d: %w", other, ErrNoSuchVersion)
	}
	var found Comparison
	if moves {
		found, err = r.diffAlong(ctx, p, beside, there, read, keys, tell)
	} else {
		found, err = r.diffThere(ctx, name, before, after, keys)
	}
	if err == nil && found.Before.Version != before {
		found = found.turned()
	}
	return found, err
}

// mayWrite reports whether our role may move builds.
func (r *Rebuilder) mayWrite(ctx context.Context) (may bool, err error) {
	err = r.pool.QueryRow(ctx, `
		SELECT has_table_privilege('crm.projections', 'UPDATE') AND NOT current_setting('transaction_read_only')::boolean`).Scan(&may)
	return may, err
}

// versionOf finds the complete build of a version: the one that is read, one that
// is ready, one that was retired, in this order.
func versionOf(all []build, version int) (found build, there bool) {
	for _, state := range []string{buildLive, buildReady, buildRetired} {
		for _, b := range all {
			if b.version == version && b.state == state && b.purpose != compare {
				return b, true
			}
		}
	}
	return build{}, false
}

// diffAlong brings a build of p to where the read one is; where it is not there,
// it makes it.
func (r *Rebuilder) diffAlong(
	ctx context.Context, p Projection, b build, there bool, read build, keys int, tell func(Progress),
) (_ Comparison, err error) {
	f := newFeed(r, Diffing, tell)
	var c *proving
	if there {
		c = r.follow(f, p, b, read, keys)
	} else if c, err = r.prove(ctx, f, p, read, keys); err != nil {
		return Comparison{}, err
	}
	defer c.end()
	if err = f.run(ctx); err == nil {
		err = f.failures()
	}
	if err != nil {
		return Comparison{}, err
	}
	return *c.found, nil
}

// diffThere compares two builds where they are.
func (r *Rebuilder) diffThere(ctx context.Context, name string, before, after, keys int) (found Comparison, err error) {
	held, err := holdStill(ctx, r.pool, name)
	if err != nil {
		return found, err
	}
	defer held.close()
	all, err := buildsOf(ctx, held.tx, name)
	if err != nil {
		return found, err
	}
	found.Name = name
	var schemas [2]string
	for i, of := range []struct {
		version int
		side    *Side
	}{{before, &found.Before}, {after, &found.After}} {
		b, there := versionOf(all, of.version)
		if !there {
			return found, fmt.Errorf("version %d: %w", of.version, ErrNoSuchVersion)
		}
		schemas[i] = b.schema
		*of.side = Side{Build: b.id, Version: b.version, Position: b.checkpoint.Position.String()}
	}
	found.Tables, err = held.against(ctx, r.pool, schemas[0], schemas[1], keys)
	return found, err
}

// turned is c the other way round.
func (c Comparison) turned() Comparison {
	c.Before, c.After = c.After, c.Before
	for i := range c.Tables {
		t := &c.Tables[i]
		t.Before, t.After = t.After, t.Before
		t.Added, t.Removed = t.Removed, t.Added
		t.NewColumns, t.OldColumns = t.OldColumns, t.NewColumns
		for k := range t.First {
			d := &t.First[k]
			d.Before, d.After = d.After, d.Before
		}
	}
	return c
}
