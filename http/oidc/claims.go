package oidc

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// headerNames are all that a header may say. What brings a key or names its place, and
// what must be understood (crit), is not among them.
var headerNames = []string{"alg", "kid", "typ", "x5t", "x5t#S256"}

// types are what a token may say that it is, in lower case.
var types = []string{"jwt", "at+jwt", "application/at+jwt"}

// claims are what a token says. The signature is not part of reading them.
type claims struct {
	Issuer    string     `json:"iss"`
	Subject   string     `json:"sub"`
	Audience  audience   `json:"aud"`
	Expires   *float64   `json:"exp"`
	NotBefore *float64   `json:"nbf"`
	IssuedAt  *float64   `json:"iat"`
	Type      string     `json:"typ"`    // Keycloak: Bearer, ID, Refresh
	Events    *anything  `json:"events"` // of a logout token
	all       jsonObject // every claim
}

type (
	anything   = jsontext.Value
	jsonObject map[string]jsontext.Value
	audience   []string
)

// UnmarshalJSON reads a text or a list of texts (RFC 7519, 4.1.3).
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// look reads a token without believing it, and refuses what no issuer's token looks
// like: reading is strict, so that nobody after us can read it differently.
func look(token string) (*claims, error) {
	if len(token) > maxToken {
		return nil, Refused("it is too long")
	}
	parts := strings.Split(token, ".")
	if slices.Contains(parts, "") {
		return nil, Refused("it is not signed")
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return nil, Refused("it is not base64url")
		}
	}
	var header jsonObject
	if err := json.Unmarshal(raw[0], &header); err != nil {
		return nil, Refused("its header cannot be read")
	}
	for name := range header {
		if !slices.Contains(headerNames, name) {
			return nil, Refused("its header says what is not taken here")
		}
	}
	if !slices.Contains(algorithmNames, header.text("alg")) {
		return nil, Refused("it is not signed by RS256, PS256, ES256 or EdDSA")
	}
	if !slices.Contains(types, strings.ToLower(header.text("typ"))) {
		return nil, Refused("its type is not JWT or at+jwt")
	}
	c := &claims{}
	if json.Unmarshal(raw[1], c) != nil || json.Unmarshal(raw[1], &c.all) != nil {
		return nil, Refused("its claims cannot be read")
	}
	return c, nil
}

// check refuses what go-oidc lets pass. It reads names of claims in any case: what it
// took for exp and aud need not be what they say.
func (c *claims) check(now time.Time, to string) error {
	late := float64(now.Add(ahead).Unix())
	switch {
	case c.Expires == nil || *c.Expires <= float64(now.Unix()):
		return Refused("it has expired, or does not say when it does")
	case !slices.Contains(c.Audience, to):
		return Refused("it is for another audience")
	case c.NotBefore != nil && *c.NotBefore > late, c.IssuedAt != nil && *c.IssuedAt > late:
		return Refused("it is not good yet")
	case c.Type != "" && !strings.EqualFold(c.Type, "Bearer"), c.Events != nil:
		return Refused("it is not an access token")
	case c.Subject == "" || len(c.Subject) > 255 || strings.ContainsFunc(c.Subject, func(r rune) bool { return r < '!' || r > '~' }):
		return Refused("its subject is not 1 to 255 visible ASCII characters")
	}
	return nil
}

// texts are the texts of a claim, found by its name or by a path with dots.
func (c *claims) texts(path string) []string {
	value, found := c.all[path]
	for at := c.all; !found; {
		name, rest, deeper := strings.Cut(path, ".")
		if value = at[name]; !deeper {
			break
		}
		if path, at = rest, nil; json.Unmarshal(value, &at) != nil {
			return nil
		}
	}
	var one string
	if json.Unmarshal(value, &one) == nil {
		return []string{one}
	}
	var several []string
	if json.Unmarshal(value, &several) != nil {
		return nil
	}
	return several
}

// id is the UUID of a claim.
func (c *claims) id(name string) (uuid.UUID, error) {
	id, err := uuid.Parse(strings.Join(c.texts(name), " "))
	if err == nil && id == uuid.Nil {
		err = Refused("its id is none")
	}
	return id, err
}

// text is a member that is a text; "" without one.
func (o jsonObject) text(name string) string {
	var text string
	_ = json.Unmarshal(o[name], &text) // another kind is no text
	return text
}
