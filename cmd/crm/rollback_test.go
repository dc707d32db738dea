package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"crm/eventstore/faulttest"
)

// TestAnyOlderStoreIsRefused takes backups of a running installation, at random
// moments of its life, and puts each under the read models of its end: one that
// lacks a single event is refused, and one that lacks none is served.
func TestAnyOlderStoreIsRefused(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 2, Large: 20}, func(c *faulttest.Case) {
		data, backups := filepath.Join(c.TempDir(), "data"), c.TempDir()
		p := runUp(c.T, data)
		const moments = 5
		var answer accepted
		for moment := range moments + 1 {
			if moment > 0 { // the last backup but one lacks one command
				for range 1 + c.Rand.IntN(10)*min(1, moments-moment) {
					p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, &answer)
				}
			}
			code, _, errs := runCommand(c.T, "node", "backup", "--data", data, filepath.Join(backups, fmt.Sprint(moment)))
			if code != 0 {
				c.Fatalf("backup: exit code %d: %s", code, errs)
			}
		}
		p.must(http.MethodGet, "/v1/customers/"+answer.ID+"?min_position="+answer.Position, "", nil)
		p.stop(syscall.SIGTERM)
		for moment := range moments + 1 {
			if err := os.RemoveAll(filepath.Join(data, "events")); err != nil {
				c.Fatal(err)
			}
			if code, _, errs := runCommand(c.T, "node", "restore", "--data", data, filepath.Join(backups, fmt.Sprint(moment))); code != 0 {
				c.Fatalf("restore: exit code %d: %s", code, errs)
			}
			if moment == moments {
				runUp(c.T, data).stop(syscall.SIGTERM)
				break
			}
			code, _, errs := runCommand(c.T, "up", "--data", data, "--listen", "127.0.0.1:0")
			if code != exitWentBack || !strings.Contains(errs, "the event store went back") {
				c.Errorf("backup %d of %d: exit code %d: %s", moment, moments, code, errs)
			}
		}
	})
}
