package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crm/http/importing/importingtest"
)

// runImport runs `crm import` to its end; it must succeed.
func runImport(t *testing.T, p *program, keyFile, mapping, path string) {
	t.Helper()
	code, out, errs := runCommand(t, "import", "--mapping", mapping, "--server", p.url, "--key-file", keyFile,
		"--errors", filepath.Join(t.TempDir(), "rejected.csv"), path)
	if code != 0 {
		t.Fatalf("crm import --mapping %s: exit code %d\n%s%s", mapping, code, out, errs)
	}
}

// figuresOverHTTP reads the figures from the reports, as they are at position.
func figuresOverHTTP(t *testing.T, p *program) figures {
	t.Helper()
	f := figures{
		DealsByStage: map[string]int{}, WonByQuarter: map[string]int64{}, WonByAgent: map[string]int64{},
		LeadsBySource: map[string]map[string]int{}, OptOuts: map[string]int{},
	}
	min := "min_position=" + p.position()
	var pipelines struct{ Data []struct{ ID, Name string } }
	p.must(http.MethodGet, "/v1/pipelines?"+min, "", &pipelines)
	for _, pipeline := range pipelines.Data {
		if pipeline.Name != "Opportunities" {
			continue
		}
		var board struct {
			Columns []struct {
				Status string
				Stage  struct{ ID string }
				Count  int
			}
		}
		p.must(http.MethodGet, "/v1/pipelines/"+pipeline.ID+"/board?"+min, "", &board)
		for _, column := range board.Columns {
			name := column.Status
			if column.Status == "open" {
				name = column.Stage.ID
			}
			f.DealsByStage[name] = column.Count
		}
	}
	type line struct {
		Key, Name     string
		WonCount      int      `json:"won_count"`
		LostCount     int      `json:"lost_count"`
		WinRate       float64  `json:"win_rate"`
		MeanDaysToWin *float64 `json:"mean_days_to_win"`
		WonValue      []struct {
			Minor    int64
			Currency string
		} `json:"won_value"`
	}
	for group, into := range map[string]map[string]int64{"quarter": f.WonByQuarter, "owner": f.WonByAgent} {
		var report struct{ Data []line }
		p.must(http.MethodGet, "/v1/reports/sales?group_by="+group+"&"+min, "", &report)
		for _, l := range report.Data {
			name := l.Name
			if group == "quarter" {
				name = l.Key
			}
			for _, value := range l.WonValue {
				if value.Currency != "USD" {
					t.Errorf("won value in %s", value.Currency)
				}
				if value.Minor != 0 {
					into[name] += value.Minor
				}
			}
		}
	}
	var total struct{ Data []line }
	p.must(http.MethodGet, "/v1/reports/sales?group_by=all&"+min, "", &total)
	if len(total.Data) == 1 {
		all := total.Data[0]
		f.Won, f.Lost = all.WonCount, all.LostCount
		if all.MeanDaysToWin != nil {
			f.DaysToWin = *all.MeanDaysToWin
		}
		if rate := float64(f.Won) / float64(f.Won+f.Lost); math.Abs(rate-all.WinRate) > 1e-6 {
			t.Errorf("win rate is %f, should be %f", all.WinRate, rate)
		}
	}
	var sources struct {
		Data []struct {
			Source, Stage string
			Count         int
		}
	}
	p.must(http.MethodGet, "/v1/reports/sources?"+min, "", &sources)
	for _, l := range sources.Data {
		if f.LeadsBySource[l.Source] == nil {
			f.LeadsBySource[l.Source] = map[string]int{}
		}
		f.LeadsBySource[l.Source][l.Stage] = l.Count
	}
	var coverage struct {
		Data []struct {
			Purpose, Channel, Status string
			Count                    int
		}
	}
	p.must(http.MethodGet, "/v1/reports/consent-coverage?"+min, "", &coverage)
	for _, l := range coverage.Data {
		if l.Purpose == "marketing" && l.Status == "objected" {
			f.OptOuts[l.Channel] = l.Count
		}
	}
	return f
}

// position is the end of the log.
func (p *program) position() string {
	p.t.Helper()
	_, _, text, err := p.try(http.MethodGet, "/metrics", "")
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "crm_node_position "); found {
			position, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return strconv.FormatUint(uint64(position), 10)
		}
	}
	p.t.Fatal("no crm_node_position in /metrics")
	return ""
}

var sameFigures = cmp.Options{cmpopts.EquateApprox(0, 1e-5), cmpopts.EquateEmpty()}

