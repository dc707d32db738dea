package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/projections"
	"crm/projections/postgres"
)

// The analyst's tools, beside a server, through a server, and with nothing running:
// what is read is proven, a row that somebody changed is found, a rebuild mends it,
// and a rollback undoes that.
func TestReadModelsAreLookedAfter(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := runUp(t, data)
	var ada accepted
	for _, name := range []string{"Grace", "Ada"} {
		p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"`+name+`"}`, &ada)
	}
	p.must(http.MethodGet, "/v1/customers/"+ada.ID+"?min_position="+ada.Position, "", nil)
	folder := []string{"--data", data}
	server := []string{"--server", p.url, "--key-file", filepath.Join(data, "admin.key")}
	run := func(want int, where []string, args ...string) (out string) {
		t.Helper()
		code, out, errs := runCommand(t, append(append([]string{"projections"}, args...), where...)...)
		if code != want {
			t.Fatalf("crm projections %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
		}
		return out + errs
	}
	has := func(out string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(out, part) {
				t.Errorf("%q is not in\n%s", part, out)
			}
		}
	}
	spoil := func() {
		t.Helper()
		dsn, err := postgres.DSN(filepath.Join(data, "postgres"), database)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), "UPDATE customers.customers SET name = 'Eve' WHERE customer_id = $1", ada.ID); err != nil {
			t.Fatal(err)
		}
	}
	for _, where := range [][]string{folder, server} {
		has(run(0, where, "list"), "customers", "timeline", "live")
		has(run(0, where, "verify"), "customers: equal", "timeline: equal", "are what the log says")
		spoil()
		has(run(1, where, "verify", "customers", "catalog"), "customers: DIFFERENT", "catalog: equal", ada.ID, `"Eve"`, `"Ada"`, "not what the log says: customers")
		has(run(0, where, "rebuild", "customers"), "customers: version", "is read now")
		has(run(0, where, "verify", "customers"), "customers: equal")
		has(run(0, where, "rollback", "customers"), "is read again")
		has(run(1, where, "verify", "customers"), `"Eve"`)
		run(0, where, "rollback", "customers")
		has(run(0, where, "rebuild", "customers", "--no-swap"), "ready beside")
		has(run(0, where, "list"), "ready, hold")
		has(run(0, where, "cancel", "customers"), "customers: 1 unfinished build dropped")
		has(run(0, where, "cancel", "customers"), "customers: nothing was begun")
		for _, wrong := range [][]string{{"verify"}, {"rebuild", "customers"}, {"rollback"}, {"cancel"}, {"parked"}, {"retry"}} {
			has(run(2, where, append(wrong, "no_such_model")...), "There is no read model no_such_model. There are: access, activity, catalog,")
		}
		has(run(1, where, "diff", "customers", "--versions", "1,2000"), "There are no tables of that version")
	}
	run(2, folder, "rebuild", "customers", "--to-version", "2000")
	run(2, folder, "diff", "customers", "--versions", "3")
	p.must(http.MethodGet, "/v1/customers/"+ada.ID, "", nil)

	// As jobs, over HTTP.
	var job projections.Job
	status, header := p.ask(http.MethodPost, "/v1/projections/all/rebuild", "", &job)
	if status != http.StatusAccepted || header.Get("Location") != "/v1/projections/jobs/"+job.ID.String() {
		t.Errorf("a rebuild is answered with %d, %q", status, header.Get("Location"))
	}
	eventually(t, "the rebuild is done", func() bool {
		p.must(http.MethodGet, header.Get("Location"), "", &job)
		if job.State == projections.JobFailed {
			t.Fatalf("the job failed: %+v", job)
		}
		return job.State == projections.JobDone
	})
	if job.EndedAt == nil || len(job.Progress.Models) == 0 || job.Progress.Models[0].Phase != projections.Swapped || job.Progress.Done != 1 {
		t.Errorf("the job at its end: %+v", job)
	}
	for path, want := range map[string]int{
		"/v1/projections/no_such_model/rebuild": 404, "/v1/projections/No/verify": 400,
		"/v1/projections/customers/diff?before=1&after=1": 400, "/v1/projections/sales/verify?keys=-1": 400,
	} {
		if status, _ := p.ask(http.MethodPost, path, "", nil); status != want {
			t.Errorf("%s answers %d, not %d", path, status, want)
		}
	}
	if status, _ := p.ask(http.MethodGet, "/v1/projections/jobs/"+ada.ID, "", nil); status != 404 {
		t.Errorf("a job that is none answers %d", status)
	}
	p.stop(syscall.SIGTERM)

	has(run(0, folder, "verify"), "are what the log says")
	has(run(0, folder, "rebuild"), "customers: version", "timeline: version")
	has(run(0, folder, "list"), "retired")
}

// Wrong targets are usage errors, or say what is missing.
func TestReadModelsOfNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"list", "--data", t.TempDir()}, exitUsage, "holds no event store"},
		{[]string{"list", "--eventstore", "esdb://localhost:1?tls=false"}, exitUsage, "go together"},
		{[]string{"list", "--eventstore", "nonsense", "--postgres", "nonsense"}, exitUsage, "--eventstore is not"},
		{[]string{"verify", "--server", "nonsense"}, exitUsage, "is not a URL"},
		{[]string{"verify", "--keys", "-1"}, exitUsage, "--keys"},
		{[]string{"cancel"}, exitUsage, "name"},
		{[]string{"diff", "customers"}, exitUsage, "--versions"},
		{[]string{"diff", "customers", "--versions", "3,4,5"}, exitUsage, "3,4,5 is not two versions"},
		{[]string{"diff", "customers", "--versions", "3,3"}, exitUsage, "3,3 is not two versions"},
	} {
		code, _, errs := runCommand(t, append([]string{"projections"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("crm projections %s: exit code %d: %s", strings.Join(c.args, " "), code, errs)
		}
	}
}
