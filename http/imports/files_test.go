package imports_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	crmhttp "crm/http"
	"crm/http/access"
	"crm/http/imports"
)

// endless is a body of so many bytes, which are nowhere.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := int(min(e.left, int64(len(p))))
	clear(p[:n])
	e.left -= int64(n)
	return n, nil
}

// A file of the limit is taken in without ever being in memory; one of a byte more is
// refused, whether its sender tells its length or not, and leaves nothing.
//
//nolint:paralleltest // the heap is looked at, which tests beside would fill
func TestLargeFiles(t *testing.T) {
	w := newWorld(t)
	id := w.prepare(house)
	var high atomic.Uint64
	watched, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for watched.Err() == nil {
			var m runtime.MemStats
			runtime.GC() // what is left is what is held
			runtime.ReadMemStats(&m)
			high.Store(max(high.Load(), m.HeapAlloc))
			time.Sleep(50 * time.Millisecond)
		}
	}()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, told := range []bool{true, false} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.url+"/v1/imports/"+id+"/files/people.csv", &endless{imports.MaxFile + 1})
		if err != nil {
			t.Fatal(err)
		}
		if told {
			request.ContentLength = imports.MaxFile + 1
		}
		request.Header.Set("Authorization", "Bearer "+key)
		response, err := http.DefaultClient.Do(request)
		if err != nil && told {
			continue // the server has answered and closed before all was sent
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body) // what is cut off has no slug
		response.Body.Close()
		if response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(text), "import-file-too-large") {
			t.Errorf("told %t: %d %s", told, response.StatusCode, text)
		}
	}
	if grown := int64(high.Load()) - int64(before.HeapAlloc); grown > imports.MaxFile/4 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	var left int
	if err := w.pool.QueryRow(t.Context(), "SELECT count(*) FROM crm.import_chunks").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d chunks of refused files are left, %v", left, err)
	}
}

// A sender who is slow, or goes, is given time and leaves nothing.
func TestSlowUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.prepare(house)
	from, to := io.Pipe()
	over := make(chan int, 1)
	go func() {
		status, _ := w.try(http.MethodPut, "/v1/imports/"+id+"/files/people.csv", from)
		over <- status
	}()
	for _, piece := range []string{"id,name,", "job,colour,", "mail,may,call\n", "1,Ada,,,,no,\n"} {
		if _, err := io.WriteString(to, piece); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // each piece is a read of its own
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if status := <-over; status != http.StatusOK {
		t.Fatalf("a slow upload: %d", status)
	}
	if found := w.show(id); len(found.Files) != 1 || found.Files[0].Size != 46 {
		t.Errorf("it left %+v", found.Files)
	}
}

// A file whose sender goes before its end is none, however its length was said.
func TestCutUpload(t *testing.T) {
	t.Parallel()
	for said, sent := range map[string]string{
		"Content-Length: 100":        "sku,name\na,",
		"Transfer-Encoding: chunked": "b\r\nsku,name\na,\r\n",
		"Transfer-Encoding: Chunked": "f\r\nsku,name\na,", // in the middle of a chunk
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.prepare(house)
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(conn, "PUT /v1/imports/%s/files/goods.csv HTTP/1.1\r\nHost: crm\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n%s", id, key, said, sent); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if answer, err := io.ReadAll(response.Body); response.StatusCode != http.StatusBadRequest || !strings.Contains(string(answer), "did not arrive to its end") {
				t.Errorf("%d %s %v", response.StatusCode, answer, err)
			}
			var left int
			if err := w.pool.QueryRow(t.Context(), "SELECT count(*) FROM crm.import_files WHERE import = $1", id).Scan(&left); err != nil || left > 0 {
				t.Errorf("%d files are left, %v", left, err)
			}
		})
	}
}

