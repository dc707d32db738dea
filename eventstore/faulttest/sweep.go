package faulttest

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The environment that decides what a sweep does.
const (
	SeedVariable   = "CRM_SEED"          // one case to run, and no other
	SizeVariable   = "CRM_FAULTS"        // small, large, or nothing
	BudgetVariable = "CRM_FAULTS_BUDGET" // how long each test may take new cases, as 10m
)

// A Sweep says how many cases a test has.
type Sweep struct {
	Small int // with CRM_FAULTS=small, and in go test
	Large int // with CRM_FAULTS=large
	// Numbered cases have the seeds 1, 2, 3 and so on, until there are enough or
	// one of them calls Enough, for tests that try every place a fault can fall.
	// With -short or the race detector these are 10, 20, 30. Otherwise seeds are
	// random.
	Numbered bool
	// Workers is how many cases run at once. Default: as many as Go uses cores.
	// Cases that mostly wait may take more, cases with a port of their own 1.
	Workers int
}

// A Case is one run of a test.
type Case struct {
	*testing.T
	Seed   uint64
	Rand   *rand.Rand // depends on nothing but Seed
	enough *atomic.Bool
}

// Enough ends the sweep: later cases would only do the same again.
func (c *Case) Enough() { c.enough.Store(true) }

// failures is how many failing cases end a sweep.
const failures = 3

// Run runs do once for each case of the sweep, as a subtest named for its seed.
func Run(t *testing.T, s Sweep, do func(c *Case)) {
	t.Helper()
	size, err := s.size(os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if size.only != nil {
		one(t, *size.only, new(atomic.Bool), do)
		return
	}
	var done, failed atomic.Int64
	var enough atomic.Bool
	next := s.seeds(size)
	start := time.Now()
	var wg sync.WaitGroup
	for range cmp.Or(s.Workers, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for !enough.Load() && failed.Load() < failures && (size.budget == 0 || time.Since(start) < size.budget) {
				if done.Add(1) > int64(size.cases) {
					done.Add(-1)
					return
				}
				if !one(t, next(), &enough, do) {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d cases in %v", done.Load(), time.Since(start).Round(time.Millisecond))
}

// A size is what the environment asks for.
type size struct {
	cases  int
	budget time.Duration // 0: none
	only   *uint64       // the one seed to run
	every  uint64        // with numbers: of how many to take one
}

// reduction is how many times fewer cases there are where they take long or are
// not to.
const reduction = 10

// Reduced reports whether a test is to do less than the sizes that were agreed:
// under -short and under the race detector, unless CRM_FAULTS names a size.
func Reduced() bool {
	return os.Getenv(SizeVariable) == "" && (raced || testing.Short())
}

func (s Sweep) size(lookup func(string) (string, bool)) (size, error) {
	if v, ok := lookup(SeedVariable); ok && v != "" {
		seed, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return size{}, fmt.Errorf("%s is %q, must be a number", SeedVariable, v)
		}
		return size{only: &seed}, nil
	}
	out := size{cases: s.Small, every: 1}
	switch v, _ := lookup(SizeVariable); v {
	case "":
		if raced || testing.Short() {
			out.cases, out.every = max(1, s.Small/reduction), reduction
		}
	case "small":
	case "large":
		out.cases = s.Large
	default:
		return size{}, fmt.Errorf("%s is %q, must be small, large or unset", SizeVariable, v)
	}
	if v, ok := lookup(BudgetVariable); ok && v != "" {
		var err error
		if out.budget, err = time.ParseDuration(v); err != nil || out.budget <= 0 {
			return size{}, fmt.Errorf("%s is %q, must be a duration above 0", BudgetVariable, v)
		}
	}
	return out, nil
}

// Large reports whether the large sizes are asked for, for tests that are no sweep or
// whose cases are longer then. Such a case can be run again only with the same setting.
func Large() bool { return os.Getenv(SizeVariable) == "large" }

// seeds returns where the seeds come from.
func (s Sweep) seeds(z size) func() uint64 {
	if s.Numbered {
		var last atomic.Uint64
		return func() uint64 { return last.Add(z.every) }
	}
	return func() uint64 { return rand.Uint64N(1 << 53) } //nolint:gosec // no secret
}

// one runs one case and reports whether it passed.
func one(t *testing.T, seed uint64, enough *atomic.Bool, do func(c *Case)) (passed bool) {
	t.Helper()
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	//nolint:gosec // chance that can be repeated is what is wanted
	rng := rand.New(rand.NewChaCha8(key))
	// A goroutine takes its labels from the one that starts it: should one of this
	// case bring the process down, its trace says which case it was.
	pprof.Do(context.Background(), pprof.Labels("test", t.Name(), "seed", strconv.FormatUint(seed, 10)), func(context.Context) {
		passed = t.Run(fmt.Sprint("seed=", seed), func(sub *testing.T) {
			sub.Cleanup(func() {
				if sub.Failed() {
					sub.Log(again(t.Name(), seed))
				}
			})
			do(&Case{T: sub, Seed: seed, Rand: rng, enough: enough})
		})
	})
	return passed
}

// again is the line that says how a case is run again.
func again(test string, seed uint64) string {
	parts := strings.Split(test, "/")
	for i := range parts {
		parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
	}
	size := ""
	if set := os.Getenv(SizeVariable); set != "" { // a case may be longer in another size
		size = SizeVariable + "=" + set + " "
	}
	return fmt.Sprintf("rerun with %s%s=%d go test %s -run '%s' (commit %s)",
		size, SeedVariable, seed, folder(), strings.Join(parts, "/"), commit())
}

// folder is the package under test, as go test wants it from the root of the
// module. Tests run in their package's folder.
func folder() string {
	out, err := exec.CommandContext(context.Background(), "git", "rev-parse", "--show-prefix").Output()
	if err != nil {
		return "."
	}
	return "./" + strings.Trim(string(out), "/\n")
}

// commit is what was tested, with -dirty after it if something had been changed.
func commit() string {
	out, err := exec.CommandContext(context.Background(), "git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
