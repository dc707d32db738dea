package projections_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// verify compares one read model and checks that nothing is left of the build.
func verify(t *testing.T, pool *pgxpool.Pool, r *projections.Rebuilder) projections.Comparison {
	t.Helper()
	found, err := r.Verify(t.Context(), nil, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatalf("%d comparisons", len(found))
	}
	if n := count(t, pool, "SELECT count(*) FROM crm.projections WHERE purpose = 'compare'"); n != 0 {
		t.Errorf("%d builds are left", n)
	}
	return found[0]
}

// Verify tells equal tables, and finds every kind of difference, with the key and
// both rows.
func TestVerifyFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	events := history(1500)
	const someone = "(SELECT subject FROM notes.subjects ORDER BY subject LIMIT 1)"
	for name, c := range map[string]struct {
		spoil string
		table string
		want  projections.TableComparison
		row   [2]string // what before and after hold of the first difference
	}{
		"nothing": {spoil: "SELECT 1"},
		"a row that was changed": {
			spoil: "UPDATE notes.subjects SET last_text = 'forged' WHERE subject = " + someone,
			want:  projections.TableComparison{Table: "subjects", Changed: 1}, row: [2]string{`"forged"`, `"last_text"`},
		},
		"a row that is missing": {
			spoil: "DELETE FROM notes.subjects WHERE subject = " + someone,
			want:  projections.TableComparison{Table: "subjects", Added: 1}, row: [2]string{"", `"sum"`},
		},
		"a row too many": {
			spoil: "INSERT INTO notes.days VALUES ('1999-12-31', 'odd', 7)",
			want:  projections.TableComparison{Table: "days", Removed: 1}, row: [2]string{`"1999-12-31"`, ""},
		},
		"a row whose key is an index only what is read has": {
			spoil: "UPDATE notes.lines SET nth = nth + 1 WHERE position = 10",
			want:  projections.TableComparison{Table: "lines", Changed: 1}, row: [2]string{`"nth": 2`, `"nth": 1`},
		},
		"a null that was empty": {
			spoil: "UPDATE notes.subjects SET last_text = '' WHERE subject = (SELECT subject FROM notes.subjects WHERE last_text IS NULL ORDER BY 1 LIMIT 1)",
			want:  projections.TableComparison{Table: "subjects", Changed: 1}, row: [2]string{`"last_text": ""`, `"last_text": null`},
		},
		"a column too many": {
			spoil: "ALTER TABLE notes.subjects ADD COLUMN gone text",
			want:  projections.TableComparison{Table: "subjects", OldColumns: []string{"gone"}},
		},
		"a table too many": {
			spoil: "CREATE TABLE notes.more (a) AS SELECT 7",
			want:  projections.TableComparison{Table: "more", Removed: 1},
		},
		"a table too few": {
			spoil: "DROP TABLE notes.days",
			want:  projections.TableComparison{Table: "days", Added: 126},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := notes{name: "notes"}
			pool := built(t, p, events)
			exec(t, pool, c.spoil)
			found := verify(t, pool, rebuilder(pool, newSource(events, 100), p))
			if found.Equal() != (c.want.Table == "") {
				t.Errorf("equal: %t", found.Equal())
			}
			for _, table := range found.Tables {
				if table.Table != c.want.Table {
					if !table.Equal() {
						t.Errorf("it differs too: %+v", table)
					}
					continue
				}
				ignore := cmpopts.IgnoreFields(projections.TableComparison{}, "Before", "After", "First")
				if diff := cmp.Diff(c.want, table, ignore); diff != "" {
					t.Errorf("comparison (-want +got):\n%s", diff)
				}
				if c.row == [2]string{} {
					continue
				}
				if len(table.First) != 1 {
					t.Fatalf("%d differences are shown", len(table.First))
				}
				first := table.First[0]
				for i, row := range []string{first.Before, first.After} {
					if (row == "") != (c.row[i] == "") || !strings.Contains(row, c.row[i]) {
						t.Errorf("row %d under %s is %s", i, first.Key, row)
					}
				}
			}
			if found.Before.Position != found.After.Position || found.Before.Build == found.After.Build {
				t.Errorf("compared %+v with %+v", found.Before, found.After)
			}
		})
	}
}

