package oidc_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"crm/http/access"
	"crm/http/oidc"
)

const (
	audience = "https://crm.example"
	employee = "0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// keys are made once: RSA takes its time.
var keys = sync.OnceValue(func() (k struct {
	rsa, foreign, weak *rsa.PrivateKey
	ec                 *ecdsa.PrivateKey
	p384               *ecdsa.PrivateKey
	ed                 ed25519.PrivateKey
},
) {
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.foreign, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.weak, _ = rsa.GenerateKey(rand.Reader, 1024)
	k.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.p384, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, k.ed, _ = ed25519.GenerateKey(rand.Reader)
	return k
})

// local is an issuer of the test's own.
type local struct {
	*httptest.Server
	away    atomic.Bool
	fetched atomic.Int64 // how often its keys were asked for
	set     atomic.Pointer[jose.JSONWebKeySet]
}

func newIssuer(tb testing.TB) *local {
	tb.Helper()
	l := &local{}
	k := keys()
	l.publish(
		jose.JSONWebKey{Key: k.rsa.Public(), KeyID: "rsa", Use: "sig"},
		jose.JSONWebKey{Key: k.ec.Public(), KeyID: "ec", Algorithm: "ES256"},
		jose.JSONWebKey{Key: k.ed.Public(), KeyID: "ed"},
		jose.JSONWebKey{Key: k.weak.Public(), KeyID: "weak"},
		jose.JSONWebKey{Key: k.p384.Public(), KeyID: "p384"},
		jose.JSONWebKey{Key: k.foreign.Public(), KeyID: "enc", Use: "enc"},
	)
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": l.URL, "jwks_uri": l.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		l.fetched.Add(1)
		_ = json.NewEncoder(w).Encode(l.set.Load())
	})
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	tb.Cleanup(l.Close)
	return l
}

func (l *local) publish(keys ...jose.JSONWebKey) { l.set.Store(&jose.JSONWebKeySet{Keys: keys}) }

// clock is moved by hand.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return noon.Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

func verifier(tb testing.TB, at *clock, issuers ...oidc.Issuer) *oidc.Verifier {
	tb.Helper()
	v, err := oidc.New(oidc.Config{
		Issuers: issuers, Audience: audience, EmployeeClaim: "crm.employee", RoleClaim: "groups", Now: at.now,
		Grants: []oidc.Grant{{Value: "admins", Role: access.Admin}, {Value: "sellers", Role: access.Sales, Own: true}, {Value: "staff", Role: access.Reader}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// object is a header or claims.
type object map[string]any

func (o object) with(more object) object {
	all := maps.Clone(o)
	for name, value := range more {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

func (l *local) claims() object {
	return object{
		"iss": l.URL, "sub": "u-1", "aud": audience, "exp": noon.Add(time.Hour).Unix(), "iat": noon.Unix(),
		"groups": []string{"staff"}, "crm": object{"employee": employee},
	}
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// sign makes a token whose header is what go-jose makes of the key and more.
func sign(tb testing.TB, algorithm jose.SignatureAlgorithm, key any, header, claims object) string {
	tb.Helper()
	data, err := json.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	return signBytes(tb, algorithm, key, header, data)
}

func signBytes(tb testing.TB, algorithm jose.SignatureAlgorithm, key any, header object, payload []byte) string {
	tb.Helper()
	options := &jose.SignerOptions{}
	if _, has := header["typ"]; !has {
		options = options.WithType("JWT")
	}
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}
