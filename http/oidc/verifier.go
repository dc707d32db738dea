package oidc

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"crm/domain"
	"crm/http/access"
)

// The refusals of tokens.
var (
	// ErrAway is an issuer that does not answer, and of whom no key is known.
	ErrAway = &domain.Error{Code: domain.Unavailable, Slug: "issuer-unavailable", Detail: "The issuer of the token does not answer, so that the token cannot be checked. Try again; API keys work meanwhile."}
	// ErrNoRole is a good token that has no role here.
	ErrNoRole = &domain.Error{Code: domain.Forbidden, Slug: "no-role", Detail: "The token is good, but none of its groups has a role here."}
)

// ErrNoToken is a text that is not a token at all.
var ErrNoToken = errors.New("oidc: not a token")

// Refused is why a token is not believed, in words for who sent it.
type Refused string

func (r Refused) Error() string { return string(r) }

// ahead is how far another clock may be ahead of ours.
const ahead = time.Minute

// maxToken is how long a token may be: it travels in a header.
const maxToken = 16 << 10

// Verifier makes principals out of tokens. It is safe for concurrent use.
type Verifier struct {
	cfg     Config
	issuers map[string]*issuer // by address
}

type issuer struct {
	Issuer
	keys *keySet
}

// keeping is a set of keys for one token. It keeps why the signature is not believed,
// which go-oidc tells as a text only.
type keeping struct {
	*keySet
	why error
}

// VerifySignature is the set's.
func (k *keeping) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, k.why = k.keySet.VerifySignature(ctx, token)
	return payload, k.why
}

// New makes a verifier. It asks nobody yet.
func New(cfg Config) (*Verifier, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.RoleClaim = cmp.Or(cfg.RoleClaim, "roles")
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: fetchTimeout}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	v := &Verifier{cfg: cfg, issuers: map[string]*issuer{}}
	for _, i := range cfg.Issuers {
		v.issuers[i.URL] = &issuer{i, &keySet{issuer: i.URL, client: cfg.Client, now: cfg.Now}}
	}
	return v, nil
}

// Principal is whose token it is. It answers [ErrNoToken], [Refused], [ErrNoRole] or
// [ErrAway].
func (v *Verifier) Principal(ctx context.Context, token string) (access.Principal, error) {
	if strings.Count(token, ".") != 2 {
		return access.Principal{}, ErrNoToken
	}
	claims, err := look(token)
	if err != nil {
		return access.Principal{}, err
	}
	by, known := v.issuers[claims.Issuer]
	if !known {
		return access.Principal{}, Refused("its issuer is not one of ours")
	}
	keys := &keeping{keySet: by.keys}
	verifier := gooidc.NewVerifier(by.URL, keys, &gooidc.Config{
		ClientID: v.cfg.Audience, SupportedSigningAlgs: algorithmNames, Now: v.cfg.Now,
	})
	if _, err := verifier.Verify(ctx, token); err != nil {
		return access.Principal{}, cmp.Or(keys.why, v.refusal(err, claims))
	}
	if err := claims.check(v.cfg.Now(), v.cfg.Audience); err != nil {
		return access.Principal{}, err
	}
	prefix := "oidc:"
	if by.Name != "" {
		prefix = "oidc-" + by.Name + ":"
	}
	return v.principal(prefix+claims.Subject, claims)
}

// refusal says in our words why go-oidc does not believe the claims: its own quote
// them.
func (v *Verifier) refusal(err error, claims *claims) error {
	switch _, expired := errors.AsType[*gooidc.TokenExpiredError](err); {
	case expired:
		return Refused("it has expired, or does not say when it does")
	case !slices.Contains(claims.Audience, v.cfg.Audience):
		return Refused("it is for another audience")
	}
	return Refused("it cannot be checked")
}

// principal is who has the claims.
func (v *Verifier) principal(actor string, claims *claims) (access.Principal, error) {
	has := claims.texts(v.cfg.RoleClaim)
	for _, grant := range v.cfg.Grants {
		if !slices.Contains(has, grant.Value) {
			continue
		}
		p := access.As(actor, grant.Role)
		if grant.Own {
			employee, err := claims.id(v.cfg.EmployeeClaim)
			if err != nil {
				return access.Principal{}, ErrNoRole.At("", "The token's role is confined to an employee's customers, but its claim %s holds no UUID.", v.cfg.EmployeeClaim)
			}
			p.Scope = domain.EmployeeID{UUID: employee}
		}
		return p, nil
	}
	return access.Principal{}, ErrNoRole
}
