package main

import (
	"fmt"
	"os"
	"strings"
)

// connection is how a client subcommand finds a server.
type connection struct {
	Server  string `default:"http://127.0.0.1:8080" env:"CRM_SERVER" placeholder:"URL" help:"Base URL of the server. Default ${default}."`
	KeyFile string `default:".crm/admin.key" env:"CRM_CLIENT_KEY_FILE" placeholder:"FILE" help:"File with the API key. Default ${default}, where crm up puts it."`
}

// key reads the API key.
func (c *connection) key() (string, error) {
	text, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return "", usage(fmt.Errorf("--key-file: %w", err))
	}
	return strings.TrimSpace(string(text)), nil
}
