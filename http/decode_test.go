package http_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"crm/domain"
)

// Whatever is sent as a body, the answer is one a caller can act on, and what is
// stored is text that every room can keep.
func FuzzBodies(f *testing.F) {
	for _, test := range happy {
		f.Add(test.command, test.body)
	}
	for _, test := range bad {
		if len(test.body) < 1000 {
			f.Add("customer.register", test.body)
		}
	}
	targets := map[string]struct{ method, path string }{}
	for _, test := range happy {
		targets[test.command] = struct{ method, path string }{test.method, test.path}
	}
	w := newWorld(f)
	w.company()
	var last domain.Position
	f.Fuzz(func(t *testing.T, command, body string) {
		target, ok := targets[command]
		if !ok {
			target = targets["customer.register"]
		}
		r := w.on(t).send(target.method, target.path, body)
		if r.status >= 500 {
			t.Errorf("%d %s", r.status, r.body)
		}
		stored := w.log.All(last)
		if len(stored) > 0 {
			last = stored[len(stored)-1].Position
		}
		if r.status >= 400 && len(stored) > 0 {
			t.Errorf("refused with %d and stored", r.status)
		}
		for _, e := range stored {
			meta, err := json.Marshal(e.Meta)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{string(e.Data), string(meta)} {
				if !utf8.ValidString(text) || strings.Contains(strings.ReplaceAll(text, `\\`, ""), `\u0000`) {
					t.Errorf("stored %q", text)
				}
			}
		}
	})
}

// No stored text holds a NUL, since Postgres could never keep it.
func TestNoStoredTextHoldsANUL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	tried := 0
	for _, test := range happy {
		var body map[string]any
		if test.body == "" || json.Unmarshal([]byte(test.body), &body) != nil {
			continue
		}
		for path, poisoned := range poison(body, "") {
			tried++
			encoded, err := json.Marshal(poisoned)
			if err != nil {
				t.Fatal(err)
			}
			if r := w.send(test.method, test.path, string(encoded)); r.status != 422 && r.status != 404 && path != "/clear/-" {
				t.Errorf("%s: a NUL at %s: %d %s", test.command, path, r.status, r.body)
			}
		}
	}
	for _, e := range w.events() {
		if strings.Contains(string(e.Data), `\u0000`) {
			t.Errorf("stored %s", e.Data)
		}
	}
	if tried < 50 {
		t.Errorf("only %d tried", tried)
	}
}

// poison gives copies of a JSON value with a NUL in one of its texts each.
func poison(value any, at string) map[string]any {
	copies := map[string]any{}
	switch v := value.(type) {
	case string:
		copies[at] = v + "\x00"
	case map[string]any:
		for name, inner := range v {
			for path, poisoned := range poison(inner, at+"/"+name) {
				whole := maps.Clone(v)
				whole[name] = poisoned
				copies[path] = whole
			}
		}
	case []any:
		for i, inner := range v {
			for path, poisoned := range poison(inner, at+"/-") {
				whole := append([]any(nil), v...)
				whole[i] = poisoned
				copies[path] = whole
			}
		}
	}
	return copies
}
