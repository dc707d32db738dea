package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"crm/domain/apikey"
)

// A key's life on the command line; and nothing that the program leaves behind, be it
// tables, events or lines of a log, holds one.
func TestKeysOnTheCommandLine(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := runUp(t, data)
	keys := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := runCommand(t, append(append([]string{"keys"}, args...), "--server", p.url, "--key-file", filepath.Join(data, "admin.key"))...)
		if code != want {
			t.Fatalf("crm keys %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
		}
		return strings.TrimSpace(out + errs)
	}
	status := func(key string) int {
		t.Helper()
		as := *p
		as.key = key
		status, _ := as.ask(http.MethodGet, "/v1/customers", "", nil)
		return status
	}
	first := keys(0, "issue", "shop", "--role", "reader", "--reason", "the shop shows prices", "--expires-in", "24h", "--rate-limit", "500")
	if got := status(first); got != http.StatusOK {
		t.Fatalf("a new key is answered %d", got)
	}
	second := keys(0, "rotate", "shop", "--overlap", "1h")
	if a, b := status(first), status(second); a != http.StatusOK || b != http.StatusOK {
		t.Errorf("within the overlap: %d and %d", a, b)
	}
	third := keys(0, "rotate", "shop")
	if a, b, c := status(first), status(second), status(third); a != http.StatusUnauthorized || b != http.StatusUnauthorized || c != http.StatusOK {
		t.Errorf("rotated at once: %d, %d and %d", a, b, c)
	}
	if told := keys(0, "change", "shop", "--role", "analyst", "--clear", "expires_at", "--reason", "it counts now"); told != "changed shop" {
		t.Error(told)
	}
	if told := keys(0, "change", "shop", "--role", "analyst", "--reason", "it counts now"); told != "it was so already" {
		t.Error(told)
	}
	eventually(t, "the list tells all of it", func() bool {
		list := keys(0, "list")
		return strings.Contains(list, "shop") && strings.Contains(list, "analyst") && strings.Contains(list, "500/s") &&
			strings.Count(list, "never") == 1 // it does not expire, and it was used
	})
	keys(2, "change", "shop", "--clear", "scope", "--scope", "0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21", "--reason", "both")
	keys(2, "issue", "Shop", "--role", "reader", "--reason", "no such name")
	keys(2, "issue", "other", "--role", "root", "--reason", "no such role")
	keys(2, "issue", "other", "--role", "reader")
	keys(2, "revoke", "nobody", "--reason", "no such key")
	keys(0, "revoke", "shop", "--reason", "the shop is closed")
	if got := status(third); got != http.StatusUnauthorized {
		t.Errorf("a revoked key is answered %d", got)
	}
	eventually(t, "its card tells who revoked it", func() bool {
		var card struct {
			Name, Status string
			RevokedBy    string `json:"revoked_by"`
		}
		p.must(http.MethodGet, "/v1/keys/"+apikey.ID("shop").String(), "", &card)
		return card.Name == "shop" && card.Status == "revoked" && card.RevokedBy == "admin"
	})
	p.stop(syscall.SIGTERM)

	files := 0
	err := filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, key := range []string{first, second, third} {
			if bytes.Contains(text, []byte(key[4:40])) {
				t.Errorf("%s holds a key", path)
			}
		}
		return nil
	})
	if err != nil || files < 500 {
		t.Errorf("%d files: %v", files, err)
	}
	if said := p.errs.String(); strings.Contains(said, first[4:40]) || !strings.Contains(said, "actor_id=shop") {
		t.Errorf("the log holds a key, or nothing of it:\n%s", said)
	}
}
