package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"crm/domain/apikey"
)

// keyTools is `crm keys`.
type keyTools struct {
	List   keysList   `cmd:"" help:"List the API keys, also the revoked: what each may do, until when, and when it was last used. Never their secrets."`
	Issue  keysIssue  `cmd:"" help:"Issue an API key and print it. It is shown this once."`
	Rotate keysRotate `cmd:"" help:"Give an API key another secret and print it. It is shown this once."`
	Change keysChange `cmd:"" help:"Change what an API key may do. What is not named stays."`
	Revoke keysRevoke `cmd:"" help:"Revoke an API key for ever. Within a second it lets nobody in."`
}

// keyTerms are the flags of what a key may do.
type keyTerms struct {
	Scope     string        `placeholder:"UUID" help:"Employee to whose customers and deals it is confined. Default: all."`
	Masked    bool          `help:"Hide personal data also where the role would see it."`
	ExpiresIn time.Duration `placeholder:"DURATION" help:"How long it is good, such as 2160h. Default: for ever."`
	RateLimit int           `placeholder:"N" help:"Requests a second. Default: what the server grants every key."`
}

// body is what a command says of them; what is zero it leaves out.
func (k *keyTerms) body(role, reason string) map[string]any {
	body := map[string]any{}
	set := func(name string, value any, given bool) {
		if given {
			body[name] = value
		}
	}
	set("role", role, role != "")
	set("reason", reason, reason != "")
	set("scope", k.Scope, k.Scope != "")
	set("masked", true, k.Masked)
	set("expires_at", time.Now().Add(k.ExpiresIn).UTC().Truncate(time.Second), k.ExpiresIn != 0)
	set("rate_limit", k.RateLimit, k.RateLimit != 0)
	return body
}

// keysIssue is `crm keys issue`.
type keysIssue struct {
	Name   string `arg:"" help:"Its name, which is the actor of all that it does: a-z, 0-9, dot, hyphen, underscore. Taken once and for ever."`
	Role   string `required:"" enum:"reader,sales,marketing,service,analyst,auditor,admin" help:"What it may do: ${enum}."`
	Reason string `required:"" help:"Why, for the history."`
	keyTerms
	connection
}

// Run prints the key and nothing else, so that it can be sent into a file.
func (i *keysIssue) Run(ctx context.Context, std streams) error {
	body := i.body(i.Role, i.Reason)
	body["name"] = i.Name
	return i.reveal(ctx, std, "", body)
}

// keysRotate is `crm keys rotate`.
type keysRotate struct {
	Name    string        `arg:"" help:"Name of the key."`
	Overlap time.Duration `placeholder:"DURATION" help:"How long the former secret stays good, 720h at most. Default: it ends at once."`
	Reason  string        `help:"Why, for the history."`
	connection
}

// Run prints the key and nothing else.
func (r *keysRotate) Run(ctx context.Context, std streams) error {
	body := (&keyTerms{}).body("", r.Reason)
	if r.Overlap != 0 {
		body["former_until"] = time.Now().Add(r.Overlap).UTC().Truncate(time.Second)
	}
	return r.reveal(ctx, std, "/"+apikey.ID(r.Name).String()+"/rotate", body)
}

// keysChange is `crm keys change`.
type keysChange struct {
	Name   string   `arg:"" help:"Name of the key."`
	Role   string   `help:"What it may do: reader, sales, marketing, service, analyst, auditor or admin."`
	Clear  []string `enum:"scope,masked,expires_at,rate_limit" placeholder:"TERM" help:"Take these terms away: ${enum}."`
	Reason string   `required:"" help:"Why, for the history."`
	keyTerms
	connection
}

// Run tells whether anything was different.
func (c *keysChange) Run(ctx context.Context, std streams) error {
	body := c.body(c.Role, c.Reason)
	for _, name := range c.Clear {
		if _, set := body[name]; set {
			return usage(fmt.Errorf("--clear %s and a value for it", name))
		}
		body[name] = nil
	}
	return c.done(ctx, std, http.MethodPatch, "/"+apikey.ID(c.Name).String(), body, "changed "+c.Name)
}

// keysRevoke is `crm keys revoke`.
type keysRevoke struct {
	Name   string `arg:"" help:"Name of the key."`
	Reason string `required:"" help:"Why, for the history."`
	connection
}

// Run tells whether it was good until now.
func (r *keysRevoke) Run(ctx context.Context, std streams) error {
	return r.done(ctx, std, http.MethodPost, "/"+apikey.ID(r.Name).String()+"/revoke", map[string]any{"reason": r.Reason}, "revoked "+r.Name)
}

// keysList is `crm keys list`.
type keysList struct{ connection }

// Run prints a table.
func (l *keysList) Run(ctx context.Context, std streams) error {
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tROLE\tSTATUS\tSCOPE\tMASKED\tLIMIT\tEXPIRES\tISSUED\tBY\tLAST USED")
	for cursor := ""; ; {
		var page struct {
			Data []struct {
				Name, Role, Status string
				Scope              *struct{ Name string }
				Masked             bool
				RateLimit          int        `json:"rate_limit"`
				ExpiresAt          *time.Time `json:"expires_at"`
				IssuedAt           *time.Time `json:"issued_at"`
				IssuedBy           string     `json:"issued_by"`
				LastUsedAt         *time.Time `json:"last_used_at"`
			}
			Page struct {
				NextCursor *string `json:"next_cursor"`
			}
		}
		if err := l.ask(ctx, http.MethodGet, "?limit=200&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return err
		}
		for _, k := range page.Data {
			scope, limit := "all", "-"
			if k.Scope != nil {
				scope = k.Scope.Name
			}
			if k.RateLimit > 0 {
				limit = strconv.Itoa(k.RateLimit) + "/s"
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%t\t%s\t%s\t%s\t%s\t%s\n", k.Name, k.Role, k.Status, scope, k.Masked, limit,
				orNever(k.ExpiresAt), orNever(k.IssuedAt), k.IssuedBy, orNever(k.LastUsedAt))
		}
		if page.Page.NextCursor == nil {
			return table.Flush()
		}
		cursor = *page.Page.NextCursor
	}
}

func orNever(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.Format(time.RFC3339)
}

// reveal sends a command that makes a secret, and prints it.
func (c *connection) reveal(ctx context.Context, std streams, path string, body map[string]any) error {
	var answer struct{ Key, Note string }
	if err := c.ask(ctx, http.MethodPost, path, body, &answer); err != nil {
		return err
	}
	if answer.Key == "" {
		return errors.New("the server shows no key: " + answer.Note)
	}
	_, err := fmt.Fprintln(std.out, answer.Key)
	return err
}

// done sends a command and says that it was carried out.
func (c *connection) done(ctx context.Context, std streams, method, path string, body map[string]any, did string) error {
	var answer struct{ Events int }
	if err := c.ask(ctx, method, path, body, &answer); err != nil {
		return err
	}
	if answer.Events == 0 {
		did = "it was so already"
	}
	_, err := fmt.Fprintln(std.out, did)
	return err
}
