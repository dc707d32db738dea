package oidc_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"crm/http/access"
	"crm/http/oidc"
)

// FuzzTokens checks that only what the issuer has signed makes somebody of anybody,
// whatever is made of it.
func FuzzTokens(f *testing.F) {
	l, k := newIssuer(f), keys()
	v := verifier(f, &clock{}, oidc.Issuer{URL: l.URL})
	var signed []string // header and payload of each
	for _, token := range []string{
		sign(f, jose.RS256, k.rsa, object{"kid": "rsa"}, l.claims()),
		sign(f, jose.ES256, k.ec, object{"kid": "ec"}, l.claims()),
		sign(f, jose.EdDSA, k.ed, nil, l.claims()),
	} {
		parts := strings.Split(token, ".")
		signed = append(signed, parts[0]+"."+parts[1])
		f.Add(token)
		f.Add(parts[0] + "." + parts[1] + ".")
		f.Add(encode(object{"alg": "none", "typ": "JWT"}) + "." + parts[1] + "." + parts[2])
		f.Add(parts[0] + "." + encode(l.claims().with(object{"groups": []string{"admins"}})) + "." + parts[2])
	}
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := v.Principal(t.Context(), token)
		if ours := slices.ContainsFunc(signed, func(s string) bool { return strings.HasPrefix(token, s+".") }); err == nil && !ours || err != nil && got != (access.Principal{}) {
			t.Errorf("%q is %+v, %v", token, got, err)
		}
	})
}

// FuzzClaims checks that a token whose header and claims are anything at all, well signed,
// lets in only who is named by the issuer, for us, now, with a role that is granted; and
// that the same under another's signature lets in nobody.
func FuzzClaims(f *testing.F) {
	l, k := newIssuer(f), keys()
	v := verifier(f, &clock{}, oidc.Issuer{URL: l.URL})
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	header := `{"alg":"EdDSA","typ":"JWT","kid":"ed"}`
	for _, claims := range []object{
		l.claims(), l.claims().with(object{"aud": []any{audience, 1}}), l.claims().with(object{"exp": 1e300}), l.claims().with(object{"exp": -1, "EXP": 9e9}),
		l.claims().with(object{"groups": []any{"sellers", nil}, "crm": "x"}), l.claims().with(object{"groups": object{"staff": 1}}),
	} {
		text, err := json.Marshal(claims)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(header, strings.ReplaceAll(string(text), l.URL, "ISSUER")) // its port is another each time
	}
	f.Add(`{"alg":"EdDSA","typ":"at+jwt"}`, `{"iss":"ISSUER","sub":"u","aud":"https://crm.example","exp":1893456000,"groups":"staff"}`)
	f.Add(`[]`, `null`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		payload = strings.ReplaceAll(payload, "ISSUER", l.URL)
		text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		by := func(key ed25519.PrivateKey) string {
			return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
		}
		if got, err := v.Principal(t.Context(), by(foreign)); err == nil || got != (access.Principal{}) {
			t.Fatalf("another's %s.%s is %+v, %v", header, payload, got, err)
		}
		got, err := v.Principal(t.Context(), by(k.ed))
		if err != nil {
			if got != (access.Principal{}) {
				t.Errorf("%s.%s is refused (%v), and is %+v", header, payload, err, got)
			}
			return
		}
		var says struct{ header, claims map[string]any } // names as they are written, unlike those of a struct
		if err := json.Unmarshal([]byte(header), &says.header); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(payload), &says.claims); err != nil {
			t.Fatal(err)
		}
		to, _ := says.claims["aud"].([]any)
		expires, _ := says.claims["exp"].(float64)
		if says.header["alg"] != "EdDSA" || says.claims["iss"] != l.URL || "oidc:"+says.claims["sub"].(string) != got.Actor ||
			says.claims["aud"] != audience && !slices.Contains(to, any(audience)) || expires <= float64(noon.Unix()) {
			t.Errorf("%s.%s is %+v", header, payload, got)
		}
		if got.Role != access.Admin && got.Role != access.Reader && (got.Role != access.Sales || got.Scope.IsZero()) {
			t.Errorf("%s.%s has the role %q of %v", header, payload, got.Role, got.Scope)
		}
	})
}
