package main

import (
	"errors"
	"fmt"

	crmhttp "crm/http"
	"crm/http/limits"
	"crm/http/oidc"
)

// entrance is who is let in beside the holders of keys, and how often.
type entrance struct {
	OIDCIssuer        []string `name:"oidc-issuer" env:"CRM_OIDC_ISSUER" placeholder:"[NAME=]URL" help:"OpenID Connect issuers whose tokens are believed, separated by commas; each of several has a NAME, which becomes part of the actor. Default none: API keys only."`
	OIDCAudience      string   `name:"oidc-audience" env:"CRM_OIDC_AUDIENCE" placeholder:"AUD" help:"What aud of a token must name: this API, and not the client that got the token."`
	OIDCRoleClaim     string   `name:"oidc-role-claim" default:"roles" env:"CRM_OIDC_ROLE_CLAIM" placeholder:"CLAIM" help:"Claim with the bearer's groups, a text or a list; with dots for a path, such as realm_access.roles. Default ${default}."`
	OIDCGrant         []string `name:"oidc-grant" sep:";" env:"CRM_OIDC_GRANT" placeholder:"GROUP=ROLE[:own]" help:"Role that a group has here, separated by semicolons; the first group that a token has counts. With :own it is confined to the customers and deals of the token's employee."`
	OIDCEmployeeClaim string   `name:"oidc-employee-claim" env:"CRM_OIDC_EMPLOYEE_CLAIM" placeholder:"CLAIM" help:"Claim with the UUID of the bearer's employee, for grants with :own."`
	RateLimit         int      `env:"CRM_RATE_LIMIT" placeholder:"N" help:"Requests a second that each key and token may make, 0 to 1000000, where the key's own terms say nothing. A batch is one request; each server counts for itself. Default 0: as many as it likes."`
	TrustedProxies    []string `env:"CRM_TRUSTED_PROXIES" placeholder:"ADDRESS|NETWORK" help:"Proxies whose X-Forwarded-For tells from which address wrong credentials come, separated by commas: 10.0.0.0/8. Default none: that of the connection counts."`
}

// check refuses settings that cannot work.
func (e *entrance) check() error {
	_, oidcErr := e.tokens()
	_, limitErr := e.limiting()
	return errors.Join(oidcErr, limitErr)
}

// tokens believes the issuers; nil where there are none.
func (e *entrance) tokens() (*oidc.Verifier, error) {
	if len(e.OIDCIssuer) == 0 {
		if e.OIDCAudience != "" || len(e.OIDCGrant) > 0 {
			return nil, errors.New("--oidc-audience and --oidc-grant are nothing without --oidc-issuer")
		}
		return nil, nil //nolint:nilnil // nobody is believed
	}
	cfg := oidc.Config{Audience: e.OIDCAudience, RoleClaim: e.OIDCRoleClaim, EmployeeClaim: e.OIDCEmployeeClaim}
	var errs []error
	for _, text := range e.OIDCIssuer {
		issuer, err := oidc.ParseIssuer(text)
		cfg.Issuers, errs = append(cfg.Issuers, issuer), append(errs, err)
	}
	for _, text := range e.OIDCGrant {
		grant, err := oidc.ParseGrant(text)
		cfg.Grants, errs = append(cfg.Grants, grant), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("OpenID Connect: %w", err)
	}
	verifier, err := oidc.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("OpenID Connect: %w", err)
	}
	return verifier, nil
}

// limiting is how often who is let in may ask.
func (e *entrance) limiting() (crmhttp.Limiting, error) {
	limiting := crmhttp.Limiting{Rate: e.RateLimit}
	if e.RateLimit < 0 || e.RateLimit > 1_000_000 {
		return limiting, fmt.Errorf("--rate-limit %d is not within 0 to 1000000", e.RateLimit)
	}
	for _, text := range e.TrustedProxies {
		proxy, err := limits.ParseProxy(text)
		if err != nil {
			return limiting, fmt.Errorf("--trusted-proxies: %w", err)
		}
		limiting.TrustedProxies = append(limiting.TrustedProxies, proxy)
	}
	return limiting, nil
}
