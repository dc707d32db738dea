package http_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
)

// dealsMapping is one of nothing but deals.
const dealsMapping = `
name: deals
files:
  - name: deals
    match: "deals.csv"
    entity: deal
    key: ${id}
    values: {amount: {column: amount, type: money, currency: EUR}}
    commands:
      - {command: deal.open, body: {title: "${id}", amount: "${amount}", expected_close: "2027-02-03"}}
      - {command: deal.change_stage, when: {stage: [qualified]}, body: {stage: qualified}}
      - {command: deal.win, when: {end: [won]}, body: {}}
      - {command: deal.lose, when: {end: [lost]}, body: {loss_reason: price}}
`

// figures are all that add up deals.
func (s *seeing) figures() string {
	s.t.Helper()
	var all strings.Builder
	for _, path := range []string{
		"/v1/pipelines/" + domain.DefaultPipeline.String() + "/board", "/v1/reports/funnel", "/v1/reports/stage-durations", "/v1/reports/forecast?group_by=month",
		"/v1/reports/forecast?group_by=owner", "/v1/reports/forecast-accuracy?on=2026-11-23", "/v1/reports/sales?group_by=all", "/v1/reports/sales?group_by=owner",
		"/v1/reports/sales?group_by=product", "/v1/reports/owners", "/v1/reports/sources",
		"/v1/deals?limit=200&filter[status][in]=open,won,lost",
	} {
		all.WriteString(path + " " + s.get(path).body + "\n")
	}
	return all.String()
}

// After an undo every figure is what it was before the import: none of its deals counts as
// lost, or as opened, or as time in a stage.
func TestFiguresAfterAnUndo(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.server.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	w.company()
	w.refresh()
	before := w.figures()
	made := w.must(201, "POST", "/v1/imports", `{"mapping_text":`+quote(dealsMapping)+`}`)
	path := "/v1/imports/" + made.text("id")
	w.must(200, "PUT", path+"/files/deals.csv", "id,amount,stage,end\n1,5,,\n2,7,qualified,won\n3,9,qualified,lost\n4,1,qualified,\n")
	wait := func(until string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); w.get(path).text("status") != until; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the import is %s", w.get(path).body)
			}
		}
		w.refresh()
	}
	w.must(200, "POST", path+"/start", `{}`)
	wait("finished")
	between := strings.Split(w.figures(), "\n")
	for i, line := range strings.Split(before, "\n") {
		if line == between[i] && line != "" && !strings.HasPrefix(line, "/v1/reports/sources") && !strings.HasPrefix(line, "/v1/reports/forecast-accuracy") {
			t.Errorf("the import changes nothing, so this proves nothing: %s", line)
		}
	}
	w.must(200, "POST", path+"/undo", `{"reason":"a test"}`)
	wait("undone")
	if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(w.figures(), "\n")); diff != "" {
		t.Errorf("(-before the import +after the undo)\n%s", diff)
	}
	if found := w.get("/v1/deals?filter[status][eq]=void"); len(found.rows()) != 4 {
		t.Errorf("void deals: %s", found.body)
	}
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}
