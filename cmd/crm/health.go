package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// health is `crm health`, for containers and scripts.
type health struct {
	Server  string        `default:"http://127.0.0.1:8080" env:"CRM_SERVER" placeholder:"URL" help:"Base URL of the server. Default ${default}."`
	Timeout time.Duration `default:"3s" placeholder:"DURATION" help:"How long the answer may take. Default ${default}."`
	trust
}

// Validate is called with what was parsed.
func (h *health) Validate() error { return checkServer(h.Server) }

// Run asks once.
func (h *health) Run(ctx context.Context, std streams) error {
	client, err := h.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(h.Server, "/")+"/health/ready", nil)
	if err != nil {
		return usage(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close() // the status says it all
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not ready: %s", h.Server, response.Status)
	}
	_, err = fmt.Fprintln(std.out, "ready", h.Server)
	return err
}
