package http

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/domaintest"
	"crm/http/access"
	"crm/http/importing"
	"crm/http/imports"
)

func serverOver(t *testing.T, log commands.Log) *Server {
	t.Helper()
	s, err := New(Config{
		Commands: commands.New(log, commands.Config{}),
		Keys:     map[string]Key{"tester": {Hash: HashKey("test-key-of-at-least-thirty-two-characters"), Role: access.Admin}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What a row can become is what an import carries out as it is: nothing is to be done
// before or after, no secret comes of it, and it takes a right to write data. No mapping
// names another command.
func TestRowsBecomeData(t *testing.T) {
	t.Parallel()
	s := serverOver(t, domaintest.NewMemory(time.Now))
	data := map[access.Action]bool{
		access.CustomersWrite: true, access.DealsWrite: true, access.ConsentsWrite: true, access.InteractionsWrite: true, access.CatalogWrite: true,
	}
	known := map[string]bool{}
	for _, name := range importing.Commands() {
		c := s.commands[name]
		if known[name] = true; c == nil || c.before != nil || c.secret || !data[c.needs] {
			t.Errorf("a row can become %s, which is no data: %+v", name, c)
		}
	}
	others := 0
	for name, c := range s.commands {
		if known[name] {
			continue
		}
		others++
		mapping := "name: m\nfiles:\n  - {name: rows, match: \"*\", entity: e, key: \"${id}\", commands: [{command: " + name + "}]}\n"
		if _, err := importing.Parse("m", []byte(mapping)); err == nil || !strings.Contains(err.Error(), `no row can become a command "`+name+`"`) {
			t.Errorf("a mapping with %s, which takes %s: %v", name, c.needs, err)
		}
	}
	if len(known) < 40 || others < 15 {
		t.Errorf("%d commands of rows and %d others are too few for this to prove anything", len(known), others)
	}
}

// Each command of a row takes what it takes elsewhere: whose role writes customers and
// no deals imports customers and no deals.
func TestRowsTakeTheirRights(t *testing.T) {
	t.Parallel()
	log := domaintest.NewMemory(time.Now)
	i := &importSender{serverOver(t, log), imports.Import{ID: uuid.New(), Actor: "tester"}, "tester"}
	all := []*importing.Command{
		{Name: "deal.open", Target: uuid.New(), Key: "1", Body: []byte(`{"title":"D"}`)},
		{Name: "customer.register", Target: uuid.New(), Key: "2", Body: []byte(`{"kind":"person","name":"A"}`)},
	}
	outcomes := make([]importing.Outcome, len(all))
	i.send(t.Context(), access.As("tester", access.Marketing), all, []int{0, 1}, outcomes)
	if o := outcomes[0]; o.Status != http.StatusForbidden || !strings.HasSuffix(o.Problem.Type, "/not-allowed") || !strings.Contains(o.Problem.Detail, "deals.write") {
		t.Errorf("a deal: %+v", o)
	}
	if o := outcomes[1]; o.Status != http.StatusOK {
		t.Errorf("a customer: %+v", o)
	}
	if stored := log.All(domain.Position{}); len(stored) != 1 || stored[0].Stream.Category() != "customer" {
		t.Errorf("stored: %+v", stored)
	}
}

// An import runs as who has started it is now.
func TestWhoImports(t *testing.T) {
	t.Parallel()
	s := serverOver(t, domaintest.NewMemory(time.Now))
	s.ReplaceKeys(map[string]Key{
		"admin":  {Role: access.Admin},
		"sales":  {Role: access.Sales},
		"masked": {Role: access.Admin, Masked: true},
		"scoped": {Role: access.Admin, Scope: domain.EmployeeID{UUID: uuid.New()}},
	})
	for actor, want := range map[string]access.Role{"admin": access.Admin, "https://issuer.example:somebody": access.Admin, "sales": "", "masked": "", "scoped": "", "gone": ""} {
		p, err := s.importer(t.Context(), actor)
		if (err == nil) != (want != "") || err == nil && p.Role != want {
			t.Errorf("%s imports as %+v, %v", actor, p, err)
		}
	}
}
