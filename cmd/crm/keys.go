package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
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
	body := because(reason)
	set := func(name string, value any, given bool) {
		if given {
			body[name] = value
		}
	}
	set("role", role, role != "")
	set("scope", k.Scope, k.Scope != "")
	set("masked", true, k.Masked)
	set("expires_at", time.Now().Add(k.ExpiresIn).UTC().Truncate(time.Second), k.ExpiresIn != 0)
	set("rate_limit", k.RateLimit, k.RateLimit != 0)
	return body
}

func keyPath(name string) string { return "/keys/" + apikey.ID(name).String() }

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
	_, err := i.reveal(ctx, std, "/keys", body)
	return err
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
	body := because(r.Reason)
	if r.Overlap != 0 {
		body["former_until"] = time.Now().Add(r.Overlap).UTC().Truncate(time.Second)
	}
	_, err := r.reveal(ctx, std, keyPath(r.Name)+"/rotate", body)
	return err
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
	return c.done(ctx, std, http.MethodPatch, keyPath(c.Name), body, "changed "+c.Name)
}

// keysRevoke is `crm keys revoke`.
type keysRevoke struct {
	Name   string `arg:"" help:"Name of the key."`
	Reason string `required:"" help:"Why, for the history."`
	connection
}

// Run tells whether it was good until now.
func (r *keysRevoke) Run(ctx context.Context, std streams) error {
	return r.done(ctx, std, http.MethodPost, keyPath(r.Name)+"/revoke", because(r.Reason), "revoked "+r.Name)
}

// keysList is `crm keys list`.
type keysList struct{ connection }

// Run prints a table.
func (l *keysList) Run(ctx context.Context, std streams) error {
	type key struct {
		Name, Role, Status string
		Scope              *struct{ Name string }
		Masked             bool
		RateLimit          int        `json:"rate_limit"`
		ExpiresAt          *time.Time `json:"expires_at"`
		IssuedAt           *time.Time `json:"issued_at"`
		IssuedBy           string     `json:"issued_by"`
		LastUsedAt         *time.Time `json:"last_used_at"`
	}
	table := newTable(std.out, "NAME", "ROLE", "STATUS", "SCOPE", "MASKED", "LIMIT", "EXPIRES", "ISSUED", "BY", "LAST USED")
	for k, err := range pages[key](ctx, &l.connection, "/keys?limit=200") {
		if err != nil {
			return err
		}
		scope, limit := "all", "-"
		if k.Scope != nil {
			scope = k.Scope.Name
		}
		if k.RateLimit > 0 {
			limit = strconv.Itoa(k.RateLimit) + "/s"
		}
		table.row(k.Name, k.Role, k.Status, scope, k.Masked, limit, orNever(k.ExpiresAt), orNever(k.IssuedAt), k.IssuedBy, orNever(k.LastUsedAt))
	}
	return table.Flush()
}
