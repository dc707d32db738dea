package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// call asks the server for what is under /v1. A body makes it a command, under a key of
// its own: it is sent once, and who sends it again after a broken connection makes
// another command of it. The answer is JSON, or whatever it is for an [io.Writer].
func (c *connection) call(ctx context.Context, method, path string, body, into any) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Server, "/")+"/v1"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", uuid.NewString())
	}
	response, err := send(client, key, request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if text, ok := into.(io.Writer); ok {
		_, err := io.Copy(text, response.Body)
		return err
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	return nil
}

// send sends a request, and makes an error of an answer that is a problem.
func send(client *http.Client, key string, request *http.Request) (*http.Response, error) {
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer response.Body.Close()
	var problem struct{ Detail string }
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || problem.Detail == "" {
		return nil, fmt.Errorf("the server answers %s", response.Status)
	}
	err = fmt.Errorf("the server says: %s", problem.Detail)
	switch response.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
		err = usage(err)
	}
	return nil, err
}

// pages are the rows of a list, page after page. Path has a query.
func pages[R any](ctx context.Context, c *connection, path string) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for cursor := ""; ; {
			var page struct {
				Data []R
				Page struct {
					NextCursor *string `json:"next_cursor"`
				}
			}
			if err := c.call(ctx, http.MethodGet, path+cursor, nil, &page); err != nil {
				var none R
				yield(none, err)
				return
			}
			for _, row := range page.Data {
				if !yield(row, nil) {
					return
				}
			}
			if page.Page.NextCursor == nil {
				return
			}
			cursor = "&cursor=" + url.QueryEscape(*page.Page.NextCursor)
		}
	}
}

// reveal sends a command that makes a secret, and prints that and nothing else, so that
// it can be sent into a file. It gives the id of whose it is.
func (c *connection) reveal(ctx context.Context, std streams, path string, body map[string]any) (id string, err error) {
	var answer struct{ ID, Key, Secret, Note string }
	if err := c.call(ctx, http.MethodPost, path, body, &answer); err != nil {
		return "", err
	}
	shown := cmp.Or(answer.Key, answer.Secret)
	if shown == "" {
		return "", errors.New("the server shows no secret: " + answer.Note)
	}
	_, err = fmt.Fprintln(std.out, shown)
	return answer.ID, err
}

// done sends a command and says that it was carried out.
func (c *connection) done(ctx context.Context, std streams, method, path string, body map[string]any, did string) error {
	var answer struct{ Events int }
	if err := c.call(ctx, method, path, body, &answer); err != nil {
		return err
	}
	if answer.Events == 0 {
		did = "it was so already"
	}
	_, err := fmt.Fprintln(std.out, did)
	return err
}

// because is the body of a command that needs no more words than a reason, if any.
func because(reason string) map[string]any {
	if reason == "" {
		return map[string]any{}
	}
	return map[string]any{"reason": reason}
}
