package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/cmd/crm/demo"
	"crm/commands"
	"crm/domain"
	"crm/eventstore"
	"crm/eventstore/embedded"
	"crm/eventstore/faulttest"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// openFolder opens the event store of a folder that nobody serves until done is
// called.
func openFolder(t *testing.T, data string) (_ *eventstore.Store, done func()) {
	t.Helper()
	n, err := embedded.Open(embedded.Config{Dir: filepath.Join(data, "events")})
	if err != nil {
		t.Fatal(err)
	}
	l, err := embedded.ListenUnix(filepath.Join(data, "node.sock"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- n.Serve(l) }()
	s, err := eventstore.Open(t.Context(), eventstore.Config{UnixSocket: embedded.Address(l)})
	if err != nil {
		t.Fatal(err)
	}
	return s, func() {
		if err := errors.Join(s.Close(), n.Close(), <-served); err != nil {
			t.Error(err)
		}
	}
}

// demoData is a data folder in which the demo company happened, and nobody is.
func demoData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, done := openFolder(t, dir)
	defer done()
	handler := commands.New(s, commands.Config{})
	err := (&app{commands: handler}).defineDefaultPipeline(t.Context())
	for _, answer := range handler.DoAll(t.Context(), demo.Commands(demo.Config{Organizations: 20})) {
		err = errors.Join(err, answer.Err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A target is a `crm node` that can be killed and started again at its address.
type target struct {
	data, url string
	cmd       *exec.Cmd
}

func (n *target) start(t *testing.T) {
	t.Helper()
	listen := "127.0.0.1:0"
	if n.url != "" {
		listen = strings.TrimSuffix(strings.TrimPrefix(n.url, "esdb://"), "?tls=false")
	}
	n.cmd = command(context.WithoutCancel(t.Context()), t, "node", "--data", n.data, "--listen", listen)
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) != 2 || fields[0] != "ready" {
		t.Fatalf("crm node: no ready line but %q, %v", line, err)
	}
	n.url = fields[1]
}

// kill is kill -9.
func (n *target) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait() // it was killed
}

func startTarget(t *testing.T) *target {
	t.Helper()
	n := &target{data: t.TempDir()}
	n.start(t)
	t.Cleanup(n.kill)
	return n
}

// TestACopyIsKilled kills the copier, or the node that is copied to, at any moment.
// What is done again goes on where it was.
func TestACopyIsKilled(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 2, Large: 100, Workers: 1}, func(c *faulttest.Case) {
		source, to := demoData(c.T), startTarget(c.T)
		inFlight := []string{"1", "8", "256"}[c.Rand.IntN(3)]
		for range 4 {
			var errs bytes.Buffer
			copier := command(context.WithoutCancel(c.Context()), c.T, "node", "copy", "--data", source, "--to", to.url, "--in-flight", inFlight)
			copier.Stderr = &errs
			if err := copier.Start(); err != nil {
				c.Fatal(err)
			}
			time.Sleep(time.Duration(c.Rand.IntN(1200)) * time.Millisecond) // then, wherever it is
			if c.Rand.IntN(2) == 0 {
				_ = copier.Process.Kill()
				_ = copier.Wait() // it was killed, or had ended
				continue
			}
			to.kill()
			to.start(c.T)
			if err := copier.Wait(); err != nil {
				c.Fatalf("the copier did not survive the target: %v\n%s", err, &errs)
			}
		}
		code, out, errs := runCommand(c.T, "node", "copy", "--data", source, "--to", to.url)
		if code != 0 || !strings.Contains(out, "verified: the same") {
			c.Fatalf("exit %d: %s%s", code, out, errs)
		}
		code, again, errs := runCommand(c.T, "node", "copy", "--data", source, "--to", to.url, "--verify-only")
		if digests := regexp.MustCompile("sha256:[0-9a-f]{64}").FindAllString(out+again, -1); code != 0 || len(digests) != 4 || digests[0] != digests[3] {
			c.Errorf("exit %d: %s%s", code, again, errs)
		}
	})
}

