package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/projections/postgres"
)

// A customer that Postgres refuses is parked, and nobody else; the tools tell it
// without telling what it is, and have it applied when the reason is gone, beside a
// server and through one.
func TestParkedIsRetriedAndSkipped(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := runUp(t, data)
	dsn, err := postgres.DSN(filepath.Join(data, "postgres"), database)
	if err != nil {
		t.Fatal(err)
	}
	db, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	run := func(want int, where []string, args ...string) string {
		t.Helper()
		code, out, errs := runCommand(t, append(append([]string{"projections"}, args...), where...)...)
		if code != want {
			t.Fatalf("crm projections %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
		}
		return out + errs
	}
	count := func() int {
		t.Helper()
		var parked struct{ Data []struct{ Stream string } }
		p.must(http.MethodGet, "/v1/projections/customers/parked", "", &parked)
		return len(parked.Data)
	}
	refuse, allow := `
		CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.name = 'Grace' THEN RAISE EXCEPTION 'not %', NEW.name; END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON customers.customers FOR EACH ROW EXECUTE FUNCTION public.refuse()`,
		"DROP FUNCTION public.refuse CASCADE"
	change := func(sql string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for name, where := range map[string][]string{
		"beside": {"--data", data}, "through": {"--server", p.url, "--key-file", filepath.Join(data, "admin.key")},
	} {
		change(refuse)
		var grace, ada accepted
		p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Grace"}`, &grace)
		p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, &ada)
		p.must(http.MethodGet, "/v1/customers/"+ada.ID+"?min_position="+ada.Position, "", nil)
		if status, _ := p.ask(http.MethodGet, "/v1/customers/"+grace.ID, "", nil); status != http.StatusServiceUnavailable {
			t.Errorf("%s: who is parked is told with %d", name, status)
		}
		told := run(0, where, "parked", "customers")
		if !strings.Contains(told, "customer-"+grace.ID) || !strings.Contains(told, "P0001") || strings.Contains(told, "Grace") || count() != 1 {
			t.Errorf("%s: parked tells\n%s", name, told)
		}
		run(1, where, "retry", "customers", "customer-"+ada.ID)
		run(1, where, "skip", "customers", "customer-"+ada.ID, "--reason", "none")
		run(2, where, "skip", "customers", "customer-"+grace.ID)
		change(allow)
		run(0, where, "retry", "customers", "customer-"+grace.ID)
		eventually(t, "nothing is parked", func() bool { return count() == 0 })
		p.must(http.MethodGet, "/v1/customers/"+grace.ID, "", nil)
		if told := run(0, where, "parked", "customers"); !strings.Contains(told, "nothing is parked") {
			t.Errorf("%s: after a retry, parked tells\n%s", name, told)
		}
	}
	if told := run(0, []string{"--data", data}, "verify", "customers"); !strings.Contains(told, "customers: equal") {
		t.Errorf("after the retries, verify tells\n%s", told)
	}
	change(refuse)
	var grace accepted
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Grace"}`, &grace)
	eventually(t, "she is parked", func() bool { return count() == 1 })
	run(0, []string{"--data", data}, "skip", "customers", "customer-"+grace.ID, "--reason", "nobody of that name")
	eventually(t, "nothing is parked", func() bool { return count() == 0 })
	if status, _ := p.ask(http.MethodGet, "/v1/customers/"+grace.ID, "", nil); status != http.StatusNotFound {
		t.Errorf("who was skipped is there: %d", status)
	}
	// Other tables would not refuse her.
	if told := run(0, []string{"--data", data}, "verify", "customers"); !strings.Contains(told, "customers: equal") {
		t.Errorf("after the skip, verify tells\n%s", told)
	}
	run(0, []string{"--data", data}, "rebuild", "customers")
	if status, _ := p.ask(http.MethodGet, "/v1/customers/"+grace.ID, "", nil); status != http.StatusNotFound {
		t.Errorf("who was skipped is there after a rebuild: %d", status)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Error(err)
	}
	p.stop(syscall.SIGTERM)
}
