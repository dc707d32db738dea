package http_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A year of a small company, told late: every event occurred on a day of 2026.
func newReportedWorld(t *testing.T) *seeing {
	t.Helper()
	w := newSeeingWorld(t, nil)
	w.company()
	post := func(status int, path, body string) {
		t.Helper()
		w.must(status, "POST", path, body)
	}
	on := func(day string) string { return `"occurred_at":"2026-` + day + `T09:00:00Z"` }
	post(201, "/v1/deals", `{"id":"`+id("big")+`","title":"Big","owner":"`+id("eve")+`","amount":{"minor":100000,"currency":"EUR"},"expected_close":"2026-05-20",`+on("03-02")+`}`)
	post(200, "/v1/deals/"+id("big")+"/stage", `{"stage":"offer",`+on("03-12")+`}`)
	post(200, "/v1/deals/"+id("big")+"/stage", `{"stage":"new",`+on("03-14")+`}`)
	post(200, "/v1/deals/"+id("big")+"/stage", `{"stage":"offer",`+on("03-16")+`}`)
	post(200, "/v1/deals/"+id("big")+"/win", `{"amount":{"minor":80000,"currency":"EUR"},`+on("05-02")+`}`)
	post(201, "/v1/deals", `{"id":"`+id("small")+`","title":"Small",`+on("03-05")+`}`)
	post(200, "/v1/deals/"+id("small")+"/lose", `{"loss_reason":"price",`+on("03-06")+`}`)
	post(201, "/v1/customers", `{"id":"`+id("leaver")+`","kind":"person","name":"Leaver","stage":"customer","touchpoint":{"source":"Fair"},`+on("01-05")+`}`)
	post(200, "/v1/customers/"+id("leaver")+"/lifecycle", `{"stage":"former",`+on("02-10")+`}`)
	post(200, "/v1/customers/"+id("leaver")+"/lifecycle", `{"stage":"won_back",`+on("04-01")+`}`)
	post(200, "/v1/customers/"+id("leaver")+"/interactions", `{"id":"`+id("talk")+`","channel":"meeting","employee":"`+id("eve")+`",`+on("03-20")+`}`)
	w.refresh()
	return w
}

func TestReports(t *testing.T) {
	t.Parallel()
	w := newReportedWorld(t)
	line := func(path, key string) map[string]any {
		t.Helper()
		rows := w.get("/v1/reports/" + path).rows()
		for _, row := range rows {
			if row["key"] == key {
				return row
			}
		}
		t.Errorf("%s has no line %q: %v", path, key, rows)
		return nil
	}
	spring := "from=2026-03-01&to=2026-05-31"
	for _, c := range []struct {
		path, key string
		want      map[string]any
	}{
		{"sales?group_by=owner&" + spring, id("eve"), map[string]any{"name": "Eve", "won_count": 1.0, "win_rate": 1.0, "mean_days_to_win": 61.0}},
		{"sales?group_by=owner&" + spring, "", map[string]any{"lost_count": 1.0, "mean_days_to_lose": 1.0}},
		{"sales?group_by=year&as_of=2026-04-01&" + spring, "2026", map[string]any{"won_count": 0.0, "lost_count": 1.0}},
		{"funnel?" + spring, "new", map[string]any{"reached_count": 2.0, "visited_count": 2.0, "lost_count": 1.0, "conversion": 1.0}},
		{"funnel?" + spring, "offer", map[string]any{"reached_count": 1.0, "conversion": 0.5, "share": 0.5, "standing_count": 0.0}},
		{"funnel?as_of=2026-03-15&" + spring, "offer", map[string]any{"reached_count": 1.0, "visited_count": 1.0, "standing_count": 0.0}},
		{"stage-durations?" + spring, "offer", map[string]any{"stays": 2.0, "mean_days": 24.5, "backward_count": 1.0, "won_count": 1.0}},
		{"stage-durations?as_of=2026-03-15T09:00:00Z", "new", map[string]any{"stays": 2.0, "forward_count": 1.0, "lost_count": 1.0, "standing_count": 1.0, "mean_standing_days": 1.0}},
		{"forecast?as_of=2026-04-01&" + spring, "2026-05", map[string]any{"open_count": 1.0, "won_count": 0.0}},
		{"forecast?group_by=category&" + spring, "closed", map[string]any{"open_count": 0.0, "won_count": 1.0}},
		{"forecast-accuracy?on=2026-04-01&on_known_at=2026-12-01&" + spring, "2026-05", map[string]any{
			"currency": "EUR", "forecast_minor": 60000.0, "actual_minor": 80000.0, "accuracy": 0.75, "bias": -0.25, "won_in_period_count": 1.0,
		}},
		{"forecast-accuracy?on=2026-04-01&" + spring, "2026-05", map[string]any{"forecast_minor": 0.0, "accuracy": 0.0, "unforeseen_count": 1.0}}, // nobody knew yet
		{"owners?" + spring, id("eve"), map[string]any{"name": "Eve", "interactions": 1.0, "opened_count": 1.0, "won_count": 1.0}},
		{"churn?to=2026-06-30", "2026-02", map[string]any{"at_start": 1.0, "churned": 1.0, "at_end": 0.0, "churn_rate": 1.0}},
		{"churn?group_by=quarter", "2026-Q2", map[string]any{"at_start": 0.0, "won_back": 1.0, "at_end": 1.0, "churn_rate": nil, "win_back_rate": 1.0}},
		{"sources?as_of=2026-03-01", "former:Fair", map[string]any{"source": "Fair", "stage": "former", "count": 1.0}},
		{"consent-coverage", "survey:phone:requested", map[string]any{"count": 1.0}},
	} {
		got := line(c.path, c.key)
		for name, want := range c.want {
			if got[name] != want {
				t.Errorf("%s: %s of %q is %v, want %v", c.path, name, c.key, got[name], want)
			}
		}
	}
	if f := w.get("/v1/reports/funnel?" + spring); f.json["opened_count"] != 2.0 || f.json["won_count"] != 1.0 || f.json["won_conversion"] != 1.0 {
		t.Errorf("the funnel as a whole: %s", f.body)
	}
}

