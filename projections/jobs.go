package projections

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/domain"
)

// Jobs are the tasks of a [Rebuilder] that a server works on for others, who come
// back to see how far they are. They are this server's: another one, and this one
// after a restart, does not know them, though what a rebuild has begun it goes on
// with. The last ones are kept.
type Jobs struct {
	rebuilder *Rebuilder
	lifetime  context.Context // ends with Close
	end       context.CancelFunc

	mu      sync.Mutex
	closed  bool
	all     []*job // the oldest first
	running sync.WaitGroup
}

// Limits of the jobs of one server.
const (
	jobsAtOnce = 4
	jobsKept   = 50
)

// The refusals of [Jobs].
var (
	// ErrUnknownJob is the id of no job.
	ErrUnknownJob = &domain.Error{
		Code: domain.NotFound, Slug: "unknown-job",
		Detail: "This server has no such job. It may be another server's, or from before a restart.",
	}
	// ErrTooManyJobs is a job more than are worked on at once.
	ErrTooManyJobs = &domain.Error{
		Code: domain.Unavailable, Slug: "too-many-jobs",
		Detail: "The server works on as many such jobs as it takes. Try again when one is over.",
	}
)

// JobState is how a job is.
type JobState string

// The states of a job; it ends in one of the last two.
const (
	JobRunning JobState = "running"
	JobDone    JobState = "done"
	JobFailed  JobState = "failed"
)

