package importing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// client sends commands to the API until each has an answer.
type client struct {
	http     *http.Client
	url, key string
	pause    func(ctx context.Context, d time.Duration) error
	note     func(format string, args ...any) // says that the server is away
	requests atomic.Int64
	retries  atomic.Int64
}

func newClient(server, key string, parallel int, note func(string, ...any)) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = parallel
	return &client{
		http: &http.Client{Transport: transport, Timeout: time.Minute},
		url:  strings.TrimSuffix(server, "/") + "/v1/commands",
		key:  key, pause: sleep, note: note,
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// Outcome is the answer to one command: an HTTP status, how many events the
// command left, or the problem.
type Outcome struct {
	Status  int     `json:"status"`
	Events  int     `json:"events"`
	Problem Problem `json:"problem"`
}

func (o Outcome) refused() bool { return o.Status >= 400 }

// Send gives an outcome for each command. More than fit into a request go in
// several, one after the other. The error is fatal: the context ended, or the
// server wants nothing to do with us.
func (c *client) Send(ctx context.Context, commands []*Command) ([]Outcome, error) {
	outcomes := make([]Outcome, 0, len(commands))
	for len(commands) > 0 {
		n, size := 0, 0
		for n < len(commands) && n < maxCommands && (n == 0 || size+commands[n].size() <= maxRequest) {
			size += commands[n].size()
			n++
		}
		got, err := c.ask(ctx, commands[:n])
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, got...)
		commands = commands[n:]
	}
	return outcomes, nil
}

// maxTries is how often a request is made whose answer is an error of the server
// that waiting may not mend (500).
const maxTries = 5

// ask makes one request, as often as it takes. A request whose answer was lost
// is made again as it was: the server recognises the keys.
func (c *client) ask(ctx context.Context, commands []*Command) ([]Outcome, error) {
	body := encode(commands)
	for try := 0; ; try++ {
		outcomes, wait, err := c.post(ctx, body, len(commands))
		refused, final := errors.AsType[*refusal](err)
		switch {
		case err == nil && !transient(outcomes, try):
			return outcomes, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case final && (refused.status != http.StatusInternalServerError || try+1 >= maxTries):
			return c.halve(ctx, commands, refused)
		case err != nil:
			c.note("the server does not take commands now (%v); trying again", err)
		}
		c.retries.Add(1)
		if err := c.pause(ctx, max(wait, backoff(try))); err != nil {
			return nil, err
		}
	}
}

// halve deals with a request that was refused as a whole. Where one command may
// be to blame, the halves are asked one after the other until it stands alone.
func (c *client) halve(ctx context.Context, commands []*Command, r *refusal) ([]Outcome, error) {
	switch r.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default:
		return nil, r
	}
	if len(commands) == 1 {
		return []Outcome{{Status: r.status, Problem: r.problem}}, nil
	}
	first, err := c.ask(ctx, commands[:len(commands)/2])
	if err != nil {
		return nil, err
	}
	second, err := c.ask(ctx, commands[len(commands)/2:])
	return append(first, second...), err
}

// transient reports whether a command's answer may be another one later.
func transient(outcomes []Outcome, try int) bool {
	for _, o := range outcomes {
		switch {
		case o.Status == http.StatusServiceUnavailable, o.Status == http.StatusTooManyRequests:
			return true
		case o.Status == http.StatusInternalServerError && try+1 < maxTries:
			return true
		}
	}
	return false
}

// refusal is an answer to a request as a whole that asking again does not mend.
type refusal struct {
	status  int
	problem Problem
}

func (r *refusal) Error() string {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("the server does not accept the API key (%d): %s", r.status, r.problem)
	}
	return fmt.Sprintf("the server refuses the request (%d): %s", r.status, r.problem)
}

// post makes one request. How long to wait is what the server says in
// Retry-After.
func (c *client) post(ctx context.Context, body []byte, n int) ([]Outcome, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("Content-Type", "application/json")
	c.requests.Add(1)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, 0, err
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusMultiStatus:
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, retryAfter(response.Header.Get("Retry-After")), errors.New(response.Status)
	default:
		r := &refusal{status: response.StatusCode}
		if json.Unmarshal(answer, &r.problem) != nil || r.problem.String() == "." {
			r.problem = Problem{Title: response.Status}
		}
		return nil, 0, r
	}
	var results struct {
		Results []Outcome `json:"results"`
	}
	if err := json.Unmarshal(answer, &results); err != nil {
		return nil, 0, fmt.Errorf("the answer is not what was agreed: %w", err)
	}
	if len(results.Results) != n {
		return nil, 0, fmt.Errorf("the answer has %d results for %d commands", len(results.Results), n)
	}
	return results.Results, retryAfter(response.Header.Get("Retry-After")), nil
}

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 16 << 20

func encode(commands []*Command) []byte {
	size := 16
	for _, c := range commands {
		size += c.size()
	}
	body := append(make([]byte, 0, size), `{"commands":[`...)
	for i, c := range commands {
		if i > 0 {
			body = append(body, ',')
		}
		body = c.append(body)
	}
	return append(body, `]}`...)
}

// backoff is how long to wait after the try-th failure, from 0: 100 ms, doubling
// up to 5 s, less up to half of it by chance.
func backoff(try int) time.Duration {
	full := min(100*time.Millisecond<<min(try, 6), 5*time.Second)
	return full - rand.N(full/2) //nolint:gosec // it only spreads the load
}

// retryAfter reads the header in seconds; at most 30 are waited.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, 30*time.Second)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