// TestReadModelsOfACopy: whoever stands on the copy sees what was seen before,
// recorded times included.
func TestReadModelsOfACopy(t *testing.T) {
	t.Parallel()
	source, to := demoData(t), startTarget(t)
	before := readModels(t, source)
	if code, out, errs := runCommand(t, "node", "copy", "--data", source, "--to", to.url); code != 0 || !strings.HasPrefix(out, "copied ") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	to.kill()
	if diff := cmp.Diff(before, readModels(t, to.data)); diff != "" {
		t.Errorf("(-original +copy):\n%.2000s", diff)
	}
	if len(before) < 4 {
		t.Errorf("there were %d read models", len(before))
	}
	// A production that has moved on is not overwritten, nor taken for the same.
	to.start(t)
	s, err := eventstore.Open(t.Context(), eventstore.Config{ConnectionString: to.url})
	if err != nil {
		t.Fatal(err)
	}
	more := demo.Commands(demo.Config{Seed: 2, Organizations: 1})[:1]
	for _, answer := range commands.New(s, commands.Config{}).DoAll(t.Context(), more) {
		if answer.Err != nil {
			t.Error(answer.Err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if code, out, errs := runCommand(t, "node", "copy", "--data", source, "--to", to.url, "--verify-only"); code != exitFailed ||
		!strings.Contains(out, "NOT the same") || !strings.Contains(errs, "goes on where the source ends") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

var positions = regexp.MustCompile(`"(position|[a-z_]+_position)": \d+`)

// readModels builds all read models of a folder, less the positions in its log.
func readModels(t *testing.T, data string) map[string][]string {
	t.Helper()
	pool := projectionstest.Pool(t)
	history := historyOf(t, data)
	models := map[string][]string{}
	for _, p := range readmodels.NewModels(pool).Projections() {
		if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Batches(history, 1000)...); err != nil {
			t.Fatal(err)
		}
		tables, err := projectionstest.Tables(t.Context(), pool, p.Name())
		if err != nil {
			t.Fatal(err)
		}
		for name, rows := range tables {
			for _, row := range rows {
				models[p.Name()+"."+name] = append(models[p.Name()+"."+name], positions.ReplaceAllString(row, ""))
			}
		}
	}
	return models
}

// historyOf is all events of a folder that nobody serves.
func historyOf(t *testing.T, data string) []domain.Recorded {
	t.Helper()
	s, done := openFolder(t, data)
	defer done()
	end, _, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	subscriber := eventstore.NewSubscriber(s, eventstore.SubscriberConfig{})
	defer func() { _ = subscriber.Close() }()
	messages, err := subscriber.Subscribe(t.Context(), eventstore.All)
	if err != nil {
		t.Fatal(err)
	}
	var history []domain.Recorded
	for at := (domain.Position{}); at.Before(end); {
		msg := <-messages
		batch, _ := eventstore.BatchOf(msg.Context())
		history = append(history, batch.Events...)
		at = batch.Through
		msg.Ack()
	}
	return history
}

func TestCopyIsRefused(t *testing.T) {
	t.Parallel()
	source, to := demoData(t), startTarget(t)
	missing := t.TempDir()
	for want, args := range map[string][]string{
		"holds no event store":   {"--data", missing, "--to", to.url},
		"the same event store":   {"--data", to.data, "--to", to.url},
		"--to is empty":          {"--data", source, "--to", ""},
		"--in-flight 0":          {"--data", source, "--to", to.url, "--in-flight", "0"},
		"gave up":                {"--data", source, "--to", "esdb://127.0.0.1:1?tls=false", "--patience", "100ms"},
		"connection string":      {"--data", source, "--to", "nowhere"},
		"would leave them out":   {"--data", source, "--to", "esdb://u:p@127.0.0.1:1?tls=false"},
		"target ends after 0 of": {"--data", source, "--to", to.url, "--verify-only"},
	} {
		if code, _, errs := runCommand(t, append([]string{"node", "copy"}, args...)...); code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
}
