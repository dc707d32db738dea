package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Every panel of the dashboard asks for metrics that a server shows.
func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../.ci/observability/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	p := runUp(t, filepath.Join(t.TempDir(), "data"))
	var ada accepted
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, &ada)
	p.must(http.MethodGet, "/v1/customers/"+ada.ID+"?min_position="+ada.Position, "", nil)
	_, _, shown, err := p.try(http.MethodGet, "/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	metric := regexp.MustCompile(`\b(crm|go|process)_[a-z_]+`)
	for _, panel := range dashboard.Panels {
		if panel.Type == "row" {
			continue
		}
		if len(panel.Targets) == 0 {
			t.Errorf("%s asks for nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			names := metric.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("%s: %s names no metric", panel.Title, target.Expr)
			}
			for _, name := range names {
				if !strings.Contains(string(shown), "\n"+name+"{") && !strings.Contains(string(shown), "\n"+name+" ") {
					t.Errorf("%s: the server shows no %s", panel.Title, name)
				}
			}
		}
	}
	p.stop(syscall.SIGTERM)
}
