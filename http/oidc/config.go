package oidc

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"crm/http/access"
)

// Config says whose tokens are believed, and what they may.
type Config struct {
	// Issuers are who may sign. Needed.
	Issuers []Issuer
	// Audience is what aud must name: this API. Needed.
	Audience string
	// RoleClaim is where a token says what its bearer is: the name of a claim, or a path
	// to it with dots (realm_access.roles). Its value is a text or a list of them.
	// Default "roles".
	RoleClaim string
	// Grants are what the values of that claim stand for, the one that counts first
	// first. Needed.
	Grants []Grant
	// EmployeeClaim is where a token has the UUID of its bearer's employee. Needed for
	// grants that are confined to it.
	EmployeeClaim string
	// Client fetches keys. Default: one that waits 5 s.
	Client *http.Client
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Issuer is who may sign tokens.
type Issuer struct {
	Name string // in the actor; may be empty for one of them
	URL  string // as in iss
}

// Grant is a role for whose token has the value.
type Grant struct {
	Value string
	Role  access.Role
	Own   bool // confined to the customers and deals of the token's employee
}

var issuerName = regexp.MustCompile(`^[a-z0-9]{1,32}$`)

// ParseIssuer reads "[NAME=]URL".
func ParseIssuer(text string) (Issuer, error) {
	name, at, named := strings.Cut(text, "=")
	if !named || strings.Contains(name, ":") { // a URL may have a = too
		name, at = "", text
	}
	if name != "" && !issuerName.MatchString(name) {
		return Issuer{}, fmt.Errorf("issuer %q: a name is 1 to 32 of a-z and 0-9", text)
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Issuer{}, fmt.Errorf("issuer %q is not [NAME=]https://…", text)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return Issuer{}, fmt.Errorf("issuer %q: keys are fetched over https only, save from this machine", text)
	}
	return Issuer{Name: name, URL: at}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ParseGrant reads "VALUE=ROLE" or "VALUE=ROLE:own".
func ParseGrant(text string) (Grant, error) {
	at := strings.LastIndexByte(text, '=')
	if at < 1 {
		return Grant{}, fmt.Errorf("grant %q is not VALUE=ROLE[:own]", text)
	}
	name, own := strings.CutSuffix(text[at+1:], ":own")
	g := Grant{Value: text[:at], Role: access.Role(name), Own: own}
	switch {
	case !g.Role.Valid():
		return g, fmt.Errorf("grant %q: there is no role %q", text, name)
	case g.Own && g.Role == access.Admin:
		return g, fmt.Errorf("grant %q: an admin is confined to nothing", text)
	}
	return g, nil
}

// check refuses what cannot work, all at once.
func (c *Config) check() error {
	var errs []error
	urls, names := map[string]bool{}, map[string]bool{}
	for _, i := range c.Issuers {
		if urls[i.URL] || names[i.Name] {
			errs = append(errs, fmt.Errorf("issuer %s: its address or name is another's too; name each of several", i.URL))
		}
		urls[i.URL], names[i.Name] = true, true
	}
	if len(c.Issuers) == 0 {
		errs = append(errs, errors.New("there is no issuer"))
	}
	if c.Audience == "" {
		errs = append(errs, errors.New("the audience is missing: what aud must name"))
	}
	if len(c.Grants) == 0 {
		errs = append(errs, errors.New("no role is granted to any token"))
	}
	for _, g := range c.Grants {
		if g.Own && c.EmployeeClaim == "" {
			errs = append(errs, fmt.Errorf("%s=%s:own takes the name of the claim that has the employee", g.Value, g.Role))
		}
	}
	return errors.Join(errs...)
}
