package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a page of a Chromium without a window, spoken to by the Chrome DevTools
// Protocol over a pipe. It reaches nothing but this machine's loopback.
type browser struct {
	t       *testing.T
	write   io.Writer
	session string

	mu       sync.Mutex
	last     int
	waiting  map[int]chan cdp
	asked    []string // URLs that the page has asked for
	problems []string // what it complained of
}

type cdp struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct{ Message string }
}

// openBrowser starts Chromium. Without one a test skips, but for CI (see .ci/chromium).
func openBrowser(t *testing.T) *browser {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no Chromium; make chromium installs it")
		}
		t.Skip("there is no Chromium; make chromium installs it")
	}
	in, toBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromBrowser, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "--headless=new", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(),
		"--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--window-size=1280,1600", // root has no sandbox
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "about:blank")
	cmd.ExtraFiles = []*os.File{in, out} // as 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = in.Close(), out.Close() // the browser has its own
	b := &browser{t: t, write: toBrowser, waiting: map[int]chan cdp{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.listen(fromBrowser)
	}()
	t.Cleanup(func() {
		_ = toBrowser.Close() // upon which it ends
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		<-ended
	})
	var target struct{ TargetID string }
	b.do("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Network", "Runtime", "Log"} {
		b.do(domain+".enable", nil, nil)
	}
	return b
}

// listen takes in what the browser says, messages with a zero behind each, to its end.
func (b *browser) listen(from io.Reader) {
	said := bufio.NewReader(from)
	for {
		text, err := said.ReadBytes(0)
		if err != nil {
			return
		}
		var m cdp
		if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m); err != nil {
			return
		}
		b.mu.Lock()
		switch {
		case m.ID != 0:
			b.waiting[m.ID] <- m
		case m.Method == "Network.requestWillBeSent":
			var of struct{ Request struct{ URL string } }
			_ = json.Unmarshal(m.Params, &of)
			b.asked = append(b.asked, of.Request.URL)
		case m.Method == "Runtime.exceptionThrown", m.Method == "Log.entryAdded" && strings.Contains(string(m.Params), `"level":"error"`):
			b.problems = append(b.problems, string(m.Params))
		}
		b.mu.Unlock()
	}
}

// do has the browser do something, and gives what came of it.
func (b *browser) do(method string, params, into any) {
	b.t.Helper()
	answer := make(chan cdp, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = answer
	b.mu.Unlock()
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		b.t.Fatal(err)
	}
	if b.session != "" {
		text = append(text[:len(text)-1], fmt.Sprintf(`,"sessionId":%q}`, b.session)...)
	}
	if _, err := b.write.Write(append(text, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if into != nil {
			if err := json.Unmarshal(m.Result, into); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
	case <-time.After(time.Minute):
		b.t.Fatalf("%s: no answer", method)
	}
}

// open goes to a page.
func (b *browser) open(url string) {
	b.t.Helper()
	b.do("Page.navigate", map[string]any{"url": url}, nil)
}

// until waits until a JavaScript expression is something, and gives it as a text. What
// the page shows by then is told where it never is.
func (b *browser) until(expression string) string {
	b.t.Helper()
	var got struct {
		Result           struct{ Value string }
		ExceptionDetails json.RawMessage
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		b.do("Runtime.evaluate", map[string]any{"expression": `String((() => { try { return ` + expression + ` } catch { return "" } })() || "")`}, &got)
		if got.Result.Value != "" {
			return got.Result.Value
		}
	}
	shown := struct{ Result struct{ Value string } }{}
	b.do("Runtime.evaluate", map[string]any{"expression": "document.body.innerText"}, &shown)
	b.t.Fatalf("never: %s %s\nthe page shows\n%.3000s", expression, got.ExceptionDetails, shown.Result.Value)
	return ""
}

// click clicks what a CSS selector finds, as soon as it is there.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(e => e && !e.disabled && (e.scrollIntoView(), e.click(), "clicked"))(document.querySelector(%q))`, selector))
}

// enter types a text into a field, over what is there.
func (b *browser) enter(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(e => e && (e.focus(), e.select(), "focused"))(document.querySelector(%q))`, selector))
	b.do("Input.insertText", map[string]any{"text": text}, nil)
}
