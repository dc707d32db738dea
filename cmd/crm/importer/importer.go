package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"crm/http/importing"
)

// Options are what the user asks for.
type Options struct {
	Mapping    string       // the name of a built-in mapping, or a YAML file
	Server     string       // URL of the API, such as http://127.0.0.1:8080
	Key        string       // API key
	Client     *http.Client // asks the server; nil for the default one
	Paths      []string     // files, and folders whose files are meant
	DryRun     bool         // say what would happen, and ask no server
	ErrorsFile string       // where rejected rows go; "" keeps none
	Out        io.Writer    // what is said to the user; nil says nothing
	Terminal   bool         // Out is a terminal: draw a progress bar

	pause func(context.Context, time.Duration) error // tests do not wait
}

// Summary is what an import came to.
type Summary struct {
	ID         uuid.UUID      // of the import; none on a dry run
	Rows       int            // read, good and bad
	Rejected   int            // rows with at least one reason in the errors file
	Updated    int            // rows that changed what an earlier import brought
	Commands   map[string]int // accepted by the server, by name; on a dry run: to be sent
	ErrorsFile string         // "" when no row was rejected, or none was asked for
	Took       time.Duration
}

// ErrInterrupted is an import that was cancelled because the context ended.
var ErrInterrupted = errors.New("interrupted; the import was cancelled, run it again and it goes on where it was")

// Run imports files through the API. It returns when every row is stored or rejected,
// with a nil error also when rows were rejected: the summary tells. The error is of the
// mapping, of a file that cannot be read, of the server refusing us, or
// [ErrInterrupted].
func Run(ctx context.Context, o Options) (Summary, error) {
	started := time.Now()
	if o.Out == nil {
		o.Out = io.Discard
	}
	p, text, err := importing.Load(o.Mapping)
	if err != nil {
		return Summary{}, err
	}
	files, left, err := p.Local(o.Paths, o.ErrorsFile)
	if err != nil {
		return Summary{}, err
	}
	if err := p.Check(files); err != nil {
		return Summary{}, err
	}
	rejects, err := newRejects(o.ErrorsFile)
	if err != nil {
		return Summary{}, err
	}
	r := &run{options: o, plan: p, files: files, names: names(files), rejects: rejects, summary: Summary{Commands: map[string]int{}}}
	for _, path := range left {
		r.say("left out: %s", path)
	}
	if o.DryRun {
		err = r.dry(ctx)
	} else {
		err = r.live(ctx, text)
	}
	file, closeErr := rejects.close()
	r.summary.ErrorsFile, r.summary.Took = file, time.Since(started)
	if err == nil || r.summary.Rows > 0 {
		r.report(r.summary)
	}
	return r.summary, errors.Join(err, closeErr)
}

// names are what the server knows the files by: their base names, with a number in
// front where two are alike.
func names(files []importing.File) []string {
	seen := map[string]bool{}
	all := make([]string, len(files))
	for i, f := range files {
		name := filepath.Base(f.Name)
		for n := 2; seen[name]; n++ {
			name = strconv.Itoa(n) + "/" + filepath.Base(f.Name)
		}
		seen[name], all[i] = true, name
	}
	return all
}

// run is one import under way.
type run struct {
	options Options
	plan    *importing.Plan
	files   []importing.File
	names   []string // of the files, on the server
	rejects *rejects
	client  *client
	show    *progress
	summary Summary

	sent  atomic.Int64 // bytes uploaded
	known atomic.Pointer[state]
}

// state is an import as the server shows it.
type state struct {
	ID       uuid.UUID `json:"id"`
	Status   string    `json:"status"`
	Failure  string    `json:"failure"`
	Progress struct {
		Rows     int            `json:"rows"`
		Rejected int            `json:"rejected"`
		Updated  int            `json:"updated"`
		Commands map[string]int `json:"commands"`
		Bytes    int64          `json:"bytes"`
		BytesOf  int64          `json:"bytes_of"`
	} `json:"progress"`
}

// askEvery is how often the server is asked how far it is.
const askEvery = 250 * time.Millisecond

// live hands the files over and follows the import.
func (r *run) live(ctx context.Context, mapping []byte) error {
	r.show = newProgress(r)
	defer r.show.close()
	r.client = newClient(r.options.Client, r.options.Server, r.options.Key, r.show.note)
	defer r.client.close()
	if r.options.pause != nil {
		r.client.pause = r.options.pause
	}
	id := uuid.New()
	r.summary.ID = id
	path := "/" + id.String()
	body := words(map[string]string{"id": id.String(), "mapping_text": string(mapping)})
	if err := r.client.ask(ctx, http.MethodPost, "", id.String()+"/create", body, nil); err != nil {
		return err
	}
	err := r.handOver(ctx, path)
	if err == nil {
		err = r.follow(ctx, path)
	}
	if errors.Is(err, context.Canceled) {
		return r.cancel(ctx, path)
	}
	if err != nil {
		return err
	}
	if r.summary.Rejected > 0 {
		return r.client.ask(ctx, http.MethodGet, path+"/failed", "", nil, r.rejects.named(r.files, r.names))
	}
	return nil
}