// Job is a task as it stands.
type Job struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Task      Task       `json:"task" enum:"rebuild,verify,diff,rollback"`
	State     JobState   `json:"state" enum:"running,done,failed"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	Progress  Progress   `json:"progress"`
	// Failure is why it failed, of each read model that did: a refusal, or a class and a
	// place; never a value.
	Failure string `json:"failure,omitempty"`
	// Version is, of a rollback that is done, of the tables that are read now.
	Version int `json:"version,omitempty" doc:"Of a rollback that is done: of the tables that are read now."`
	// Equal is, of a job that compares and is done, whether nothing differs.
	Equal *bool `json:"equal,omitempty" doc:"Of a verification or a diff that is done: whether nothing differs."`
	// Comparisons are what a job that compares has found.
	Comparisons []Comparison `json:"comparisons,omitempty"`
}

// job is a Job at work.
type job struct {
	mu      sync.Mutex
	shown   Job
	changed chan struct{} // closed with the next change
}

// NewJobs makes jobs for a rebuilder. Close ends them.
func NewJobs(r *Rebuilder) *Jobs {
	j := &Jobs{rebuilder: r}
	j.lifetime, j.end = context.WithCancel(context.Background())
	return j
}

// Close interrupts the jobs at work and waits for them.
func (j *Jobs) Close() {
	j.mu.Lock()
	j.closed = true
	j.end()
	j.mu.Unlock()
	j.running.Wait()
}

// Builds lists the builds of all read models.
func (j *Jobs) Builds(ctx context.Context) ([]BuildStatus, error) { return j.rebuilder.Builds(ctx) }

// Rollback starts [Rebuilder.Rollback].
func (j *Jobs) Rollback(name string) (Job, error) {
	return j.start(RollingBack, []string{name}, func(ctx context.Context, s *job) error {
		version, err := j.rebuilder.Rollback(ctx, name, s.tell)
		if err == nil {
			s.change(func(s *Job) { s.Version = version })
		}
		return err
	})
}

// Cancel is [Rebuilder.Cancel]. A job whose builds are dropped fails.
func (j *Jobs) Cancel(ctx context.Context, name string) (dropped int, err error) {
	return j.rebuilder.Cancel(ctx, name)
}

// Rebuild starts [Rebuilder.Rebuild].
func (j *Jobs) Rebuild(names []string, noSwap bool) (Job, error) {
	return j.start(Rebuilding, names, func(ctx context.Context, s *job) error {
		return j.rebuilder.Rebuild(ctx, names, noSwap, s.tell)
	})
}

// Verify starts [Rebuilder.Verify].
func (j *Jobs) Verify(names []string, keys int) (Job, error) {
	return j.start(Verifying, names, func(ctx context.Context, s *job) error {
		found, err := j.rebuilder.Verify(ctx, names, keys, s.tell)
		s.found(found, err)
		return err
	})
}

// Diff starts [Rebuilder.Diff].
func (j *Jobs) Diff(name string, before, after, keys int) (Job, error) {
	return j.start(Diffing, []string{name}, func(ctx context.Context, s *job) error {
		found, err := j.rebuilder.Diff(ctx, name, before, after, keys, s.tell)
		if err == nil {
			s.found([]Comparison{found}, nil)
		}
		return err
	})
}

func (j *Jobs) start(task Task, names []string, do func(context.Context, *job) error) (Job, error) {
	if _, err := j.rebuilder.find(names); err != nil {
		return Job{}, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	atWork := 0
	for _, other := range j.all {
		if state, _ := other.look(); state.State == JobRunning {
			atWork++
		}
	}
	if j.closed || atWork >= jobsAtOnce {
		return Job{}, ErrTooManyJobs
	}
	started := &job{shown: Job{
		ID: uuid.New(), Task: task, State: JobRunning, StartedAt: time.Now().UTC(),
		Progress: Progress{Task: task, Models: []ModelProgress{}},
	}, changed: make(chan struct{})}
	j.all = append(j.all, started)
	if len(j.all) > jobsKept {
		over := slices.IndexFunc(j.all, func(b *job) bool { state, _ := b.look(); return state.State != JobRunning })
		j.all = slices.Delete(j.all, over, over+1) // there is one: few run at once
	}
	j.running.Go(func() {
		err := do(j.lifetime, started)
		started.change(func(s *Job) { s.end(err) })
		if over, _ := started.look(); over.State == JobFailed {
			j.rebuilder.cfg.Log.LogAttrs(j.lifetime, slog.LevelWarn, string(task)+" failed", slog.String("error", over.Failure))
		}
	})
	shown, _ := started.look()
	return shown, nil
}

// end notes how it ended.
func (s *Job) end(err error) {
	now := time.Now().UTC()
	s.EndedAt, s.State = &now, JobDone
	if err == nil {
		return
	}
	s.State, s.Failure = JobFailed, reason(err)
	if errors.Is(err, context.Canceled) {
		s.Failure = "interrupted: the server stopped"
	}
}

// reason is why something ended, for anybody to see: of each read model, where it is
// about several.
func reason(err error) string {
	if all, ok := errors.AsType[modelErrors](err); ok {
		each := make([]string, len(all))
		for i, of := range all {
			each[i] = of.name + ": " + reason(of.err)
		}
		return strings.Join(each, "; ")
	}
	if failure, ok := errors.AsType[*Failure](err); ok {
		return failure.Error()
	}
	if refusal, ok := errors.AsType[*domain.Error](err); ok {
		return refusal.Error()
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return "Postgres refuses, SQLSTATE " + refused.Code
	}
	return "failed"
}

func (b *job) tell(p Progress) { b.change(func(s *Job) { s.Progress = p }) }

// found notes what a comparison has found, be it in part.
func (b *job) found(all []Comparison, err error) {
	b.change(func(s *Job) {
		if s.Comparisons = all; err == nil {
			equal := !slices.ContainsFunc(all, func(c Comparison) bool { return !c.Equal() })
			s.Equal = &equal
		}
	})
}

func (b *job) change(do func(*Job)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do(&b.shown)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *job) look() (Job, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shown, b.changed
}

// List gives the jobs of this server, the newest first.
func (j *Jobs) List() []Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	shown := make([]Job, 0, len(j.all))
	for _, b := range slices.Backward(j.all) {
		s, _ := b.look()
		shown = append(shown, s)
	}
	return shown
}

// Find gives a job, and what is closed when it changes. It returns [ErrUnknownJob]
// for a strange id.
func (j *Jobs) Find(id uuid.UUID) (Job, <-chan struct{}, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, b := range j.all {
		if shown, changed := b.look(); shown.ID == id {
			return shown, changed, nil
		}
	}
	return Job{}, nil, ErrUnknownJob
}
