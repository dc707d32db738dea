package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"
)

// connection is how a client subcommand finds a server.
type connection struct {
	Server  string `default:"http://127.0.0.1:8080" env:"CRM_SERVER" placeholder:"URL" help:"Base URL of the server. Default ${default}."`
	KeyFile string `default:".crm/admin.key" env:"CRM_CLIENT_KEY_FILE" placeholder:"FILE" help:"File with the API key. Default ${default}, where crm up puts it."`
	trust
}

// Validate is called with what was parsed.
func (c *connection) Validate() error { return checkServer(c.Server) }

// checkServer refuses what no request can be sent to.
func checkServer(server string) error {
	at, err := url.Parse(server)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "" {
		return fmt.Errorf("--server %q is not a URL such as http://127.0.0.1:8080", server)
	}
	return nil
}

// key reads the API key: the only word in its file.
func (c *connection) key() (string, error) {
	text, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return "", usage(fmt.Errorf("--key-file: %w", err))
	}
	words := strings.Fields(string(text))
	if len(words) != 1 {
		return "", usage(fmt.Errorf("--key-file %s does not hold one API key", c.KeyFile))
	}
	return words[0], nil
}
