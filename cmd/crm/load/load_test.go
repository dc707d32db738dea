package load

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseMix(t *testing.T) {
	t.Parallel()
	mix, err := ParseMix("stage=3, register=1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Mix{"register": 1, "stage": 3}, mix); diff != "" {
		t.Error(diff)
	}
	if again, err := ParseMix(mix.String()); err != nil || !cmp.Equal(mix, again) {
		t.Errorf("%s is read as %v, %v", mix, again, err)
	}
	for _, text := range []string{"", "register", "register=", "register=0", "register=-1", "register=2x", "dance=1", "register=1,,stage=1"} {
		if mix, err := ParseMix(text); err == nil {
			t.Errorf("%q is read as %v", text, mix)
		}
	}
}

// A report keeps commands, reads and the wait for one's own write apart.
func TestReport(t *testing.T) {
	t.Parallel()
	milliseconds := func(from, to int) (samples []time.Duration) {
		for i := to; i >= from; i-- {
			samples = append(samples, time.Duration(i)*time.Millisecond)
		}
		return samples
	}
	report := newReport(Options{Duration: 10 * time.Second, Mix: Mix{"register": 1}}, []*worker{
		{samples: map[string][]time.Duration{"register": milliseconds(1, 50), "card": milliseconds(1, 10)}, failures: map[string]int{"POST: no answer": 2}},
		{samples: map[string][]time.Duration{"register": milliseconds(51, 101), "visible": milliseconds(3, 3)}, failures: map[string]int{"POST: no answer": 1}},
	})
	if report.Commands != 10.1 || report.Reads != 1 {
		t.Errorf("%v commands/s and %v reads/s", report.Commands, report.Reads)
	}
	want := Line{Name: "register", Count: 101, PerSecond: 10.1, P50: 51 * time.Millisecond, P99: 100 * time.Millisecond, Max: 101 * time.Millisecond}
	if diff := cmp.Diff(want, report.Lines[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var out strings.Builder
	if err := report.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"51.0 ms", "all commands", "all reads", "visible", "failed 3 times: POST: no answer"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}
