package http_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"crm/domain"
	"crm/domain/cloudevents"
	crmhttp "crm/http"
	"crm/http/answers"
	"crm/http/contracttest"
)

// birthDay is met nowhere else, as a day has no room for a canary.
const birthDay = "1815-12-10"

// planted is a command with a canary in a personal field: to be taken, and to be refused.
type planted struct {
	good contracttest.Operation
	bad  []contracttest.Operation
}

// plant puts a canary into a personal field of an example, in the form that the field has,
// with what else must be so for it to be taken.
func plant(op contracttest.Operation, place string, n int) planted {
	word := fmt.Sprintf("%s%dx", contracttest.Canary, n)
	quoted := func(text string) string { return `"` + text + `"` }
	above, name := place[:strings.LastIndex(place, "/")], place[strings.LastIndex(place, "/")+1:]
	p := planted{good: op}
	value := word
	switch {
	case name == "email":
		value = word + "@example.org"
		p.bad = append(p.bad, op.With(place, quoted(word)))
	case name == "birth_date":
		value = birthDay
		p.bad = append(p.bad, op.With(place, quoted(word)))
	case name == "value" && strings.Contains(op.ID+above, "attribute"):
		p.good = p.good.With(above+"/key", quoted("k")).With(above+"/kind", quoted("text"))
		for _, kind := range []string{"number", "boolean", "date"} {
			p.bad = append(p.bad, p.good.With(above+"/kind", quoted(kind)).With(place, quoted(word)))
		}
	case name == "value":
		value = word + "@example.org"
		p.good = p.good.With(above+"/kind", quoted("email"))
		for _, kind := range []string{"email", "phone", "web"} { // none of which this is
			p.bad = append(p.bad, op.With(above+"/kind", quoted(kind)).With(place, quoted(word+" \u00a0 not any")))
		}
	case strings.HasSuffix(above, "/address"):
		at := strings.TrimSuffix(above, "/address")
		p.good = p.good.With(at, `{"kind":"postal","address":{"country":"AT"}}`)
	case name == "title" && strings.Contains(place, "links"):
		p.good = p.good.With(above, `{"organization":"`+contracttest.Apart(op.ID+"/"+place, contracttest.ID("acme"))+`","relation":"member_of"}`)
	}
	p.good = p.good.With(place, quoted(value))
	p.bad = append(p.bad,
		p.good.With("/no_such_field", "1"),
		p.good.With("/source", `{"application":"`+strings.Repeat("x", 1000)+`"}`),
		p.good.With(place, quoted(word+strings.Repeat("y", 100_001))),
		p.good.With(place, quoted(word+`\u0000`)),
		p.good.With(place, `["`+word+`"]`),
		p.good.With(place, `{"`+word+`":1}`),
	)
	return p
}

// What is personal stays in the events' data, whatever command brings it and whether it is
// taken or refused: it is in no log line, problem, metadata, webhook, kept answer, figure
// or span. Every personal field of every command is tried, found by its type.
func TestWhatIsPersonalStaysInside(t *testing.T) {
	t.Parallel()
	logged, spans, registry := &lines{}, tracetest.NewInMemoryExporter(), prometheus.NewRegistry()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	var book *answers.Book
	w := newSeeingWorld(t, func(cfg *crmhttp.Config) {
		var err error
		if book, err = answers.Open(answers.Postgres{Pool: cfg.Imports.Pool}, answers.Config{}); err != nil {
			t.Fatal(err)
		}
		cfg.Log = slog.New(slog.NewJSONHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.Answers, cfg.Metrics, cfg.Tracer = book, registry, tracer.Tracer("crm")
	})
	all, err := contracttest.Read([]byte(w.must(http.StatusOK, http.MethodGet, "/openapi.json", "").body), os.DirFS("operations"))
	if err != nil {
		t.Fatal(err)
	}
	leaked := func(where, text string) {
		t.Helper()
		text = strings.ToLower(text)
		if i := max(strings.Index(text, contracttest.Canary), strings.Index(text, birthDay)); i >= 0 {
			t.Errorf("%s tells %q", where, text[max(0, i-200):min(len(text), i+100)])
		}
	}
	fields, refused, taken, tried := 0, map[string]int{}, map[string]bool{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, place := range w.server.PersonalFields(name) {
			at := name + " " + place
			op := all[name].In(name + "/" + place)
			w.must(http.StatusOK, http.MethodPost, "/v1/commands", contracttest.Apart(name+"/"+place, contracttest.Company()))
			for _, given := range op.Given {
				w.wire(all[given].In(name + "/" + place).Good())
			}
			fields++
			p := plant(op, place, fields)
			field := place[strings.LastIndex(place, "/")+1:]
			tried[field] = true
			for i, bad := range p.bad {
				r := bad.Good()
				r.Headers = append(r.Headers, [2]string{"Idempotency-Key", fmt.Sprintf("%s:%s:%d", name, place, i)})
				answer, handed := w.wire(r)
				if handed && answer.Status >= http.StatusBadRequest {
					refused[answer.Slug()]++
				}
				leaked(fmt.Sprintf("the answer %d to %s", answer.Status, at), fmt.Sprint(string(answer.Body), answer.Header))
			}
			r := p.good.Good()
			r.Headers = append(r.Headers, [2]string{"Idempotency-Key", name + ":" + place})
			if field == "legal_name" || field == "vat_id" { // what organisations have
				r.Path = strings.ReplaceAll(r.Path, contracttest.Apart(name+"/"+place, contracttest.ID("ada")), contracttest.Apart(name+"/"+place, contracttest.ID("acme")))
			}
			answer, _ := w.wire(r)
			if answer.Status < http.StatusBadRequest {
				taken[field] = true
			}
			leaked("the receipt of "+at, fmt.Sprint(string(answer.Body), answer.Header))
		}
	}
	for field := range tried {
		if !taken[field] {
			t.Errorf("no command has taken a %s with a canary, so nothing is proved of it", field)
		}
	}
	stored := 0
	for _, recorded := range w.log.All(domain.Position{}) {
		data, _ := json.Marshal(recorded.Event)
		if strings.Contains(string(data)+recorded.Meta.Reason.Plain(), contracttest.Canary) {
			stored++
		}
		meta := recorded.Meta
		meta.Reason = "" // personal itself
		plain, err := json.Marshal(meta)
		if err != nil {
			t.Fatal(err)
		}
		leaked("metadata", string(plain)+string(recorded.Stream)+recorded.Event.EventType())
		sent := cloudevents.Of("https://crm.example.org", &recorded).Reference()
		leaked("a webhook", string(sent.AppendJSON(nil)))
	}
	book.Close() // all answers are written
	rows, err := w.pool.Query(t.Context(), "SELECT answers::text FROM crm.answers AS answers")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range kept {
		leaked("a kept answer", strings.ReplaceAll(row, hex.EncodeToString([]byte(contracttest.Canary)), contracttest.Canary))
	}
	leaked("the figures", w.must(http.StatusOK, http.MethodGet, "/metrics", "").body)
	leaked("a span", fmt.Sprintf("%+v", spans.GetSpans()))
	leaked("the log", logged.String())
	t.Logf("%d fields of %d names; refused as %v, %d events hold a canary, %d answers kept, %d spans", fields, len(tried), refused, stored, len(kept), len(spans.GetSpans()))
	if fields < 100 || refused["invalid-value"] < 3*fields || stored < fields/2 || len(kept) < fields/2 || len(spans.GetSpans()) == 0 {
		t.Error("that is too few for this to prove anything")
	}
}
