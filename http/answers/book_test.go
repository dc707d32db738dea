package answers_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"crm/domain"
	"crm/http/answers"
	"crm/projections"
	"crm/projections/projectionstest"
)

// count is a counter of a book's registry.
func count(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := projectionstest.Pool(t)
	if err := projections.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	return pool
}

func open(t *testing.T, pool *pgxpool.Pool) (*answers.Book, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	book, err := answers.Open(answers.Postgres{Pool: pool}, answers.Config{Metrics: registry, Wait: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(book.Close)
	return book, registry
}

// refusal is the answer to some command.
func refusal(n int) answers.Answer {
	return answers.Answer{
		Command: uuid.NewSHA1(domain.Namespace, fmt.Append(nil, n)), Fingerprint: fmt.Sprintf("%032x", n),
		Status: 409, Problem: "deal-not-open", Words: []byte{1, 2},
	}
}

func ref(a answers.Answer) domain.CommandRef {
	return domain.CommandRef{ID: a.Command, Fingerprint: a.Fingerprint}
}

// begun is how one command stands.
func begun(t *testing.T, book *answers.Book, c domain.CommandRef) answers.Standing {
	t.Helper()
	return book.Begin(t.Context(), c)[0]
}

// follows waits until a book knows new commands for new.
func follows(t *testing.T, book *answers.Book, registry *prometheus.Registry) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); count(t, registry, "crm_http_answers_fresh_total") == 0; {
		if time.Now().After(deadline) {
			t.Fatal("every command is looked up")
		}
		id := uuid.New()
		book.Begin(t.Context(), domain.CommandRef{ID: id})
		book.Free(id)
		time.Sleep(5 * time.Millisecond)
	}
}

func TestACommandIsClaimedOnce(t *testing.T) {
	t.Parallel()
	book, err := answers.Open(nil, answers.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	given := refusal(1)
	other := domain.CommandRef{ID: given.Command, Fingerprint: "other"}
	if s := begun(t, book, ref(given)); !s.Claimed {
		t.Errorf("new: %+v", s)
	}
	if s := begun(t, book, ref(given)); s.Claimed || !errors.Is(s.Err, answers.ErrInProgress) {
		t.Errorf("in progress: %+v", s)
	}
	if s := begun(t, book, other); !errors.Is(s.Err, domain.ErrKeyReused) {
		t.Errorf("in progress, another request: %+v", s)
	}
	book.Free(given.Command)
	if s := begun(t, book, other); !s.Claimed {
		t.Errorf("given back: %+v", s)
	}
	book.Free(given.Command)
	begun(t, book, ref(given))
	book.Finish(given)
	if s := begun(t, book, ref(given)); s.Answer == nil || s.Answer.Problem != given.Problem {
		t.Errorf("answered: %+v", s)
	}
	if s := begun(t, book, other); !errors.Is(s.Err, domain.ErrKeyReused) {
		t.Errorf("answered, another request: %+v", s)
	}
}

// Many at once ask for the same commands: each is claimed by one.
func TestOfManyOneClaims(t *testing.T) {
	t.Parallel()
	book, _ := open(t, database(t))
	var mu sync.Mutex
	claimed := map[int]int{}
	var asking sync.WaitGroup
	for range 50 {
		asking.Go(func() {
			for n := range 20 {
				if begun(t, book, ref(refusal(n))).Claimed {
					mu.Lock()
					claimed[n]++
					mu.Unlock()
				}
			}
		})
	}
	asking.Wait()
	for n := range 20 {
		if claimed[n] != 1 {
			t.Errorf("%d was claimed %d times", n, claimed[n])
		}
	}
}

// What one server answered, another knows: those that were there when it began, and
// those that came since; and what is new it does not look up.
func TestAnotherServerKnows(t *testing.T) {
	t.Parallel()
	pool := database(t)
	one, _ := open(t, pool)
	finish := func(n int) {
		begun(t, one, ref(refusal(n)))
		one.Finish(refusal(n))
	}
	const before, since = 700, 1400 // more than one notification holds
	for n := range before {
		finish(n)
	}
	two, registry := open(t, pool)
	follows(t, two, registry)
	for n := before; n < since; n++ {
		finish(n)
	}
	one.Close()
	// The notification follows the row; a command that two was told of after the last
	// one's has been told of all.
	for deadline := time.Now().Add(30 * time.Second); begun(t, two, ref(refusal(since-1))).Answer == nil; two.Free(refusal(since - 1).Command) {
		if time.Now().After(deadline) {
			t.Fatal("the last answer does not come")
		}
		time.Sleep(5 * time.Millisecond)
	}
	for n := range since {
		s := begun(t, two, ref(refusal(n)))
		if s.Answer == nil {
			t.Fatalf("%d is not known: %+v", n, s)
		}
		if diff := cmp.Diff(refusal(n), *s.Answer, cmpopts.IgnoreUnexported(answers.Answer{})); diff != "" {
			t.Fatal(diff)
		}
	}
	looked := count(t, registry, "crm_http_answers_lookups_total")
	for n := since; n < since+1000; n++ {
		if !begun(t, two, ref(refusal(n))).Claimed {
			t.Errorf("%d is not new", n)
		}
	}
	if n := count(t, registry, "crm_http_answers_lookups_total") - looked; n > 10 {
		t.Errorf("%v of 1,000 new commands were looked up", n)
	}
}

// While the connection is lost everything is looked up; afterwards what was missed is
// known.
func TestALostConnectionHidesNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	one, _ := open(t, pool)
	two, registry := open(t, pool)
	follows(t, two, registry)
	var ended int
	if err := pool.QueryRow(t.Context(), `
		SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND query = '-- ping'`).Scan(&ended); err != nil || ended == 0 {
		t.Fatalf("%d followers were ended: %v", ended, err)
	}
	for n := range 20 {
		begun(t, one, ref(refusal(n)))
		one.Finish(refusal(n))
	}
	one.Close()
	for n := range 20 {
		for deadline := time.Now().Add(30 * time.Second); begun(t, two, ref(refusal(n))).Answer == nil; two.Free(refusal(n).Command) {
			if time.Now().After(deadline) {
				t.Fatalf("%d is not known", n)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// Words can be read by who has the request, and by nobody else.
func TestSealedWords(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	sealed, err := answers.Seal(id, "key", []byte("body"), []byte("words"))
	if err != nil {
		t.Fatal(err)
	}
	if words, err := answers.Unseal(id, "key", []byte("body"), sealed); err != nil || string(words) != "words" {
		t.Errorf("%q %v", words, err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := answers.Unseal(id, "key", []byte("body"), sealed); err == nil {
		t.Error("changed words are read")
	}
	sealed[len(sealed)-1] ^= 1
	for _, other := range [][2]string{{"kez", "body"}, {"key", "bodz"}} {
		if _, err := answers.Unseal(id, other[0], []byte(other[1]), sealed); err == nil {
			t.Errorf("read with %v", other)
		}
	}
	if _, err := answers.Unseal(uuid.New(), "key", []byte("body"), sealed); err == nil {
		t.Error("read for another command")
	}
}
