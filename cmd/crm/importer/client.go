package importer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crm/http/importing"
)

// client asks a server until it has an answer.
type client struct {
	http        *http.Client
	server, key string
	pause       func(ctx context.Context, d time.Duration) error
	note        func(format string, args ...any) // says that the server is away
}

func newClient(asks *http.Client, server, key string, note func(string, ...any)) *client {
	return &client{http: cmp.Or(asks, http.DefaultClient), server: strings.TrimSuffix(server, "/") + "/v1/imports", key: key, pause: sleep, note: note}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// Of one try.
const (
	answerWithin = time.Minute
	fileWithin   = 15 * time.Minute
	maxTries     = 5       // where an error of the server may be for good (500)
	maxAnswer    = 1 << 20 // bytes
)

// ask asks, as often as it takes: everything that is asked here may be asked twice. The
// body is made anew for each try. The error is a [refusal] or of ctx.
func (c *client) ask(ctx context.Context, method, path, idempotencyKey string, body func() (io.ReadCloser, string, error), into any) error {
	for try := 0; ; try++ {
		wait, err := c.try(ctx, method, path, idempotencyKey, body, into)
		refused, final := errors.AsType[*refusal](err)
		_, local := errors.AsType[*importing.FileError](err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case local, final && (refused.status != http.StatusInternalServerError || try+1 >= maxTries):
			return err
		}
		c.note("the server does not answer now (%v); trying again", err)
		if err := c.pause(ctx, max(wait, importing.Backoff(try))); err != nil {
			return err
		}
	}
}

func (c *client) try(ctx context.Context, method, path, idempotencyKey string, body func() (io.ReadCloser, string, error), into any) (time.Duration, error) {
	within := answerWithin
	var from io.ReadCloser = http.NoBody
	media := ""
	if body != nil {
		var err error
		if from, media, err = body(); err != nil {
			return 0, err
		}
	}
	if _, isText := into.(*rejects); isText || media == octets {
		within = fileWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, from)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	if media != "" {
		request.Header.Set("Content-Type", media)
	}
	if idempotencyKey != "" {
		request.Header.Set("Idempotency-Key", idempotencyKey)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	wait := retryAfter(response.Header.Get("Retry-After"))
	switch status := response.StatusCode; {
	case status < http.StatusMultipleChoices:
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= http.StatusBadGateway:
		return wait, errors.New(response.Status)
	default:
		r := &refusal{status: status}
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // what did not come explains nothing
		if json.Unmarshal(text, &r.problem) != nil || r.problem.Type == "" {
			r.problem = importing.Problem{Title: response.Status}
		}
		return wait, r
	}
	switch into := into.(type) {
	case nil:
		return 0, nil
	case *rejects:
		return 0, into.fetch(response.Body)
	default:
		return 0, json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into)
	}
}

const octets = "application/octet-stream"

// words is a body of JSON.
func words(value any) func() (io.ReadCloser, string, error) {
	return func() (io.ReadCloser, string, error) {
		text, err := json.Marshal(value)
		return io.NopCloser(bytes.NewReader(text)), "application/json", err
	}
}

// refusal is an answer that asking again does not mend.
type refusal struct {
	status  int
	problem importing.Problem
}

func (r *refusal) Error() string {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("the server does not accept the API key (%d): %s", r.status, r.problem)
	}
	return fmt.Sprintf("the server refuses the import (%d): %s", r.status, r.problem)
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