// No cell of an answer is a formula to a spreadsheet.
func TestFormulas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, cell := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|calc", "＝1"} {
		var file bytes.Buffer
		out := csv.NewWriter(&file)
		// The first has no name and is rejected, so that both answers hold the cell.
		_ = out.WriteAll([][]string{{"id", "name", "job", "colour", "mail", "may", "call"}, {uuid.NewString(), "", cell, cell, cell, "no", ""}, {uuid.NewString(), "Ada", cell, "", "", "no", ""}})
		id := w.bring(house, "people.csv", file.String()).ID.String()
		for _, path := range []string{"/failed", "/successful", "/failed?file=people.csv", "/successful?file=people.csv"} {
			rows, err := csv.NewReader(strings.NewReader(w.must(http.MethodGet, "/v1/imports/"+id+path, nil))).ReadAll()
			if err != nil || len(rows) < 2 {
				t.Fatalf("%q, %s: %d rows, %v", cell, path, len(rows), err)
			}
			for _, row := range rows {
				for _, got := range row {
					if got != "" && (strings.ContainsRune("=+-@\t\r\n\x00|", rune(got[0])) || strings.HasPrefix(got, "＝")) {
						t.Errorf("%s has the cell %q", path, got)
					}
				}
			}
		}
	}
}

// Files and what became of rows are deleted when their time is over; the import, and
// what it has brought, stay.
func TestFilesExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *crmhttp.Config) { cfg.Imports.Keep = time.Nanosecond })
	done := w.bring(house, "people.csv", "id,name,job,colour,mail,may,call\n1,Ada,,,,no,\n")
	if err := imports.Tidy(w.jobs(), t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := w.show(done.ID.String()); !found.Forgotten || len(found.Files) != 0 || found.Progress.Rows != 1 {
		t.Errorf("afterwards: %+v", found)
	}
	var left int
	if err := w.pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM crm.import_chunks) + (SELECT count(*) FROM crm.import_rows)").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d chunks and rows are left, %v", left, err)
	}
	if status, text := w.try(http.MethodGet, "/v1/imports/"+done.ID.String()+"/successful", nil); status != http.StatusConflict || !strings.Contains(text, "import-files-deleted") {
		t.Errorf("results: %d %s", status, text)
	}
	w.undo(done.ID) // what to take back is known without files
}

// Who follows an import keeps no place among the reads: where there is one, others get in
// between two looks.
func TestFollowingAnImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *crmhttp.Config) { cfg.ReadsAtOnce, cfg.Patience = 1, patience })
	id := w.prepare(house, "people.csv", "id,name,job,colour,mail,may,call\n1,Ada,,,,no,\n")
	w.stop() // nobody works on it: there is nothing to tell
	w.must(http.MethodPost, "/v1/imports/"+id+"/start", map[string]string{})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/imports/"+id+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	told := func(status string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), `"status":"`+status+`"`) {
				return
			}
		}
		t.Fatalf("it is not told that the import is %s: %v", status, lines.Err())
	}
	told("running")
	for range 3 {
		w.must(http.MethodGet, "/v1/imports", nil)
	}
	if text := w.must(http.MethodGet, "/metrics", nil); !strings.Contains(text, `crm_http_overloaded_total{kind="read"} 0`) {
		t.Errorf("while one follows, the metrics say\n%s", text)
	}
	w.run()
	told("finished")
}

// A mapping whose few lines stand for thousands of millions is refused, and soon.
func TestAliasBomb(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var bomb strings.Builder
	bomb.WriteString("name: bomb\nfiles: []\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := range 12 {
		n, before := string(rune('1'+i)), "*a"+string(rune('0'+i))
		bomb.WriteString("a" + n + ": &a" + n + " [" + strings.TrimSuffix(strings.Repeat(before+",", 10), ",") + "]\n")
	}
	body := strings.NewReader(`{"mapping_text":` + strconv.Quote(bomb.String()) + `}`)
	if status, text := w.try(http.MethodPost, "/v1/imports", body, "Content-Type", "application/json"); status != http.StatusUnprocessableEntity {
		t.Errorf("%d %.300s", status, text)
	}
}

