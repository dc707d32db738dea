package projections_test

import (
	"errors"
	"testing"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// A build beside the one that is read is filled on its own, by one at a time.
func TestBuildBesideTheOneThatIsRead(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(300)
	read := projectionstest.Open(t, pool, notes{name: "notes"})
	if err := read.Apply(t.Context(), batch(domain.Position{}, events[:100])); err != nil {
		t.Fatal(err)
	}
	next := notes{name: "notes", version: 2}
	id, schema, err := projections.CreateBuild(t.Context(), pool, next)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := projections.OpenBuild(t.Context(), pool, notes{name: "notes"}, id); class(err) != projections.Replaced {
		t.Errorf("opened by the old version: %v", err)
	}
	beside, err := projections.OpenBuild(t.Context(), pool, next, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := beside.Apply(t.Context(), batch(domain.Position{}, events)); err != nil {
		t.Fatal(err)
	}
	if err := beside.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, pool, "SELECT count(*) FROM pg_indexes WHERE schemaname = $1 AND indexname = 'lines_position_key'", schema); n != 1 {
		t.Errorf("%d indexes", n)
	}
	if n := count(t, pool, "SELECT count(*) FROM crm.projections WHERE state = 'ready' AND schema_name = $1 AND leader <> ''", schema); n != 1 {
		t.Error("it is not ready")
	}
	compare(t, pool, "notes", events[:100])
	diffTables(t, pool, schema, events)

	if _, err := projections.OpenBuild(t.Context(), pool, next, id); !errors.Is(err, projections.ErrLed) {
		t.Errorf("opened twice: %v", err)
	}
	beside.Close()
	again, err := projections.OpenBuild(t.Context(), pool, next, id)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if !again.Live() || again.Checkpoint().Position != events[299].Position {
		t.Errorf("opened again it is at %+v", again.Checkpoint())
	}
	if _, err := projections.OpenBuild(t.Context(), pool, next, id+1); !errors.Is(err, projections.ErrFenced) {
		t.Errorf("a build that is not there: %v", err)
	}
}

func class(err error) projections.Class {
	if failure, ok := errors.AsType[*projections.Failure](err); ok {
		return failure.Class
	}
	return ""
}