func TestEventsBehindReports(t *testing.T) {
	t.Parallel()
	w := newReportedWorld(t)
	for path, want := range map[string][]string{
		"sales/events?group_by=owner&from=2026-03-01&key=" + id("eve"):                     {"deal.opened", "deal.won"},
		"sales/events?group_by=owner&from=2026-03-01&to=2026-05-31&key=":                   {"deal.lost", "deal.opened"},
		"sales/events?from=2026-03-01&to=2026-05-31":                                       {"deal.lost", "deal.opened", "deal.opened", "deal.won"},
		"sales/events?from=2026-03-01&to=2026-05-31&as_of=2026-04-01":                      {"deal.lost", "deal.opened"},
		"funnel/events?from=2026-03-01&to=2026-05-31&key=offer":                            {"deal.opened", "deal.stage_changed", "deal.stage_changed", "deal.stage_changed", "deal.won"},
		"funnel/events?from=2026-03-01&to=2026-05-31&key=(won)&as_of=2026-04-01":           {},
		"stage-durations/events?from=2026-03-14&to=2026-03-14&key=offer":                   {"deal.opened", "deal.stage_changed", "deal.stage_changed", "deal.stage_changed", "deal.won"},
		"forecast/events?group_by=category&from=2026-03-01&to=2026-05-31&key=closed":       {"deal.opened", "deal.stage_changed", "deal.stage_changed", "deal.stage_changed", "deal.won"},
		"forecast-accuracy/events?on=2026-04-01&from=2026-03-01&to=2026-05-31&key=2026-05": {"deal.opened", "deal.stage_changed", "deal.stage_changed", "deal.stage_changed", "deal.won"},
		"owners/events?from=2026-03-01&to=2026-05-31&key=" + id("eve"):                     {"deal.opened", "deal.won", "interaction.logged"},
		"churn/events?key=2026-02":                                                         {"customer.lifecycle_stage_changed", "customer.lifecycle_stage_changed", "customer.registered"},
		"churn/events?key=2026-02&as_of=2026-03-01":                                        {"customer.lifecycle_stage_changed", "customer.registered"},
		"sources/events?key=won_back:Fair":                                                 {"customer.lifecycle_stage_changed", "customer.lifecycle_stage_changed", "customer.registered"},
		"consent-coverage/events?key=survey:phone:requested":                               {"consent.requested"},
	} {
		var got []string
		for _, row := range w.pages("/v1/reports/"+path, 2) {
			got = append(got, fmt.Sprint(row["type"]))
		}
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestReportsRefuse(t *testing.T) {
	t.Parallel()
	w := newReportedWorld(t)
	cursor := url.QueryEscape(w.get("/v1/reports/sales/events?limit=1").text("page", "next_cursor"))
	for path, want := range map[string]string{
		"sales/events?limit=1&key=2026-05&cursor=" + cursor: "400 invalid-cursor",
		"sales?group_by=stage":                              "400 invalid-parameter",
		"sales?from=2026-02-30":                             "400 invalid-parameter",
		"sales?key=2026":                                    "400 invalid-parameter", // of the drill-down only
		"sales/events?key=%00":                              "400 invalid-parameter",
		"sales/events?key=2026":                             "400 invalid-parameter", // a month has more
		"sales/events?key=2026-13":                          "400 invalid-parameter",
		"sales/events?key=":                                 "400 invalid-parameter", // every close has a month
		"sales/events?group_by=quarter&key=2026-03":         "400 invalid-parameter",
		"sales/events?group_by=owner&key=eve":               "400 invalid-parameter",
		"sales/events?group_by=all&key=2026-03":             "400 invalid-parameter",
		"owners/events?key=" + strings.ToUpper(id("eve")):   "400 invalid-parameter",
		"funnel/events?key=(lost)":                          "400 invalid-parameter",
		"stage-durations/events?key=(won)":                  "400 invalid-parameter",
		"forecast/events?group_by=category&key=omitted":     "400 invalid-parameter",
		"forecast-accuracy/events?on=2026-04-01&key=march":  "400 invalid-parameter",
		"churn/events?group_by=year&key=2026-03":            "400 invalid-parameter",
		"sources/events?key=Fair":                           "400 invalid-parameter",
		"sources/events?key=stranger:Fair":                  "400 invalid-parameter",
		"consent-coverage/events?key=survey":                "400 invalid-parameter",
		"forecast?group_by=stage":                           "400 invalid-parameter",
		"forecast-accuracy":                                 "400 invalid-parameter",
		"forecast-accuracy?on=":                             "400 invalid-parameter",
		"forecast-accuracy?on=then":                         "400 invalid-parameter",
		"churn?group_by=day":                                "400 invalid-parameter",
		"funnel?as_of=2026-13-01":                           "400 invalid-parameter",
		"funnel?pipeline=" + id("none"):                     "404 pipeline-unknown",
		"stage-durations?pipeline=" + id("none"):            "404 pipeline-unknown",
		"moons":                                             "404 ",
	} {
		r := w.send("GET", "/v1/reports/"+path, "")
		if got := fmt.Sprint(r.status, " ", r.problem()); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s: %s", path, got, want, r.body)
		}
	}
}
