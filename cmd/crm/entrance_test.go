package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// issuer is an OpenID Connect issuer on this machine.
type issuer struct {
	*httptest.Server
	t     *testing.T
	shown atomic.Pointer[jose.JSONWebKeySet]
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(i.shown.Load()) })
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// rotate publishes a new key, and no other. The signature gives tokens of that key.
func (i *issuer) rotate(id string) (sign func(role string, claims map[string]any) string) {
	i.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.shown.Store(&jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: id}}})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", id))
	if err != nil {
		i.t.Fatal(err)
	}
	return func(role string, claims map[string]any) string {
		i.t.Helper()
		all := map[string]any{
			"iss": i.URL, "sub": "u-7", "aud": []string{"https://crm.example"}, "exp": time.Now().Add(time.Hour).Unix(),
			"realm_access": map[string]any{"roles": []string{"unknown", role}},
		}
		maps.Copy(all, claims)
		text, err := json.Marshal(all)
		if err != nil {
			i.t.Fatal(err)
		}
		signed, err := signer.Sign(text)
		if err != nil {
			i.t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			i.t.Fatal(err)
		}
		return token
	}
}

// A server lets in who shows a token of the company's issuer, as what the token's groups
// say, and nobody whose token is for others, over, or signed by somebody else; and it
// notices that the issuer signs with another key.
func TestTokensOfAnIssuer(t *testing.T) {
	t.Parallel()
	const employee = "0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21"
	login := startIssuer(t)
	sign := login.rotate("first")
	f := startFleet(t, 1, "--oidc-issuer", login.URL, "--oidc-audience", "https://crm.example",
		"--oidc-role-claim", "realm_access.roles", "--oidc-employee-claim", "employee",
		"--oidc-grant", "desk=sales;field=sales:own;ops=monitor",
		"--trusted-proxies", "127.0.0.1/32") // so that each request here is of an address of its own
	p, sent := f.servers[0], 0
	ask := func(token, method, path, body string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		sent++
		request.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", sent%250))
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		response, err := f.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(answer)
	}
	status, answer := ask(sign("desk", nil), http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`)
	var ada accepted
	if err := json.Unmarshal([]byte(answer), &ada); err != nil || status != http.StatusCreated {
		t.Fatalf("a token is answered %d %s", status, answer)
	}
	if _, events := ask(p.key, http.MethodGet, "/v1/events?type=customer.registered", ""); !strings.Contains(events, `"actorid":"oidc:u-7"`) {
		t.Errorf("who it was is not in the history: %s", events)
	}
	ask(p.key, http.MethodGet, "/v1/customers/"+ada.ID+"?min_position="+ada.Position, "")
	stranger := startIssuer(t)
	for what, c := range map[string]struct {
		token, path string
		want        int
		says        string
	}{
		"who sells, of a customer":              {sign("desk", nil), "/v1/customers/" + ada.ID, http.StatusOK, "Ada"},
		"who sells, of the figures":             {sign("desk", nil), "/metrics", http.StatusForbidden, "metrics.read"},
		"who watches, of the figures":           {sign("ops", nil), "/metrics", http.StatusOK, "crm_"},
		"who watches, of a customer":            {sign("ops", nil), "/v1/customers/" + ada.ID, http.StatusForbidden, "customers.read"},
		"who sells their own, of another's":     {sign("field", map[string]any{"employee": employee}), "/v1/customers/" + ada.ID, http.StatusNotFound, "customer-unknown"},
		"who is nobody's employee":              {sign("field", nil), "/v1/customers", http.StatusForbidden, "no-role"},
		"a group without a role":                {sign("guests", nil), "/v1/customers", http.StatusForbidden, "no-role"},
		"a token for another program":           {sign("desk", map[string]any{"aud": "https://shop.example"}), "/v1/customers", http.StatusUnauthorized, "another audience"},
		"a token that is over":                  {sign("desk", map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), "/v1/customers", http.StatusUnauthorized, "expired"},
		"an issuer that is not ours":            {stranger.rotate("first")("desk", nil), "/v1/customers", http.StatusUnauthorized, "not one of ours"},
		"another's key under the issuer's name": {stranger.rotate("first")("desk", map[string]any{"iss": login.URL}), "/v1/customers", http.StatusUnauthorized, "signature"},
	} {
		if status, answer := ask(c.token, http.MethodGet, c.path, ""); status != c.want || !strings.Contains(answer, c.says) {
			t.Errorf("%s: %d %.300s", what, status, answer)
		}
	}

	former := sign("desk", nil)
	sign = login.rotate("second")
	eventually(t, "a token of the issuer's next key lets in", func() bool {
		status, _ := ask(sign("desk", nil), http.MethodGet, "/v1/customers", "")
		return status == http.StatusOK
	})
	if status, answer := ask(former, http.MethodGet, "/v1/customers", ""); status != http.StatusUnauthorized {
		t.Errorf("a token of a key that is not published any more: %d %s", status, answer)
	}
	login.Close() // the keys are known
	if status, answer := ask(sign("desk", nil), http.MethodGet, "/v1/customers", ""); status != http.StatusOK {
		t.Errorf("while the issuer is away: %d %s", status, answer)
	}
	f.stop()
}
