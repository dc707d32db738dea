package http_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/domain/apikey"
	"crm/domain/domaintest"
	crmhttp "crm/http"
	"crm/http/credentials"
)

// clock is a server's, moved by hand.
type clock struct{ at atomic.Pointer[time.Time] }

func (c *clock) set(at time.Time) { c.at.Store(&at) }
func (c *clock) now() time.Time   { return *c.at.Load() }

// keyWorld is a world whose server asks the clock.
func keyWorld(tb testing.TB) (*world, *clock) {
	tb.Helper()
	at := &clock{}
	at.set(noon)
	log := domaintest.NewMemory(at.now)
	return worldOn(tb, log, log, func(cfg *crmhttp.Config) {
		cfg.Now, cfg.Limiting.FailedLogIns = at.now, -1
	}), at
}

// issue gives a new key and its id.
func (w *world) issue(body string) (key, path string) {
	w.t.Helper()
	r := w.must(http.StatusCreated, "POST", "/v1/keys", body)
	return r.text("key"), "/v1/keys/" + r.text("id")
}

// status asks something that every role may, with a bearer's text.
func (w *world) status(shown string) reply {
	w.t.Helper()
	request := httptest.NewRequestWithContext(w.t.Context(), "POST", "/v1/commands", strings.NewReader("{}"))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+shown)
	return w.do(request)
}

// letIn expects that the text lets its bearer in; the empty batch is what is wrong then.
func (w *world) letIn(shown string) {
	w.t.Helper()
	if r := w.status(shown); r.status != http.StatusUnprocessableEntity {
		w.t.Errorf("not let in: %d %s", r.status, r.body)
	}
}

func (w *world) keptOut(shown, because string) {
	w.t.Helper()
	if r := w.status(shown); r.status != http.StatusUnauthorized || !strings.Contains(r.text("detail"), because) {
		w.t.Errorf("%d %s, want 401 with %q", r.status, r.body, because)
	}
}

func TestAKeysLife(t *testing.T) {
	t.Parallel()
	w, at := keyWorld(t)
	first, path := w.issue(`{"name":"web-shop","role":"sales","expires_at":"2026-12-22T12:00:00+01:00","reason":"the shop opens deals"}`)
	w.letIn(first)

	rotated := w.must(http.StatusOK, "POST", path+"/rotate", `{"former_until":"2026-11-22T14:00:00Z"}`, "If-Match", `"0"`)
	second := rotated.text("key")
	w.letIn(first)
	w.letIn(second)
	at.set(noon.Add(2 * time.Hour))
	w.keptOut(first, "rotated")
	w.letIn(second)
	w.must(http.StatusPreconditionFailed, "POST", path+"/rotate", `{}`, "If-Match", `"0"`)
	third := w.must(http.StatusOK, "POST", path+"/rotate", ``).text("key")
	w.keptOut(second, "rotated")
	w.letIn(third)

	w.must(http.StatusUnprocessableEntity, "PATCH", path, `{"rate_limit":5}`) // without a reason
	w.must(http.StatusOK, "PATCH", path, `{"rate_limit":5,"expires_at":"2026-11-23T00:00:00Z","reason":"less is enough"}`)
	at.set(noon.AddDate(0, 0, 1))
	w.keptOut(third, "expired")
	w.must(http.StatusOK, "PATCH", path, `{"expires_at":null,"reason":"it is needed after all"}`)
	w.letIn(third)

	w.must(http.StatusOK, "POST", path+"/revoke", `{"reason":"the shop has closed"}`)
	w.keptOut(third, "revoked")
	w.keptOut(credentials.New(apikey.ID("web-shop")).Reveal(), "valid API key") // who does not have the secret learns nothing
	w.keptOut(credentials.New(apikey.ID("nobody")).Reveal(), "valid API key")
	w.must(http.StatusConflict, "POST", path+"/rotate", `{}`)
	if r := w.must(http.StatusConflict, "POST", "/v1/keys", `{"name":"web-shop","role":"sales","reason":"again"}`); r.problem() != "key-already-issued" {
		t.Error(r.body)
	}

	var left []string
	for _, e := range w.events() {
		left = append(left, e.Event.EventType())
		if e.Meta.Actor != "tester" || e.Meta.Reason == "" && e.Event.EventType() != "apikey.rotated" {
			t.Errorf("%s: by %q, because of %q", e.Event.EventType(), e.Meta.Actor, e.Meta.Reason.Plain())
		}
	}
	if got, want := strings.Join(left, " "), "apikey.issued apikey.rotated apikey.rotated apikey.terms_changed apikey.terms_changed apikey.revoked"; got != want {
		t.Errorf("the log holds %s, want %s", got, want)
	}
}

// TestAKeyMayWhatItsRoleMay also shows that the actor is the key's name.
func TestAKeyMayWhatItsRoleMay(t *testing.T) {
	t.Parallel()
	w, _ := keyWorld(t)
	w.company()
	key, _ := w.issue(`{"name":"desk","role":"service","reason":"calls"}`)
	with := func(method, path, body string) reply {
		return w.send(method, path, body, "Authorization", "Bearer "+key)
	}
	if r := with("POST", "/v1/customers", `{"kind":"person","name":"Bob"}`); r.status != http.StatusCreated {
		t.Error(r.status, r.body)
	}
	stored := w.events()
	if actor := stored[len(stored)-1].Meta.Actor; actor != "desk" {
		t.Errorf("the actor is %q", actor)
	}
	for _, denied := range [][2]string{{"/v1/deals", `{"title":"x"}`}, {"/v1/keys", `{"name":"more","role":"admin","reason":"why not"}`}} {
		if r := with("POST", denied[0], denied[1]); r.status != http.StatusForbidden || r.problem() != "not-allowed" {
			t.Errorf("%s: %d %s", denied[0], r.status, r.body)
		}
	}
}

