package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ask asks the server about keys, as call does.
func (c *connection) ask(ctx context.Context, method, path string, body, into any) error {
	return c.call(ctx, method, "/keys"+path, body, into)
}

// call asks the server for what is under /v1. A body makes it a command, under a key of
// its own: it is sent once, and who sends it again after a broken connection makes
// another command of it. The answer is JSON, or whatever it is for an [io.Writer].
func (c *connection) call(ctx context.Context, method, path string, body, into any) error {
	key, err := c.key()
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
	response, err := (&remoteModels{server: c.Server, key: key}).do(request)
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
