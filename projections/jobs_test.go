package projections_test

import (
	"strings"
	"sync"
	"testing"

	"crm/domain"
	"crm/projections"
)

// Of many jobs the last ones are remembered, and those at work however old they are.
func TestJobsForgetWhatIsOver(t *testing.T) {
	t.Parallel()
	events := history(100)
	pool := built(t, notes{name: "notes"}, events)
	atWork, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := notes{name: "notes", apply: func(*projections.Writer, domain.Recorded) error {
		once.Do(func() { close(atWork); <-goOn })
		return nil
	}}
	jobs := projections.NewJobs(rebuilder(pool, newSource(events, 50), slow))
	t.Cleanup(jobs.Close)
	t.Cleanup(func() { close(goOn) })
	long, err := jobs.Rebuild(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	<-atWork
	for range 60 {
		short, err := jobs.Diff("notes", 8, 9, 0) // versions that there are not
		if err != nil {
			t.Fatal(err)
		}
		for short.State == projections.JobRunning {
			now, changed, err := jobs.Find(short.ID)
			if err != nil {
				t.Fatal(err)
			}
			if short = now; short.State == projections.JobRunning {
				<-changed
			}
		}
	}
	if now, _, err := jobs.Find(long.ID); err != nil || now.State != projections.JobRunning {
		t.Errorf("the one at work: %s, %v", now.State, err)
	}
	if n := len(jobs.List()); n != 50 {
		t.Errorf("%d jobs are remembered", n)
	}
}

// A job that failed says why, of each read model.
func TestJobSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	events := history(100)
	pool := built(t, notes{name: "good"}, events)
	cfg := rebuildConfig(newSource(events, 50))
	cfg.Parking.Max = -1
	ill := func(*projections.Writer, domain.Recorded) error { panic(canary) }
	jobs := projections.NewJobs(projections.NewRebuilder(pool, cfg,
		notes{name: "bad", apply: ill}, notes{name: "good"}, notes{name: "worse", apply: ill}))
	t.Cleanup(jobs.Close)
	over := func(job projections.Job, err error) projections.Job {
		t.Helper()
		for err == nil && job.State == projections.JobRunning {
			var changed <-chan struct{}
			if job, changed, err = jobs.Find(job.ID); err == nil && job.State == projections.JobRunning {
				<-changed
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	why := over(jobs.Rebuild(nil, false)).Failure
	if !strings.HasPrefix(why, "bad: panic") || !strings.Contains(why, "; worse: panic") || strings.Contains(why, canary) {
		t.Errorf("it says %q", why)
	}
	if why := over(jobs.Verify([]string{"bad"}, 1)).Failure; why != projections.ErrNoTables.Error() {
		t.Errorf("it says %q", why)
	}
}