// handOver uploads the files and has them imported.
func (r *run) handOver(ctx context.Context, path string) error {
	for i, f := range r.files {
		before := r.sent.Load()
		upload := func() (io.ReadCloser, string, error) {
			r.sent.Store(before)
			file, err := f.Open()
			if err != nil {
				return nil, "", &importing.FileError{Name: f.Name, Err: err}
			}
			return &counted{file, &r.sent}, octets, nil
		}
		if err := r.client.ask(ctx, http.MethodPut, path+"/files/"+url.PathEscape(r.names[i]), "", upload, nil); err != nil {
			return err
		}
	}
	return r.client.ask(ctx, http.MethodPost, path+"/start", r.summary.ID.String()+"/start", nil, nil)
}

// counted adds up what is read.
type counted struct {
	io.ReadCloser
	sum *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sum.Add(int64(n))
	return n, err
}

// follow waits for the end.
func (r *run) follow(ctx context.Context, path string) error {
	for {
		now := &state{}
		if err := r.client.ask(ctx, http.MethodGet, path, "", nil, now); err != nil {
			return err
		}
		r.known.Store(now)
		p := now.Progress
		r.summary.Rows, r.summary.Rejected, r.summary.Updated, r.summary.Commands = p.Rows, p.Rejected, p.Updated, p.Commands
		switch now.Status {
		case "running":
		case "finished":
			return nil
		case "failed":
			return fmt.Errorf("the import failed: %s", now.Failure)
		default:
			return fmt.Errorf("the import is %s: somebody else has ended it", now.Status)
		}
		if err := r.client.pause(ctx, askEvery); err != nil {
			return err
		}
	}
}

// cancel ends the import on the server, if that can be told so at once.
func (r *run) cancel(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := r.client.ask(ctx, http.MethodPost, path+"/cancel", r.summary.ID.String()+"/cancel", nil, nil)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.status == http.StatusConflict {
		return errors.New("interrupted, but the import was over already")
	}
	if err != nil {
		return fmt.Errorf("interrupted, but the server could not be told (%w): it goes on with import %s", err, r.summary.ID)
	}
	return ErrInterrupted
}

// dry says what the files would become.
func (r *run) dry(ctx context.Context) error {
	r.say("mapping %s: %s", r.plan.Name, r.plan.About)
	all, err := r.plan.DryRun(ctx, r.files, func(row importing.Result) error {
		r.summary.Rejected++
		for _, reason := range row.Reasons {
			if err := r.rejects.add(row.Name, row.Line, reason, row.Raw); err != nil {
				return err
			}
		}
		return nil
	})
	for _, g := range all {
		r.summary.Rows += int(g.Rows)
		for name, n := range g.Commands {
			r.summary.Commands[name] += n
		}
		r.tell(g)
	}
	return err
}

func (r *run) tell(g importing.Glance) {
	if g.File == "" {
		r.say("once")
	} else {
		r.say("%s as %s: %d rows, %d rejected", g.File, g.Section, g.Rows, g.Rejected)
	}
	for _, name := range slices.Sorted(maps.Keys(g.Commands)) {
		r.say("  %7d %s", g.Commands[name], name)
	}
	for _, reason := range g.Reasons {
		r.say("  %7d × rejected: %s", reason.Rows, reason.Reason)
	}
	for i, example := range g.Examples {
		r.say("  example %d", i+1)
		for _, command := range example {
			r.say("    %s", command)
		}
	}
}

// report says what the import came to.
func (r *run) report(s Summary) {
	rate := float64(s.Rows) / max(s.Took.Seconds(), 0.001)
	r.say("%d rows in %s (%.0f rows/s), %d rejected, %d updated", s.Rows, s.Took.Round(time.Millisecond), rate, s.Rejected, s.Updated)
	for _, name := range slices.Sorted(maps.Keys(s.Commands)) {
		r.say("  %7d %s", s.Commands[name], name)
	}
	for _, reason := range r.rejects.first {
		r.say("  rejected %s", reason)
	}
	if s.Rejected > reasonsShown {
		r.say("  and more")
	}
	if s.ErrorsFile != "" {
		r.say("rejected rows are in %s", s.ErrorsFile)
	}
	if s.ID != uuid.Nil {
		r.say("import %s; it can be undone: crm import undo %s --reason …", s.ID, s.ID)
	}
}

// say writes a line to the user. That nobody reads it stops no import.
func (r *run) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.options.Out, format+"\n", args...)
}
