package faulttest

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAFailureCanBeRepeated has a test fail by chance, reads from what it printed
// how to repeat that, and repeats it ten times: each fails, in just the same way.
func TestAFailureCanBeRepeated(t *testing.T) {
	t.Parallel()
	out, err := failing(t, "")
	if err == nil {
		t.Fatalf("nothing failed:\n%s", out)
	}
	m := regexp.MustCompile(`rerun with CRM_SEED=(\d+) go test \./eventstore/faulttest -run '\^TestFailsByChance\$/\^with_a_name\\\.\$' \(commit \S+\)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("the output says not how to repeat it:\n%s", out)
	}
	want := regexp.MustCompile("drew .*").FindString(caseOf(out, m[1]))
	if want == "" {
		t.Fatalf("the output says not what seed %s drew:\n%s", m[1], out)
	}
	for range 10 {
		again, err := failing(t, m[1])
		if got := regexp.MustCompile("drew .*").FindAllString(again, -1); err == nil || !cmp.Equal(got, []string{want}) {
			t.Errorf("repeated: %v, %q; want a failure with only %q", err, got, want)
		}
	}
}

// caseOf is what a case wrote.
func caseOf(out, seed string) string {
	_, after, _ := strings.Cut(out, "/seed="+seed+" ")
	return after
}

func failing(t *testing.T, seed string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFailsByChance$")
	cmd.Env = append(os.Environ(), "FAULTTEST_FAIL=yes", SizeVariable+"=", BudgetVariable+"=", SeedVariable+"="+seed)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestFailsByChance is what TestAFailureCanBeRepeated runs.
func TestFailsByChance(t *testing.T) {
	t.Parallel()
	fail := os.Getenv("FAULTTEST_FAIL") != ""
	t.Run("with a name.", func(t *testing.T) {
		t.Parallel()
		Run(t, Sweep{Small: 400, Large: 400}, func(c *Case) {
			if drawn := c.Rand.Uint64(); fail && drawn%4 == 0 {
				c.Errorf("drew %d, then %d", drawn, c.Rand.Uint64())
			}
		})
	})
}

func TestSizes(t *testing.T) {
	t.Parallel()
	usual := size{cases: 100, every: 1}
	if raced || testing.Short() {
		usual = size{cases: 10, every: 10}
	}
	one := uint64(18446744073709551615)
	for _, c := range []struct {
		env  map[string]string
		want size
		fail bool
	}{
		{env: nil, want: usual},
		{env: map[string]string{SizeVariable: "small"}, want: size{cases: 100, every: 1}},
		{env: map[string]string{SizeVariable: "large"}, want: size{cases: 5000, every: 1}},
		{env: map[string]string{SizeVariable: "large", BudgetVariable: "90s"}, want: size{cases: 5000, every: 1, budget: 90 * time.Second}},
		{env: map[string]string{SizeVariable: "large", SeedVariable: "18446744073709551615"}, want: size{only: &one}},
		{env: map[string]string{SizeVariable: "huge"}, fail: true},
		{env: map[string]string{BudgetVariable: "10"}, fail: true},
		{env: map[string]string{BudgetVariable: "-1s"}, fail: true},
		{env: map[string]string{SeedVariable: "seven"}, fail: true},
	} {
		got, err := Sweep{Small: 100, Large: 5000}.size(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
		if (err != nil) != c.fail || !c.fail && !cmp.Equal(got, c.want, cmp.AllowUnexported(size{})) {
			t.Errorf("%v: %+v, %v", c.env, got, err)
		}
	}
}

//nolint:paralleltest // it sets the environment
func TestBudgetsAndNumbers(t *testing.T) {
	for name, value := range map[string]string{SeedVariable: "", SizeVariable: "large", BudgetVariable: "1ns"} {
		t.Setenv(name, value)
	}
	t.Run("a budget ends a sweep", func(t *testing.T) {
		ran := 0
		Run(t, Sweep{Small: 1, Large: 1 << 40, Workers: 1}, func(*Case) { ran++ })
		if ran > 1 {
			t.Errorf("%d cases in a nanosecond", ran)
		}
	})
	t.Setenv(BudgetVariable, "")
	t.Run("numbers come in order, until it is enough", func(t *testing.T) {
		var seen []uint64
		Run(t, Sweep{Small: 1, Large: 100, Numbered: true, Workers: 1}, func(c *Case) {
			if seen = append(seen, c.Seed); c.Seed == 4 {
				c.Enough()
			}
		})
		if diff := cmp.Diff([]uint64{1, 2, 3, 4}, seen); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("each number once", func(t *testing.T) {
		var mu sync.Mutex
		seen := map[uint64]int{}
		Run(t, Sweep{Small: 1, Large: 100, Numbered: true, Workers: 8}, func(c *Case) {
			mu.Lock()
			defer mu.Unlock()
			seen[c.Seed]++
		})
		if len(seen) != 100 || seen[1] != 1 || seen[100] != 1 {
			t.Errorf("%d numbers: %v", len(seen), seen)
		}
	})
	t.Setenv(SeedVariable, "77")
	t.Run("one seed is one case", func(t *testing.T) {
		var seen []string
		for range 2 {
			Run(t, Sweep{Small: 9, Large: 9}, func(c *Case) {
				seen = append(seen, strconv.FormatUint(c.Seed, 10), fmt.Sprint(c.Rand.Uint64()))
			})
		}
		if len(seen) != 4 || seen[0] != "77" || !cmp.Equal(seen[:2], seen[2:]) {
			t.Errorf("ran %v", seen)
		}
	})
}