// What the reports say of the imported files is what the files say.
func TestImportedFiguresAreThoseOfTheFiles(t *testing.T) {
	t.Parallel()
	d, data := importable(t), filepath.Join(t.TempDir(), "data")
	key := filepath.Join(data, "admin.key")
	p := runUp(t, data, "--phone-region", "US")
	want := figuresOf(t, d)

	// The leads alone: the other files bring customers too.
	runImport(t, p, key, "x-education-leads", d.leads)
	leads := figuresOverHTTP(t, p)
	if diff := cmp.Diff(want.LeadsBySource, leads.LeadsBySource, sameFigures); diff != "" {
		t.Errorf("leads by source and lifecycle (-file +report):\n%s", diff)
	}
	if diff := cmp.Diff(want.OptOuts, leads.OptOuts, sameFigures); diff != "" {
		t.Errorf("opt-outs (-file +report):\n%s", diff)
	}

	runImport(t, p, key, "crm-sales-opportunities", d.sales)
	got := figuresOverHTTP(t, p)
	got.LeadsBySource, got.OptOuts = leads.LeadsBySource, leads.OptOuts
	if diff := cmp.Diff(want, got, sameFigures); diff != "" {
		t.Errorf("figures (-file +report):\n%s", diff)
	}

	// Cards with telephone numbers that nobody can call are rejected one by one.
	before := p.position()
	code, out, _ := runCommand(t, "import", "--mapping", "vcard", "--server", p.url, "--key-file", key,
		"--errors", filepath.Join(t.TempDir(), "rejected.csv"), d.cards)
	if code != 0 && code != exitRejected {
		t.Errorf("vcards: exit code %d: %s", code, out)
	}
	if p.position() == before {
		t.Errorf("vcards: nothing was stored: %s", out)
	}

	// Again: nothing is new.
	before = p.position()
	runImport(t, p, key, "x-education-leads", d.leads)
	runImport(t, p, key, "crm-sales-opportunities", d.sales)
	if after := p.position(); after != before {
		t.Errorf("importing the same files again moved the log from %s to %s", before, after)
	}
	p.stop(syscall.SIGTERM)
}

// kill -9 of server and importer in the middle: running the import again completes
// it, and every event is there once.
func TestImportKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	// Generated: the whole is imported five times over, with the race detector in.
	sales := importingtest.Sales.Generate(t, 2000)
	whole := filepath.Join(t.TempDir(), "whole")
	p := runUp(t, whole)
	runImport(t, p, filepath.Join(whole, "admin.key"), "crm-sales-opportunities", sales)
	end := p.position()
	want := figuresOverHTTP(t, p)
	p.stop(syscall.SIGTERM)

	data := filepath.Join(t.TempDir(), "data")
	key := filepath.Join(data, "admin.key")
	last, err := strconv.Atoi(end)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []int{1, 2, 3} {
		p := runUp(t, data)
		importer := command(t.Context(), t, "import", "--mapping", "crm-sales-opportunities", "--server", p.url, "--key-file", key,
			"--errors", filepath.Join(t.TempDir(), "rejected.csv"), sales)
		if err := importer.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("part %d of the import", part), func() bool {
			at, err := strconv.Atoi(p.position())
			return err == nil && at >= last*part/4
		})
		p.kill()
		if err := importer.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = importer.Wait() // killed
	}
	p = runUp(t, data)
	runImport(t, p, key, "crm-sales-opportunities", sales)
	if at := p.position(); at != end {
		t.Errorf("the log ends at %s, without the kills it ended at %s", at, end)
	}
	if diff := cmp.Diff(want, figuresOverHTTP(t, p), sameFigures); diff != "" {
		t.Errorf("figures (-not killed +killed):\n%s", diff)
	}
	p.stop(syscall.SIGTERM)
}

// A file with rows that are none loses those rows only.
func TestBadRowsAreRejectedAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, rejected := filepath.Join(dir, "data"), filepath.Join(dir, "rejected.csv")
	p := runUp(t, data)
	mapping := filepath.Join(dir, "people.yaml")
	write(t, mapping, `name: people
files:
  - name: people
    match: ["*.csv"]
    entity: person
    key: ${id}
    commands:
      - command: customer.register
        body: {kind: person, name: "${name}", language: "${language}"}
`)
	file := filepath.Join(dir, "people.csv")
	write(t, file, "id,name,language\n1,Ada,en\n2,too,many,cells\n3,\"lone,en\n4,N\x00L,en\n5,,en\n6,Zoë,fr\n7,\"two\nlines\",de\n8,Bad,not a language!\n9,Last,de\n")
	code, out, errs := runCommand(t, "import", "--mapping", mapping, "--server", p.url,
		"--key-file", filepath.Join(data, "admin.key"), "--errors", rejected, file)
	if code != exitRejected {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	var list struct{ Data []struct{ Name string } }
	p.must(http.MethodGet, "/v1/customers?min_position="+p.position(), "", &list)
	names := map[string]bool{}
	for _, customer := range list.Data {
		names[customer.Name] = true
	}
	if diff := cmp.Diff(map[string]bool{"Ada": true, "Zoë": true, "two\nlines": true, "Last": true}, names); diff != "" {
		t.Errorf("customers (-want +got):\n%s", diff)
	}
	report, err := os.ReadFile(rejected)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{",3,", ",4,", ",5,", ",6,", ",10,"} {
		if !strings.Contains(string(report), file+line) {
			t.Errorf("the row of line %s is not among the rejected:\n%s", line, report)
		}
	}
	p.stop(syscall.SIGTERM)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