// TestTheSecretIsShownOnce sends requests again, as a client does whose connection
// broke, to the same server and to another one.
func TestTheSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	w, _ := keyWorld(t)
	other := worldOn(t, w.log, w.log, nil)
	const issue = `{"name":"shop","role":"sales","reason":"r"}`
	first := w.must(http.StatusCreated, "POST", "/v1/keys", issue, "Idempotency-Key", "i")
	path := "/v1/keys/" + first.text("id")
	rotated := w.must(http.StatusOK, "POST", path+"/rotate", `{}`, "Idempotency-Key", "r")
	for _, again := range []reply{
		w.must(http.StatusCreated, "POST", "/v1/keys", issue, "Idempotency-Key", "i"),
		other.must(http.StatusCreated, "POST", "/v1/keys", issue, "Idempotency-Key", "i"),
		w.must(http.StatusOK, "POST", path+"/rotate", `{}`, "Idempotency-Key", "r"),
		other.must(http.StatusOK, "POST", path+"/rotate", `{}`, "Idempotency-Key", "r"),
	} {
		if again.text("key") != "" || !strings.Contains(again.text("note"), "rotate") || again.text("id") != first.text("id") {
			t.Errorf("asked again, it answers %s", again.body)
		}
	}
	if len(w.events()) != 2 || first.text("note")+rotated.text("note") != "" {
		t.Errorf("%d events, answers %s %s", len(w.events()), first.body, rotated.body)
	}
	w.letIn(rotated.text("key"))
	w.keptOut(first.text("key"), "rotated")
	batch := w.must(http.StatusOK, "POST", "/v1/commands", `{"commands":[{"command":"apikey.issue","body":{"name":"x","role":"admin","reason":"r"}}]}`)
	if !strings.Contains(batch.body, "its own path") {
		t.Error("a batch:", batch.body)
	}
}

// TestADumpLetsNobodyIn tries all that the log and the server's own log lines hold.
func TestADumpLetsNobodyIn(t *testing.T) {
	t.Parallel()
	w, _ := keyWorld(t)
	first, path := w.issue(`{"name":"shop","role":"admin","reason":"r"}`)
	second := w.must(http.StatusOK, "POST", path+"/rotate", `{"former_until":"2026-11-23T00:00:00Z"}`).text("key")
	w.letIn(first)
	w.letIn(second)
	w.keptOut(second[:74]+"_", "valid")
	dump := w.lines.String()
	for _, e := range w.events() {
		meta, err := json.Marshal(e.Meta)
		if err != nil {
			t.Fatal(err)
		}
		dump += string(e.Stream) + string(e.Data) + string(meta)
	}
	tried := 0
	for _, word := range strings.FieldsFunc(dump, func(r rune) bool { return strings.ContainsRune("\"{}[]:, \n", r) }) {
		tried++
		if r := w.status(word); r.status != http.StatusUnauthorized {
			t.Errorf("%q lets in: %d", word, r.status)
		}
	}
	for _, secret := range []string{first, second, first[4:69], second[4:69]} {
		if strings.Contains(dump, secret) {
			t.Error("a key stands in the dump")
		}
	}
	if tried < 50 || !strings.Contains(dump, "secret_sha256") {
		t.Errorf("only %d words: %s", tried, dump)
	}
}

func TestWhatIsNoCredential(t *testing.T) {
	t.Parallel()
	w, _ := keyWorld(t)
	key, _ := w.issue(`{"name":"shop","role":"sales","reason":"r"}`)
	w.keptOut(key[:10]+"0"+key[11:], "typing error")
	for _, shown := range []string{key + "x", uuid.NewString(), "tester", "é", "\x00"} {
		w.keptOut(shown, "valid API key")
	}
	for name, headers := range map[string][]string{
		"no header": nil, "no scheme": {key}, "another scheme": {"Basic " + key}, "nothing": {"Bearer "}, "two": {"Bearer " + key, "Bearer " + key},
	} {
		request := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/commands", strings.NewReader("{}"))
		request.Header["Authorization"] = headers
		if r := w.do(request); r.status != http.StatusUnauthorized && (name != "two" || r.status != http.StatusBadRequest) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

// TestTheKeyFileIsReplaced while the server runs.
func TestTheKeyFileIsReplaced(t *testing.T) {
	t.Parallel()
	w, _ := keyWorld(t)
	const other = "another-key-of-at-least-thirty-two-characters"
	w.keptOut(other, "valid")
	w.server.ReplaceKeys(map[string]crmhttp.Key{"tester": {Hash: crmhttp.HashKey(other), Role: "admin"}})
	w.letIn(other)
	w.keptOut(key, "valid")
	if r := w.send("POST", "/v1/keys", `{"name":"tester","role":"sales","reason":"r"}`, "Authorization", "Bearer "+other); r.status != http.StatusConflict {
		t.Error("a key by the name of another one:", r.status, r.body)
	}
}