// A mapping that would have rows issue keys, or anything else that is no data, is refused
// and told what rows can become.
func TestRowsAreData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, command := range []string{"apikey.issue", "webhook.register", "import.start", "readmodel.retry"} {
		mapping := "name: m\nfiles:\n  - {name: rows, match: \"*\", entity: e, key: \"${id}\", commands: [{command: " + command + "}]}\n"
		body := strings.NewReader(`{"mapping_text":` + strconv.Quote(mapping) + `}`)
		status, text := w.try(http.MethodPost, "/v1/imports", body, "Content-Type", "application/json")
		if status != http.StatusUnprocessableEntity || !strings.Contains(text, `"/mapping_text"`) || !strings.Contains(text, "no row can become a command") || !strings.Contains(text, command) {
			t.Errorf("%s: %d %s", command, status, text)
		}
	}
	if n := w.events(); n != 0 {
		t.Errorf("%d events", n)
	}
}

// away is a log that does not answer for a while.
type away struct {
	commands.Log
	fails atomic.Int64
	with  error
}

func (a *away) Append(ctx context.Context, stream domain.Stream, expected domain.Revision, events []domain.Proposed) (domain.Receipt, error) {
	if stream.Category() == "customer" && a.fails.Add(-1) >= 0 {
		return domain.Receipt{}, a.with
	}
	return a.Log.Append(ctx, stream, expected, events)
}

// An import waits for an event store that is away, and tries again where the server
// stumbles; nothing is stored twice.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]error{"away": domain.ErrStoreUnavailable, "a stumble": errors.New("a stumble")} {
		var log *away
		w := newWorld(t)
		w.stop()
		log = &away{Log: w.log, with: with}
		log.fails.Store(3)
		w = worldOnLog(t, w.pool, w.log, func(cfg *crmhttp.Config) { cfg.Commands = commands.New(log, commands.Config{}) })
		done := w.bring(house, "people.csv", "id,name,job,colour,mail,may,call\n1,Ada,,,,no,\n2,Grace,,,,no,\n")
		if done.Progress.Rows != 2 || done.Progress.Rejected != 0 {
			t.Errorf("%s: %+v", name, done.Progress)
		}
		if log.fails.Load() > 0 {
			t.Errorf("%s: the log was asked too seldom to fail", name)
		}
		if n := w.events(); n != 3 { // two customers and the pipeline
			t.Errorf("%s: %d events", name, n)
		}
		w.stop()
	}
}

// An import whose creator may not import any more does not go on in their name, and goes
// on in that of who resumes it.
func TestRoleWithdrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.prepare(house, "people.csv", "id,name,job,colour,mail,may,call\n1,Ada,,,,no,\n")
	w.stop()
	w.must(http.MethodPost, "/v1/imports/"+id+"/start", map[string]string{})
	w.server.ReplaceKeys(map[string]crmhttp.Key{"tester": {Hash: crmhttp.HashKey(key), Role: access.Reader}})
	w.run()
	deadline := time.Now().Add(patience)
	for status := ""; status != "failed"; time.Sleep(5 * time.Millisecond) {
		if err := w.pool.QueryRow(t.Context(), "SELECT status FROM crm.imports WHERE id = $1", id).Scan(&status); err != nil {
			t.Fatal(err)
		}
		if status == "finished" || time.Now().After(deadline) {
			t.Fatalf("the import is %s", status)
		}
	}
	if n := w.events(); n != 0 {
		t.Errorf("%d events in the name of who may not import", n)
	}
	// Somebody else goes on with it, in their own name.
	w.server.ReplaceKeys(map[string]crmhttp.Key{"other": {Hash: crmhttp.HashKey(key), Role: access.Admin}})
	w.must(http.MethodPost, "/v1/imports/"+id+"/resume", map[string]string{})
	if found := w.wait(id); found.Progress.Rows != 1 || found.Progress.Rejected != 0 {
		t.Errorf("resumed: %+v", found)
	}
	for _, recorded := range w.log.All(domain.Position{}) {
		if recorded.Stream.Category() == "customer" && recorded.Meta.Actor != "other" {
			t.Errorf("%s in the name of %s", recorded.Event.EventType(), recorded.Meta.Actor)
		}
	}
}