// While what is read goes on it is compared as a snapshot has it; nobody waits.
func TestVerifyUnderLoad(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(5000)
	log := newSource(events[:2000:2000], 300)
	all := []projections.Projection{notes{name: "one"}, notes{name: "two"}, notes{name: "three"}}
	e, _ := start(t, pool, log, projections.Config{Head: log.head}, all...)
	for _, p := range all {
		wait(t, e, p.Name(), log.end())
	}
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	working.Go(func() {
		for at := 2000; at < len(events) && ctx.Err() == nil; at += 5 {
			log.append(events[at : at+5]...)
			time.Sleep(2 * time.Millisecond)
		}
	})
	r := rebuilder(pool, log, all...)
	for range 3 {
		var last projections.Progress
		found, err := r.Verify(t.Context(), nil, 5, func(now projections.Progress) { last = now })
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != len(all) {
			t.Fatalf("%d comparisons", len(found))
		}
		for _, c := range found {
			if !c.Equal() || c.Before.Position != c.After.Position {
				t.Errorf("not equal: %+v", c)
			}
		}
		for _, m := range last.Models {
			if m.Phase != projections.Compared {
				t.Errorf("at the end %s is %s", m.Name, m.Phase)
			}
		}
	}
	if n := count(t, pool, "SELECT count(*) FROM crm.projections"); n != len(all) {
		t.Errorf("%d builds are left", n)
	}
}

// To compare may take minutes, for which nobody waits who wants a connection of the pool.
func TestComparingTakesNoConnectionOfThePool(t *testing.T) {
	t.Parallel()
	p := notes{name: "notes"}
	events := history(500)
	config := built(t, p, events).Config()
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var taken *pgxpool.Conn
	found, err := rebuilder(pool, newSource(events, 50), p).Verify(ctx, nil, 5, func(now projections.Progress) {
		switch phase := now.Models[0].Phase; {
		case phase == projections.Comparing && taken == nil:
			if taken, err = pool.Acquire(ctx); err != nil {
				t.Error(err)
			}
		case phase != projections.Comparing && taken != nil:
			taken.Release()
			taken = nil
		}
	})
	if err != nil || len(found) != 1 || !found[0].Equal() {
		t.Errorf("it found %+v and %v", found, err)
	}
}

// An interrupted verification leaves nothing; one that was killed leaves what the
// next one drops.
func TestVerifyInterrupted(t *testing.T) {
	t.Parallel()
	events := history(500)
	p := notes{name: "notes"}
	pool := built(t, p, events)
	r := rebuilder(pool, newSource(events, 20), p)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := r.Verify(ctx, nil, 5, func(now projections.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}})
	if _, _, err := projections.CreateBuild(t.Context(), pool, p); err != nil {
		t.Fatal(err)
	}
	exec(t, pool, "UPDATE crm.projections SET purpose = 'compare', created_at = now() - interval '1 hour' WHERE state = 'building'")
	if found := verify(t, pool, r); !found.Equal() {
		t.Errorf("not equal: %+v", found)
	}
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}})
}

// A verification that has not begun to fill its build yet does not lose it to others
// who look for builds that nobody works on.
func TestVerifyTwiceAtOnce(t *testing.T) {
	t.Parallel()
	p := notes{name: "notes"}
	log := newSource(history(500), 50)
	pool := built(t, p, log.events)
	config := rebuildConfig(log)
	config.Subscribe = func(name string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
		if _, err := rebuilder(pool, log, p).Verify(t.Context(), nil, 5, nil); err != nil { // before anybody leads the first one's build
			t.Error(err)
		}
		return log.subscribe(name, checkpoint)
	}
	if found := verify(t, pool, projections.NewRebuilder(pool, config, p)); !found.Equal() {
		t.Errorf("not equal: %+v", found)
	}
}

// Only tables of the program's own version can be proven.
func TestVerifyOfAnotherVersion(t *testing.T) {
	t.Parallel()
	events := history(50)
	pool := built(t, notes{name: "notes"}, events)
	r := rebuilder(pool, newSource(events, 20), notes{name: "notes", version: 2})
	if _, err := r.Verify(t.Context(), nil, 5, nil); !errors.Is(err, projections.ErrOtherVersion) {
		t.Errorf("verified: %v", err)
	}
}

// wider is a second version of notes: it has a column more, and strikes nothing.
type wider struct{ notes }

func (wider) Version() int { return 2 }

func (w wider) Schema() projections.Schema {
	s := w.notes.Schema()
	s.Tables = strings.Replace(s.Tables, "extra text", "more text, extra text", 1)
	return s
}

func (wider) Handles() []string { return []string{"test.noted"} }

