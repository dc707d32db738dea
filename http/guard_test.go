package http_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain/domaintest"
	crmhttp "crm/http"
	"crm/http/access"
)

// keyOf is the key of a role in a world of roles.
func keyOf(role access.Role) string { return key + string(role) }

// withRoles gives every role a key.
func withRoles(cfg *crmhttp.Config) {
	for _, role := range access.Roles {
		cfg.Keys[string(role)] = crmhttp.Key{Hash: crmhttp.HashKey(keyOf(role)), Role: role}
	}
}

// as sends a request with the role's key.
func (w *world) as(role access.Role, method, path, body string) reply {
	w.t.Helper()
	return w.send(method, path, body, "Authorization", "Bearer "+keyOf(role))
}

// A batch is as good as its commands one by one: each takes what it takes.
func TestABatchChecksEachOfItsCommands(t *testing.T) {
	t.Parallel()
	memory := newMemory()
	w := worldOn(t, memory, memory, withRoles)
	batch := `{"commands":[
		{"command":"customer.register","body":{"kind":"person","name":"Ada"}},
		{"command":"deal.open","body":{"title":"Lamps"}},
		{"command":"deal.win","target":"` + id("none") + `"},
		{"command":"product.define","body":{"name":"Lamp"}}]}`
	r := w.as(access.Marketing, "POST", "/v1/commands", batch)
	want := []float64{201, 403, 403, 403}
	for i, result := range r.json["results"].([]any) {
		result := result.(map[string]any)
		if result["status"] != want[i] {
			t.Errorf("command %d: %v", i, result)
		}
		if problem, ok := result["problem"].(map[string]any); ok && problem["type"] != "/problems/not-allowed" {
			t.Errorf("command %d: %v", i, problem)
		}
	}
	if got := len(w.events()); got != 1 {
		t.Errorf("%d events", got)
	}
	for _, role := range []access.Role{access.Reader, access.Auditor} {
		if r := w.as(role, "POST", "/v1/commands", batch); r.status != http.StatusForbidden || !strings.Contains(r.body, string(access.CommandsSend)) {
			t.Errorf("%s: %d %s", role, r.status, r.body)
		}
	}
}

// A key without a role that there is does not make a server: it would let nobody in,
// and nobody would know why.
func TestAKeyHasARole(t *testing.T) {
	t.Parallel()
	for _, role := range []access.Role{"", "root"} {
		_, err := crmhttp.New(crmhttp.Config{
			Commands: commands.New(newMemory(), commands.Config{}),
			Keys:     map[string]crmhttp.Key{"shop": {Role: role}},
		})
		if err == nil {
			t.Errorf("role %q is taken", role)
		}
	}
}

func newMemory() *domaintest.Memory { return domaintest.NewMemory(func() time.Time { return noon }) }

func uuidOf(name string) uuid.UUID { return uuid.MustParse(id(name)) }
