package main

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
)

// A webhook's life on the command line; and nothing that the program leaves behind or
// tells holds a secret but the table in which secrets are.
func TestWebhooksOnTheCommandLine(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p, to := runUp(t, data, "--webhook-private"), newHooks(t)
	crm := func(want int, args ...string) (out, errs string) {
		t.Helper()
		code, out, errs := crmWebhooks(t, append(args, "--server", p.url, "--key-file", filepath.Join(data, "admin.key"))...)
		if code != want {
			t.Fatalf("crm webhooks %s: exit code %d\n%s\n%s", strings.Join(args, " "), code, out, errs)
		}
		return out, errs
	}
	says := func(want string, args ...string) {
		t.Helper()
		if out, _ := crm(0, args...); !strings.Contains(out, want) {
			t.Errorf("crm webhooks %s says %q, without %q", strings.Join(args, " "), out, want)
		}
	}
	// row is that of the table which has something in it.
	row := func(has string, args ...string) (cells []string) {
		t.Helper()
		eventually(t, has+" is in crm webhooks "+strings.Join(args, " "), func() bool {
			out, _ := crm(0, args...)
			for line := range strings.Lines(out) {
				if strings.Contains(line, has) {
					cells = strings.Fields(line)
					return true
				}
			}
			return false
		})
		return cells
	}

	first, whose := crm(0, "register", to.URL+"/hooks", "--category", "product", "--type", "deal.won", "--description", "the shop", "--reason", "the shop asks")
	id := strings.TrimPrefix(whose, "registered ")
	if _, err := uuid.Parse(id); err != nil || !strings.HasPrefix(first, "whsec_") || len(strings.Fields(first)) != 1 {
		t.Fatalf("registered %q, %q", first, whose)
	}
	if cells := row(id, "list"); cells[1] != "active" || cells[3] != "product,deal.won" || cells[5] != "never" {
		t.Errorf("listed as %q", cells)
	}
	says("asked to ping "+id, "ping", id)
	ping := row("delivered 204", "deliveries", id)
	if ping[1] != "webhook.ping_requested" || ping[2] != "ping" || ping[3] != "delivered" || ping[5] != "1" {
		t.Errorf("the ping is %q", ping)
	}
	says("delivered 204", "deliveries", id, ping[0])
	says("asked to deliver again to "+id, "redeliver", id, ping[0], "--reason", "it was lost")
	row("delivered 204", "deliveries", id, ping[0]) // the first
	eventually(t, "it is made again", func() bool { return to.took.Load() == 2 })

	p.must(http.MethodPost, "/v1/products", `{"name":"Lamp"}`, nil)
	row("product.defined", "deliveries", id, "--state", "delivered", "--limit", "1")
	says("asked to replay to "+id, "replay", id, "--after", "0")
	if cells := row(" replay ", "deliveries", id); cells[1] != "product.defined" {
		t.Errorf("replayed is %q", cells)
	}

	second, _ := crm(0, "rotate", id, "--overlap", "1h")
	row("former secret", "show", id)
	third, _ := crm(0, "rotate", id, "--overlap", "0s", "--reason", "it leaked")
	if second == first || third == second || !strings.HasPrefix(third, "whsec_") {
		t.Error("a rotated secret is the former one, or none")
	}
	says("changed "+id, "change", id, "--url", to.URL, "--clear", "types,description", "--reason", "the shop moves")
	says("it was so already", "change", id, "--url", to.URL, "--reason", "the shop moves")
	says("paused "+id, "pause", id)
	says("it was so already", "pause", id)
	says("resumed "+id, "resume", id)
	to.refuse.Store(http.StatusGone)
	crm(0, "ping", id)
	row("disabled: gone", "show", id)
	row("refused 410", "deliveries", id, "--state", "failed")

	crm(exitUsage, "change", id, "--type", "deal.won", "--clear", "types", "--reason", "both")
	crm(exitUsage, "deliveries", id, "--limit", "0")
	crm(exitUsage, "deliveries", id, "--state", "lost")
	crm(exitUsage, "replay", id)
	crm(exitUsage, "show", "the-shop")
	crm(exitFailed, "ping", id) // it is disabled
	for _, refused := range [][]string{
		{"register", "http://169.254.169.254/", "--reason", "no such address"},
		{"redeliver", id, uuid.NewString()},
		{"show", uuid.NewString()},
	} {
		if _, errs := crm(exitUsage, refused...); !strings.HasPrefix(errs, "crm: ") {
			t.Errorf("%v is refused with %q", refused, errs)
		}
	}

	// What tells of events, and what tells of the webhook, tells no secret.
	feed, list, shown := "", "", ""
	for path, into := range map[string]*string{"/v1/events": &feed, "/v1/webhooks": &list, "/v1/webhooks/" + id: &shown} {
		_, _, body, err := p.try(http.MethodGet, path, "")
		if err != nil {
			t.Fatal(err)
		}
		if *into = string(body); !strings.Contains(*into, id) {
			t.Errorf("%s tells nothing of it: %s", path, *into)
		}
	}
	says("removed "+id, "remove", id, "--reason", "the shop is closed")
	eventually(t, "a removed one is not listed", func() bool {
		out, _ := crm(0, "list")
		return !strings.Contains(out, id)
	})
	p.stop(syscall.SIGTERM)

	for where, text := range map[string]string{"the log": p.errs.String(), "the feed": feed, "the list": list, "the card": shown} {
		for _, secret := range []string{first, second, third} {
			if strings.Contains(text, strings.TrimPrefix(secret, "whsec_")) {
				t.Errorf("%s holds a secret", where)
			}
		}
	}
	files, inPostgres := 0, 0
	err := filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, secret := range []string{first, second, third} {
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
			if err != nil {
				return err
			}
			if bytes.Contains(text, []byte(strings.TrimPrefix(secret, "whsec_"))) {
				t.Errorf("%s holds a secret as it is shown", path)
			}
			if !bytes.Contains(text, key) {
				continue
			}
			if inPostgres++; !strings.HasPrefix(path, filepath.Join(data, "postgres")+"/") {
				t.Errorf("%s holds a secret", path)
			}
		}
		return nil
	})
	if err != nil || files < 500 || inPostgres == 0 {
		t.Errorf("%d files, %d with secrets: %v", files, inPostgres, err)
	}
}

// Every word of crm webhooks explains itself.
func TestHelpOfWebhooks(t *testing.T) {
	t.Parallel()
	for word := range strings.FieldsSeq("list show register change pause resume rotate ping deliveries redeliver replay remove create delete") {
		if code, out, errs := crmWebhooks(t, word, "--help"); code != 0 || !strings.Contains(out, "--key-file") || !strings.Contains(out, "crm webhooks ") {
			t.Errorf("%s: exit code %d\n%s%s", word, code, out, errs)
		}
	}
}

// crmWebhooks runs the command in this process, which is a good deal quicker.
func crmWebhooks(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"webhooks"}, args...), streams{&stdout, &stderr})
	return code, strings.TrimSpace(stdout.String()), strings.TrimSpace(stderr.String())
}