// A diff tells which rows a new version changes, before it is read: with the build
// that was held, or with one that it makes.
func TestDiff(t *testing.T) {
	t.Parallel()
	events := history(900)
	for name, held := range map[string]bool{"a build that is held": true, "no build": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := built(t, notes{name: "notes"}, events)
			r := rebuilder(pool, newSource(events, 100), wider{notes{name: "notes"}})
			want := map[string][]int{"live": {1}}
			if held {
				if err := r.Rebuild(t.Context(), nil, true, nil); err != nil {
					t.Fatal(err)
				}
				want["ready"] = []int{2}
			}
			wantBuilds(t, pool, "notes", want)
			found, err := r.Diff(t.Context(), "notes", 1, 2, 3, nil)
			if err != nil {
				t.Fatal(err)
			}
			wantBuilds(t, pool, "notes", want)
			turned, err := r.Diff(t.Context(), "notes", 2, 1, 3, nil)
			if err != nil {
				t.Fatal(err)
			}
			tables := map[string]projections.TableComparison{}
			for _, table := range found.Tables {
				tables[table.Table] = table
			}
			s := tables["subjects"]
			if found.Before.Version != 1 || found.After.Version != 2 || found.Before.Position != found.After.Position ||
				s.Changed == 0 || s.Removed != 0 || len(s.First) != 3 || !cmp.Equal(s.NewColumns, []string{"more"}) ||
				!tables["days"].Equal() || tables["lines"].Changed == 0 {
				t.Errorf("diff: %+v", found)
			}
			if s.Before.Rows+s.Added != s.After.Rows {
				t.Errorf("%d rows and %d more are %d", s.Before.Rows, s.Added, s.After.Rows)
			}
			for _, table := range turned.Tables {
				if was := tables[table.Table]; table.Removed != was.Added || table.Before != was.After || table.Changed != was.Changed {
					t.Errorf("turned: %+v\n%+v", table, was)
				}
			}
			if _, err := r.Diff(t.Context(), "notes", 1, 7, 3, nil); !errors.Is(err, projections.ErrNoSuchVersion) {
				t.Errorf("version 7: %v", err)
			}
			// After the swap the old one is still there to be compared.
			if err := r.Rebuild(t.Context(), nil, false, nil); err != nil {
				t.Fatal(err)
			}
			wantBuilds(t, pool, "notes", map[string][]int{"live": {2}, "retired": {1}})
			after, err := r.Diff(t.Context(), "notes", 1, 2, 3, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(found.Tables, after.Tables); diff != "" {
				t.Errorf("after the swap (-before +after):\n%s", diff)
			}
		})
	}
}

// A table without a key, and with rows that are there twice, is compared by rows.
func TestCompareWithoutKey(t *testing.T) {
	t.Parallel()
	events := history(300)
	p := notes{name: "notes"}
	pool := built(t, p, events)
	exec(t, pool, "ALTER TABLE notes.lines DROP CONSTRAINT IF EXISTS lines_position_key; DROP INDEX IF EXISTS notes.lines_position_key")
	exec(t, pool, "INSERT INTO notes.lines SELECT * FROM notes.lines WHERE position = 10 UNION ALL SELECT * FROM notes.lines WHERE position = 10")
	found := verify(t, pool, rebuilder(pool, newSource(events, 100), p))
	for _, table := range found.Tables {
		if table.Table == "lines" && (table.Removed != 2 || table.Added != 0 || table.Changed != 0 || len(table.First) != 1) {
			t.Errorf("lines: %+v", table)
		}
	}
}

// Who may only read can list the builds, and compare those that there are.
func TestReadOnlyRoleListsAndCompares(t *testing.T) {
	t.Parallel()
	readOnly := func(pool *pgxpool.Pool) *pgxpool.Pool {
		t.Helper()
		config := pool.Config()
		config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
		only, err := pgxpool.NewWithConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(only.Close)
		return only
	}
	p := wider{notes{name: "notes"}}
	events := history(300)
	log := newSource(events, 50)
	pool := built(t, notes{name: "notes"}, events[:200])
	if err := rebuilder(pool, log, p).Rebuild(t.Context(), nil, true, nil); err != nil {
		t.Fatal(err)
	}
	r := rebuilder(readOnly(pool), log, p)
	all, err := r.Builds(t.Context())
	if err != nil || len(all) != 2 || all[0].Done == nil || *all[0].Done >= 1 || *all[1].Done != 1 {
		t.Errorf("builds: %+v, %v", all, err)
	}
	found, err := r.Diff(t.Context(), "notes", 1, 2, 3, nil)
	if err != nil || found.Before.Position != events[199].Position.String() || found.After.Position != log.end().String() || found.Equal() {
		t.Errorf("diff: %+v, %v", found, err)
	}
	if _, err := r.Diff(t.Context(), "notes", 1, 3, 3, nil); !errors.Is(err, projections.ErrNoSuchVersion) {
		t.Errorf("version 3: %v", err)
	}
	wantBuilds(t, pool, "notes", map[string][]int{"live": {1}, "ready": {2}})

	none, err := rebuilder(readOnly(projectionstest.Pool(t)), log, p).Builds(t.Context())
	if err != nil || len(none) != 0 {
		t.Errorf("where nothing was made yet: %+v, %v", none, err)
	}
}
