package load

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"time"

	"crm/domain"
)

// operations are what a worker can ask; each gives the time that counts.
var operations map[string]func(*worker, context.Context) (time.Duration, error)

func init() { // the operations refer to the worker, which refers to them
	operations = map[string]func(*worker, context.Context) (time.Duration, error){
		"register":    (*worker).register,
		"patch":       (*worker).patch,
		"interaction": (*worker).interaction,
		"consent":     (*worker).consent,
		"open":        (*worker).open,
		"stage":       (*worker).stage,
		"visible":     (*worker).visible,
		"card":        (*worker).card,
		"list":        (*worker).list,
		"timeline":    (*worker).timeline,
		"board":       (*worker).board,
	}
}

// customer is one that the worker registered, and when.
type customer struct {
	id    string
	since time.Time
}

// openDeal is a deal and how far it has come.
type openDeal struct {
	id    string
	stage int
}

var stages = []string{"prospecting", "qualified", "proposal", "negotiation"}

// prepare gives the worker customers and deals to work with.
func (w *worker) prepare(ctx context.Context, each int) error {
	for range each {
		if _, err := w.register(ctx); err != nil {
			return err
		}
		if _, err := w.open(ctx); err != nil {
			return err
		}
	}
	_, err := w.visible(ctx)
	return err
}

func (w *worker) register(ctx context.Context) (time.Duration, error) {
	w.issued++
	answer, took, err := w.command(ctx, "/v1/customers", fmt.Sprintf(`{"kind":"person","name":"Load %[1]s-%[2]d",`+
		`"given_name":"Load","family_name":"%[1]s-%[2]d","touchpoint":{"source":"bench","medium":"load"},`+
		`"contact_points":[{"kind":"email","value":"load-%[1]s-%[2]d@bench.example","label":"work"}]}`, w.name, w.issued))
	if err == nil {
		w.customers = append(w.customers, customer{answer.ID, time.Now()})
	}
	return took, err
}

func (w *worker) patch(ctx context.Context) (time.Duration, error) {
	w.issued++
	_, took, err := w.send(ctx, http.MethodPatch, "/v1/customers/"+w.customer(), fmt.Sprintf(`{"job_title":"Tester %d"}`, w.issued))
	return took, err
}

func (w *worker) interaction(ctx context.Context) (time.Duration, error) {
	_, took, err := w.command(ctx, "/v1/customers/"+w.customer()+"/interactions",
		`{"channel":"call","direction":"inbound","subject":"Asked for a quotation","note":"Wants to replace two machines this year.","mood":"satisfied"}`)
	return took, err
}

func (w *worker) consent(ctx context.Context) (time.Duration, error) {
	w.issued++
	_, took, err := w.command(ctx, "/v1/customers/"+w.customer()+"/consents",
		fmt.Sprintf(`{"purpose":"newsletter","channel":"email","wording_version":"v%d","capture_source":"bench"}`, w.issued))
	return took, err
}

func (w *worker) open(ctx context.Context) (time.Duration, error) {
	w.issued++
	answer, took, err := w.command(ctx, "/v1/deals", fmt.Sprintf(
		`{"title":"Load %s-%d","customer":%q,"amount":{"minor":125000,"currency":"EUR"}}`, w.name, w.issued, w.customer()))
	if err == nil {
		w.deals = append(w.deals, &openDeal{id: answer.ID})
	}
	return took, err
}

func (w *worker) stage(ctx context.Context) (time.Duration, error) {
	deal := w.deals[w.rng.IntN(len(w.deals))]
	deal.stage = (deal.stage + 1) % len(stages)
	_, took, err := w.command(ctx, "/v1/deals/"+deal.id+"/stage", fmt.Sprintf(`{"stage":%q}`, stages[deal.stage]))
	return took, err
}

func (w *worker) visible(ctx context.Context) (time.Duration, error) {
	w.issued++
	answer, _, err := w.send(ctx, http.MethodPatch, "/v1/customers/"+w.customer(), fmt.Sprintf(`{"job_title":"Seen %d"}`, w.issued))
	if err != nil {
		return 0, err
	}
	_, took, err := w.send(ctx, http.MethodGet, "/v1/customers/"+answer.ID+"?min_position="+answer.Position, "")
	return took, err
}

func (w *worker) card(ctx context.Context) (time.Duration, error) {
	return w.read(ctx, "/v1/customers/"+w.settled())
}

func (w *worker) list(ctx context.Context) (time.Duration, error) {
	return w.read(ctx, "/v1/customers?limit=50")
}

func (w *worker) timeline(ctx context.Context) (time.Duration, error) {
	return w.read(ctx, "/v1/customers/"+w.settled()+"/timeline")
}

func (w *worker) board(ctx context.Context) (time.Duration, error) {
	return w.read(ctx, "/v1/pipelines/"+domain.DefaultPipeline.String()+"/board")
}

func (w *worker) customer() string { return w.customers[w.rng.IntN(len(w.customers))].id }

// settled is a customer that readers have had time to see.
func (w *worker) settled() string {
	young := sort.Search(len(w.customers), func(i int) bool { return time.Since(w.customers[i].since) < settling })
	return w.customers[w.rng.IntN(max(young, 1))].id
}

// settling is how old a customer is before it is read without a position.
const settling = 2 * time.Second

func (w *worker) read(ctx context.Context, path string) (time.Duration, error) {
	_, took, err := w.send(ctx, http.MethodGet, path, "")
	return took, err
}

func (w *worker) command(ctx context.Context, path, body string) (receipt, time.Duration, error) {
	return w.send(ctx, http.MethodPost, path, body)
}

// receipt is what a command's answer says.
type receipt struct {
	ID       string `json:"id"`
	Position string `json:"position"`
	Events   int    `json:"events"`
}

// send asks once. Its error is short and the same for the same kind of failure,
// for it is counted.
func (w *worker) send(ctx context.Context, method, path, body string) (receipt, time.Duration, error) {
	key := ""
	if w.run != nil && w.Keyed && method != http.MethodGet {
		key = rand.Text()
	}
	began := time.Now()
	status, answer, err := w.line.ask(ctx, method, path, key, body)
	took := time.Since(began)
	if err != nil {
		return receipt{}, 0, fmt.Errorf("%s: no answer", method)
	}
	if w.told != nil {
		w.told.note(status, took, w.line.header, answer)
	}
	if status/100 != 2 {
		var problem struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal(answer, &problem) // a status says enough
		return receipt{}, 0, fmt.Errorf("%s: %d %s", method, status, problem.Type)
	}
	var received receipt
	if method != http.MethodGet {
		if err := json.Unmarshal(answer, &received); err != nil {
			return receipt{}, 0, fmt.Errorf("%s: answer is not JSON", method)
		}
	}
	return received, took, nil
}
