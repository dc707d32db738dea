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

	// Again: nothing is new but the imports themselves: created, a file or four, started, finished.
	from, err := strconv.Atoi(p.position())
	if err != nil {
		t.Fatal(err)
	}
	runImport(t, p, key, "x-education-leads", d.leads)
	runImport(t, p, key, "crm-sales-opportunities", d.sales)
	if want, got := strconv.Itoa(from+3+1+3+4), p.position(); got != want {
		t.Errorf("importing the same files again moved the log from %d to %s, want %s", from, got, want)
	}
	p.stop(syscall.SIGTERM)
}

// kill -9 of server and importer in the middle, several times: a server that starts
// again goes on by itself, every event is there once, and every row has one result.
func TestImportKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	// Generated: the whole is imported twice, with the race detector in.
	sales := importingtest.Sales.Generate(t, 2000)
	whole := filepath.Join(t.TempDir(), "whole")
	p := runUp(t, whole)
	runImport(t, p, filepath.Join(whole, "admin.key"), "crm-sales-opportunities", sales)
	end := p.position()
	want, results := figuresOverHTTP(t, p), p.onlyImport("/successful")
	p.stop(syscall.SIGTERM)

	data := filepath.Join(t.TempDir(), "data")
	last, err := strconv.Atoi(end)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []int{1, 2, 3} {
		p := runUp(t, data)
		if part == 1 {
			importer := command(t.Context(), t, "import", "--mapping", "crm-sales-opportunities", "--server", p.url,
				"--key-file", filepath.Join(data, "admin.key"), "--errors", filepath.Join(t.TempDir(), "rejected.csv"), sales)
			if err := importer.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = importer.Process.Kill() // dead already, mostly
				_ = importer.Wait()         // killed
			})
		}
		eventually(t, fmt.Sprintf("part %d of the import", part), func() bool {
			at, err := strconv.Atoi(p.position())
			return err == nil && at >= last*part/4
		})
		p.kill()
	}
	p = runUp(t, data)
	eventually(t, "the import ends", func() bool { return strings.Contains(p.onlyImport(""), `"status":"finished"`) })
	if at := p.position(); at != end {
		t.Errorf("the log ends at %s, without the kills it ended at %s", at, end)
	}
	if diff := cmp.Diff(results, p.onlyImport("/successful")); diff != "" {
		t.Errorf("results (-not killed +killed):\n%s", diff)
	}
	if diff := cmp.Diff(want, figuresOverHTTP(t, p), sameFigures); diff != "" {
		t.Errorf("figures (-not killed +killed):\n%s", diff)
	}
	p.stop(syscall.SIGTERM)
}

// onlyImport is what there is below the one import of the server, as text.
func (p *program) onlyImport(path string) string {
	p.t.Helper()
	var list struct{ Data []struct{ ID string } }
	p.must(http.MethodGet, "/v1/imports", "", &list)
	if len(list.Data) != 1 {
		p.t.Fatalf("there are %d imports", len(list.Data))
	}
	status, _, text, err := p.try(http.MethodGet, "/v1/imports/"+list.Data[0].ID+path, "")
	if err != nil || status != http.StatusOK {
		p.t.Fatalf("%s: %d, %v: %s", path, status, err, text)
	}
	return string(text)
}

// An import that is undone leaves what others have changed since, puts away what it had
// created, and names what it had to leave. Killed on the way, it goes on.
func TestUndoneImport(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	sales := importingtest.Sales.Generate(t, 1000)
	p := runUp(t, data)
	runImport(t, p, filepath.Join(data, "admin.key"), "crm-sales-opportunities", sales)
	var customers struct{ Data []struct{ ID, Name string } }
	p.must(http.MethodGet, "/v1/customers?limit=200&min_position="+p.position(), "", &customers)
	changed := customers.Data[0]
	p.must(http.MethodPatch, "/v1/customers/"+changed.ID, `{"name":"Ours now"}`, nil)
	var list struct{ Data []struct{ ID string } }
	p.must(http.MethodGet, "/v1/imports", "", &list)
	undo := "/v1/imports/" + list.Data[0].ID + "/undo"
	before, err := strconv.Atoi(p.position())
	if err != nil {
		t.Fatal(err)
	}
	p.must(http.MethodPost, undo, `{"reason":"the wrong file"}`, nil)
	eventually(t, "a part of the undo", func() bool {
		at, err := strconv.Atoi(p.position())
		return err == nil && at >= before+100
	})
	p.kill()

	p = runUp(t, data)
	var state struct {
		Status string
		Undo   struct{ Streams, Done, Restored, Ended, Kept int }
	}
	eventually(t, "the undo ends", func() bool {
		p.must(http.MethodGet, "/v1/imports/"+list.Data[0].ID, "", &state)
		return state.Status == "undone"
	})
	if u := state.Undo; u.Done != u.Streams || u.Ended == 0 || u.Kept == 0 || u.Restored != 0 {
		t.Errorf("undone: %+v", u)
	}
	deals, end := importingtest.Rows(t, filepath.Join(sales, "sales_pipeline.csv")), p.position()
	if events, err := strconv.Atoi(end); err != nil || events-before < len(deals) || events-before > 2*len(deals)+len(customers.Data)+state.Undo.Ended {
		t.Errorf("%s − %d events for %d deals, %v", end, before, len(deals), err)
	}
	report := p.onlyImport("/undone")
	for _, c := range customers.Data {
		var card struct {
			Name     string
			Archived bool
		}
		p.must(http.MethodGet, "/v1/customers/"+c.ID+"?min_position="+end, "", &card)
		wantName, wantLine := c.Name, "customer-"+c.ID+",ended,\n"
		if c.ID == changed.ID {
			wantName, wantLine = "Ours now", "customer-"+c.ID+",kept,customer: changed since by somebody else\n"
		}
		if card.Name != wantName || card.Archived != (c.ID != changed.ID) || !strings.Contains(report, wantLine) {
			t.Errorf("%s is %+v afterwards; the report should have %q", c.Name, card, wantLine)
		}
	}
	if status, _, _, err := p.try(http.MethodPost, undo, `{"reason":"again"}`); err != nil || status != http.StatusConflict {
		t.Errorf("an undo of an undo is answered %d, %v", status, err)
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
