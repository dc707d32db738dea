package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is the program too, with the race detector in it: these tests
// start real processes, so that they can kill them.
func TestMain(m *testing.M) {
	if os.Getenv("CRM_TEST_PROGRAM") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// program is a crm process that serves.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	key  string
	errs *lockedBuffer
	done chan struct{}
	err  error // of Wait, after done
}

// lockedBuffer may be read while the process writes.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// command is a crm command line; it has no settings but those given.
func command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "CRM_") {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	cmd.Env = append(cmd.Env, "CRM_TEST_PROGRAM=1")
	return cmd
}

// serving starts a command that serves, and waits for its ready line. There may be
// no key file.
func serving(t *testing.T, keyFile string, args ...string) *program {
	t.Helper()
	p, line := launch(t, args...)
	if p.url == "" {
		t.Fatalf("crm %s: no ready line but %q\n%s", strings.Join(args, " "), line, p.errs)
	}
	if keyFile == "" {
		return p
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(key)) // of a key file the last word
	p.key = words[len(words)-1]
	return p
}

// launch starts a command that is to serve, and waits for its first line, which
// is "" when it ends without one, as it is made to after two minutes. Only when it
// is a ready line has the program a URL.
func launch(t *testing.T, args ...string) (p *program, line string) {
	t.Helper()
	p = &program{t: t, errs: &lockedBuffer{}, done: make(chan struct{})}
	p.cmd = command(context.WithoutCancel(t.Context()), t, args...)
	p.cmd.Stderr = p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	late := time.AfterFunc(2*time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	line, err = bufio.NewReader(out).ReadString('\n')
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if fields := strings.Fields(line); err == nil && len(fields) >= 2 && fields[0] == "ready" {
		p.url = fields[1]
	}
	return p, line
}

// up starts `crm up` in a folder.
func runUp(t *testing.T, data string, more ...string) *program {
	t.Helper()
	return serving(t, filepath.Join(data, "admin.key"), append([]string{"up", "--data", data, "--listen", "127.0.0.1:0", "--wait-timeout", "1m"}, more...)...)
}

// stop asks the program to stop, and checks that it does so soon and well.
func (p *program) stop(signal os.Signal) {
	p.t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.t.Fatalf("does not stop\n%s", p.errs)
	}
	if took := time.Since(began); p.err != nil || took > 10*time.Second {
		p.t.Errorf("stopped after %s with %v\n%s", took, p.err, p.errs)
	}
}

// kill is kill -9. It is harmless on a program that has ended.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// ask sends a request and decodes the answer into what into points to, if
// anything. It gives the status.
func (p *program) ask(method, path, body string, into any) (int, http.Header) {
	p.t.Helper()
	status, header, answer, err := p.try(method, path, body)
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", method, path, err, p.errs)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			p.t.Fatalf("%s %s: %d %s: %v", method, path, status, answer, err)
		}
	}
	return status, header
}

func (p *program) try(method, path, body string) (int, http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, answer, err
}

// must sends a request that has to succeed.
func (p *program) must(method, path, body string, into any) {
	p.t.Helper()
	var answer json.RawMessage
	if status, _ := p.ask(method, path, body, &answer); status/100 != 2 {
		p.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			p.t.Fatalf("%s %s: %s: %v", method, path, answer, err)
		}
	}
}

// accepted is what a command's answer says.
type accepted struct {
	ID       string `json:"id"`
	Revision int64  `json:"revision"`
	Position string `json:"position"`
	Events   int    `json:"events"`
}

// eventually waits until what it is given is true, and fails when it never is.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// runCommand runs a command to its end and gives its exit code and what it said.
func runCommand(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	cmd := command(t.Context(), t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		return exited.ExitCode(), stdout.String(), stderr.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, stdout.String(), stderr.String()
}

// postmaster is the process id of the folder's private Postgres; 0 while it starts.
func postmaster(t *testing.T, data string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "postgres", "data", "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return 0 // just being written
	}
	return pid
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
