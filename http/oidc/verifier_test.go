package oidc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/http/access"
	"crm/http/oidc"
)

func TestGoodTokens(t *testing.T) {
	t.Parallel()
	l, k := newIssuer(t), keys()
	v := verifier(t, &clock{}, oidc.Issuer{URL: l.URL})
	own := access.As("oidc:u-1", access.Sales)
	own.Scope = domain.EmployeeID{UUID: uuid.MustParse(employee)}
	reader := access.As("oidc:u-1", access.Reader)
	for name, c := range map[string]struct {
		token string
		want  access.Principal
	}{
		"RS256":               {sign(t, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims()), reader},
		"PS256":               {sign(t, jose.PS256, k.rsa, object{"kid": "rsa"}, l.claims()), reader},
		"ES256":               {sign(t, jose.ES256, k.ec, object{"kid": "ec"}, l.claims()), reader},
		"EdDSA":               {sign(t, jose.EdDSA, k.ed, object{"kid": "ed"}, l.claims()), reader},
		"without a kid":       {sign(t, jose.EdDSA, k.ed, nil, l.claims()), reader},
		"an access token":     {sign(t, jose.ES256, k.ec, object{"kid": "ec", "typ": "at+jwt", "x5t": "abc"}, l.claims()), reader},
		"Keycloak's":          {sign(t, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims().with(object{"typ": "Bearer"})), reader},
		"several audiences":   {sign(t, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims().with(object{"aud": []string{"x", audience}})), reader},
		"the first grant":     {sign(t, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims().with(object{"groups": []string{"staff", "x", "admins"}})), access.As("oidc:u-1", access.Admin)},
		"one group as a text": {sign(t, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims().with(object{"groups": "staff"})), reader},
		"of an employee":      {sign(t, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims().with(object{"groups": []string{"sellers"}})), own},
		"a clock ahead":       {sign(t, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims().with(object{"nbf": noon.Add(30 * time.Second).Unix()})), reader},
	} {
		got, err := v.Principal(t.Context(), c.token)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	named := verifier(t, &clock{}, oidc.Issuer{Name: "shop", URL: l.URL}, oidc.Issuer{URL: "https://other.example"})
	if got, err := named.Principal(t.Context(), sign(t, jose.EdDSA, k.ed, object{"kid": "ed"}, l.claims())); err != nil || got.Actor != "oidc-shop:u-1" {
		t.Error(got, err)
	}
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	l, other, k := newIssuer(t), newIssuer(t), keys()
	v := verifier(t, &clock{}, oidc.Issuer{URL: l.URL})
	var asked []string
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.foreign.Public(), KeyID: "rsa"}}})
	}))
	t.Cleanup(evil.Close)

	good := sign(t, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims())
	parts := strings.Split(good, ".")
	with := func(more object) string {
		return sign(t, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims().with(more))
	}
	header := func(more object) string { return sign(t, jose.RS256, k.rsa, more, l.claims()) }
	forged := func(more object) string { return sign(t, jose.RS256, k.foreign, more, l.claims()) }
	der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	hs256 := func(secret []byte) string {
		text := encode(object{"alg": "HS256", "typ": "JWT", "kid": "rsa"}) + "." + encode(l.claims())
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	signed := func(payload string) string {
		return signBytes(t, jose.RS256, k.rsa, object{"kid": "rsa"}, []byte(payload))
	}
	text, _ := json.Marshal(l.claims())
	claims := string(text)

	tokens := map[string]string{
		"none, without a signature":     encode(object{"alg": "none", "typ": "JWT"}) + "." + parts[1] + ".",
		"none, with a signature":        encode(object{"alg": "none", "typ": "JWT"}) + "." + parts[1] + "." + parts[2],
		"nOnE":                          encode(object{"alg": "nOnE", "typ": "JWT"}) + "." + parts[1] + "." + parts[2],
		"HS256 by the public key (PEM)": hs256(public),
		"HS256 by the public key (DER)": hs256(der),
		"HS256 by nothing":              hs256(nil),
		"RS256 as ES256":                encode(object{"alg": "ES256", "typ": "JWT", "kid": "ec"}) + "." + parts[1] + "." + parts[2],
		"RS512":                         sign(t, jose.RS512, k.rsa, object{"kid": "rsa"}, l.claims()),
		"ES384, though published":       sign(t, jose.ES384, k.p384, object{"kid": "p384"}, l.claims()),
		"a published key that is weak":  sign(t, jose.RS256, k.weak, object{"kid": "weak"}, l.claims()),
		"a published key to encrypt":    forged(object{"kid": "enc"}),
		"another's key under our kid":   forged(object{"kid": "rsa"}),
		"another's key under no kid":    forged(nil),
		"jku":                           forged(object{"kid": "rsa", "jku": evil.URL + "/jku"}),
		"jku of a good token":           header(object{"kid": "rsa", "jku": l.URL + "/keys"}),
		"x5u":                           forged(object{"kid": "rsa", "x5u": evil.URL + "/x5u"}),
		"x5c":                           forged(object{"kid": "rsa", "x5c": []string{base64.StdEncoding.EncodeToString(der)}}),
		"its own jwk":                   forged(object{"kid": "rsa", "jwk": jose.JSONWebKey{Key: k.foreign.Public()}}),
		"crit":                          header(object{"kid": "rsa", "crit": []string{"exp"}, "exp": 1}),
		"kid that is a path":            forged(object{"kid": "../../../../dev/null"}),
		"kid that is an address":        forged(object{"kid": evil.URL + "/kid"}),
		"kid that is SQL":               forged(object{"kid": "x' UNION SELECT 'secret"}),
		"kid that is a list":            encode(object{"alg": "RS256", "typ": "JWT", "kid": []string{"rsa"}}) + "." + parts[1] + "." + parts[2],
		"kid of another kind of key":    header(object{"kid": "ec"}),
		"typ of a logout token":         header(object{"kid": "rsa", "typ": "logout+jwt"}),
		"typ of a proof":                header(object{"kid": "rsa", "typ": "dpop+jwt"}),
		"an ID token":                   with(object{"typ": "ID"}),
		"a refresh token":               with(object{"typ": "Refresh"}),
		"a logout token":                with(object{"events": object{"http://schemas.openid.net/event/backchannel-logout": object{}}}),
		"another audience":              with(object{"aud": "https://other.example"}),
		"an audience that begins alike": with(object{"aud": audience + ".evil.example"}),
		"no audience":                   with(object{"aud": nil}),
		"another issuer":                with(object{"iss": other.URL}),
		"the issuer with a slash":       with(object{"iss": l.URL + "/"}),
		"an issuer that is a list":      with(object{"iss": []string{l.URL}}),
		"no issuer":                     with(object{"iss": nil}),
		"a good token of another":       sign(t, jose.EdDSA, k.ed, object{"kid": "ed"}, other.claims()),
		"expired":                       with(object{"exp": noon.Add(-time.Second).Unix()}),
		"expired before 1970":           with(object{"exp": -1}),
		"no exp":                        with(object{"exp": nil}),
		"expired, and EXP is not":       signed(strings.TrimSuffix(strings.Replace(claims, `"exp":`, `"exp":1,"x":`, 1), "}") + `,"EXP":9999999999}`),
		"AUD is ours, and aud is not":   signed(strings.TrimSuffix(strings.Replace(claims, `"aud":`, `"aud":"x","x":`, 1), "}") + `,"AUD":"` + audience + `"}`),
		"exp that is null":              signed(strings.Replace(claims, `"exp":`, `"exp":null,"x":`, 1)),
		"exp that is a text":            with(object{"exp": "9999999999"}),
		"not good yet":                  with(object{"nbf": noon.Add(2 * time.Minute).Unix()}),
		"issued tomorrow":               with(object{"iat": noon.Add(24 * time.Hour).Unix()}),
		"no subject":                    with(object{"sub": ""}),
		"a subject of two lines":        with(object{"sub": "u-1\nadmin"}),
		"a subject that looks alike":    with(object{"sub": "u‐1"}),
		"a long subject":                with(object{"sub": strings.Repeat("u", 256)}),
		"an empty signature":            parts[0] + "." + parts[1] + ".",
		"no header":                     "." + parts[1] + "." + parts[2],
		"a truncated signature":         good[:len(good)-2],
		"a changed claim":               parts[0] + "." + encode(l.claims().with(object{"groups": []string{"admins"}})) + "." + parts[2],
		"padding":                       good + "=",
		"a line break":                  parts[0] + "\n." + parts[1] + "." + parts[2],
		"standard base64":               parts[0] + "." + parts[1] + ".+/" + parts[2][2:],
		"a letter that looks alike":     strings.Replace(good, "e", "е", 1),
		"a claim twice":                 signed(strings.Replace(claims, `"sub":`, `"sub":"admin","sub":`, 1)),
		"a header name twice":           base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","alg":"none","typ":"JWT","kid":"rsa"}`)) + "." + parts[1] + "." + parts[2],
		"claims that are a list":        signed(`[` + claims + `]`),
		"claims that are not UTF-8":     signed(strings.Replace(claims, "u-1", "u-\xff", 1)),
		"too long":                      with(object{"x": strings.Repeat("x", 20_000)}),
	}
	if len(tokens) < 25 {
		t.Errorf("only %d tokens", len(tokens))
	}
	for name, token := range tokens {
		got, err := v.Principal(t.Context(), token)
		if _, refused := errors.AsType[oidc.Refused](err); !refused || got != (access.Principal{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"JSON": `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "four parts": good + ".x", "an API key": "crm_x", "nothing": "",
	} {
		if got, err := v.Principal(t.Context(), text); !errors.Is(err, oidc.ErrNoToken) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := v.Principal(t.Context(), good); err != nil {
		t.Error("the good token is not let in any more:", err)
	}
	if len(asked) > 0 || other.fetched.Load() > 0 {
		t.Errorf("somebody else was asked for keys: %v", asked)
	}
	if n := l.fetched.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times within one moment", n)
	}
}

func TestNoRole(t *testing.T) {
	t.Parallel()
	l, k := newIssuer(t), keys()
	v := verifier(t, &clock{}, oidc.Issuer{URL: l.URL})
	for name, claims := range map[string]object{
		"no group":                 {"groups": nil},
		"another group":            {"groups": []string{"guests"}},
		"a group in capital":       {"groups": []string{"ADMINS"}},
		"groups that are no texts": {"groups": object{"admins": true}},
		"no employee":              {"groups": []string{"sellers"}, "crm": nil},
		"employee zero":            {"groups": []string{"sellers"}, "crm": object{"employee": uuid.Nil}},
		"employee's name":          {"groups": []string{"sellers"}, "crm": object{"employee": "eve"}},
	} {
		if got, err := v.Principal(t.Context(), sign(t, jose.EdDSA, k.ed, object{"kid": "ed"}, l.claims().with(claims))); !errors.Is(err, oidc.ErrNoRole) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestTheIssuerComesAndGoes: tokens are 503 while nothing is known of it, and good
// for a day while it is away.
func TestTheIssuerComesAndGoes(t *testing.T) {
	t.Parallel()
	l, k, at := newIssuer(t), keys(), &clock{}
	v := verifier(t, at, oidc.Issuer{URL: l.URL})
	ask := func(kid string, key any) error {
		t.Helper()
		claims := l.claims().with(object{"exp": noon.Add(100 * time.Hour).Unix()})
		_, err := v.Principal(t.Context(), sign(t, jose.EdDSA, key, object{"kid": kid}, claims))
		return err
	}
	l.away.Store(true)
	if err := ask("ed", k.ed); !errors.Is(err, oidc.ErrAway) {
		t.Fatal("away from the start:", err)
	}
	l.away.Store(false)
	if err := ask("ed", k.ed); !errors.Is(err, oidc.ErrAway) {
		t.Error("asked again at once:", err)
	}
	at.forward(5 * time.Second)
	if err := ask("ed", k.ed); err != nil {
		t.Fatal("back:", err)
	}

	// A key that is new is found, and one that is taken back is forgotten.
	l.publish(jose.JSONWebKey{Key: k.ed.Public(), KeyID: "new"})
	if err := ask("new", k.ed); err == nil {
		t.Error("the issuer was asked again within the pause")
	}
	at.forward(5 * time.Second)
	if err := ask("new", k.ed); err != nil {
		t.Error("a new key:", err)
	}
	if err := ask("ed", k.ed); err == nil {
		t.Error("a key that was taken back is believed")
	}
	for range 20 {
		_ = ask("made-up", k.ed)
	}
	if n := l.fetched.Load(); n > 3 {
		t.Errorf("the issuer was asked %d times", n)
	}

	l.away.Store(true)
	at.forward(23 * time.Hour)
	if err := ask("new", k.ed); err != nil {
		t.Error("away for most of a day:", err)
	}
	at.forward(2 * time.Hour)
	if err := ask("new", k.ed); !errors.Is(err, oidc.ErrAway) {
		t.Error("away for more than a day:", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]oidc.Issuer{
		"https://login.example/realms/a":    {URL: "https://login.example/realms/a"},
		"shop=https://login.example":        {Name: "shop", URL: "https://login.example"},
		"http://127.0.0.1:8081/x":           {URL: "http://127.0.0.1:8081/x"},
		"http://login.example":              {},
		"https://user:secret@login.example": {},
		"Shop=https://login.example":        {},
		"https://login.example/?realm=a":    {},
		"login.example":                     {},
		"file:///etc/passwd":                {},
		"":                                  {},
	} {
		if got, err := oidc.ParseIssuer(text); err == nil && got != want || (err == nil) != (want != oidc.Issuer{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]oidc.Grant{
		"crm-sales=sales":     {Value: "crm-sales", Role: access.Sales},
		"a=b=sales:own":       {Value: "a=b", Role: access.Sales, Own: true},
		"crm-admin=admin":     {Value: "crm-admin", Role: access.Admin},
		"crm-admin=admin:own": {}, "x=root": {}, "sales": {}, "=sales": {}, "x=": {},
	} {
		if got, err := oidc.ParseGrant(text); err == nil && got != want || (err == nil) != (want != oidc.Grant{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	_, err := oidc.New(oidc.Config{Issuers: []oidc.Issuer{{URL: "https://a"}, {URL: "https://b"}}, Grants: []oidc.Grant{{Value: "x", Role: access.Sales, Own: true}}})
	for _, missing := range []string{"name each", "audience", "claim"} {
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("%v does not tell of %s", err, missing)
		}
	}
}

func BenchmarkPrincipal(b *testing.B) {
	l, k := newIssuer(b), keys()
	v := verifier(b, &clock{}, oidc.Issuer{URL: l.URL})
	for name, token := range map[string]string{
		"RS256": sign(b, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims()), "ES256": sign(b, jose.ES256, k.ec, object{"kid": "ec"}, l.claims()),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Principal(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
