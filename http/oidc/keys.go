package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// algorithms are how tokens may be signed.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}

var algorithmNames = []string{"RS256", "PS256", "ES256", "EdDSA"}

const (
	// fetchTimeout is how long an issuer may take to answer.
	fetchTimeout = 5 * time.Second
	// keysAge is after what time the keys are fetched again.
	keysAge = 10 * time.Minute
	// keysKept is how long keys are believed while their issuer is away.
	keysKept = 24 * time.Hour
	// fetchPause is between two questions for a key that is not among those we have,
	// and after an issuer was away: anybody can make up a kid.
	fetchPause = 5 * time.Second
	// maxKeys is how long an issuer's answer may be, in bytes.
	maxKeys = 1 << 20
)

// keySet is what is known of an issuer's keys. It satisfies go-oidc's KeySet.
type keySet struct {
	issuer string
	client *http.Client
	now    func() time.Time

	known atomic.Pointer[published]

	fetching sync.Mutex
	tried    time.Time // the last fetch; under fetching
	place    string    // of the keys, as the issuer told; under fetching
}

// published are an issuer's keys, as of a moment.
type published struct {
	keys []jose.JSONWebKey
	at   time.Time
}

// VerifySignature gives the payload of a token that one of the keys has signed.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, Refused("it cannot be read")
	}
	header := jws.Signatures[0].Header
	key, err := k.find(ctx, header.KeyID, jose.SignatureAlgorithm(header.Algorithm))
	if err != nil {
		return nil, err
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, Refused("its signature is wrong")
	}
	return payload, nil
}

// find is the key of that id for the algorithm.
func (k *keySet) find(ctx context.Context, id string, algorithm jose.SignatureAlgorithm) (any, error) {
	known := k.known.Load()
	if known != nil && k.now().Sub(known.at) > keysAge && k.fetching.TryLock() { // the others go on with those we have
		k.fetch(ctx)
		k.fetching.Unlock()
		known = k.known.Load()
	}
	if key, ok := known.find(id, algorithm, k.now()); ok {
		return key, nil
	}
	k.fetching.Lock()
	if k.known.Load() == known { // nobody has fetched while we waited
		k.fetch(ctx)
	}
	k.fetching.Unlock()
	known = k.known.Load()
	if key, ok := known.find(id, algorithm, k.now()); ok {
		return key, nil
	}
	if known.over(k.now()) {
		return nil, ErrAway
	}
	return nil, Refused("no key of its issuer fits")
}

// over reports whether the keys are too old to believe in, or there are none.
func (p *published) over(now time.Time) bool { return p == nil || now.Sub(p.at) > keysKept }

// find is the one key of that id for the algorithm; without an id, the only one for it.
func (p *published) find(id string, algorithm jose.SignatureAlgorithm, now time.Time) (any, bool) {
	if p.over(now) {
		return nil, false
	}
	var found []any
	for _, key := range p.keys {
		if (id == "" || key.KeyID == id) && fits(key, algorithm) {
			found = append(found, key.Key)
		}
	}
	if len(found) != 1 {
		return nil, false
	}
	return found[0], true
}

// fits reports whether a key is one for the algorithm: a key of another kind is how an
// algorithm is turned against it.
func fits(key jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	if key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != string(algorithm) || !key.Valid() {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return (algorithm == jose.RS256 || algorithm == jose.PS256) && public.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return algorithm == jose.ES256 && public.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return algorithm == jose.EdDSA
	}
	return false
}

// fetch asks the issuer for its keys, unless that was just tried. Those we have stay
// when it is away. It runs under k.fetching, and to its end also when the request that
// asks goes away, since others wait for it.
func (k *keySet) fetch(ctx context.Context) {
	if now := k.now(); now.Sub(k.tried) < fetchPause {
		return
	}
	k.tried = k.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	keys, err := k.ask(ctx)
	if err != nil {
		k.place = "" // it may have moved
		return
	}
	k.known.Store(&published{keys: keys, at: k.tried})
}

func (k *keySet) ask(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx = gooidc.ClientContext(ctx, k.client)
	if k.place == "" {
		provider, err := gooidc.NewProvider(ctx, k.issuer) // it refuses an issuer that calls itself otherwise
		if err != nil {
			return nil, err
		}
		var told struct {
			Keys string `json:"jwks_uri"`
		}
		if err := provider.Claims(&told); err != nil {
			return nil, err
		}
		at, err := url.Parse(told.Keys)
		if err != nil || at.Scheme != "https" && (!strings.HasPrefix(k.issuer, "http:") || !loopback(at.Hostname())) {
			return nil, errors.New("the issuer's keys are not at an https address")
		}
		k.place = told.Keys
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.place, nil)
	if err != nil {
		return nil, err
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the issuer's keys are answered %s", response.Status)
	}
	var answer struct{ Keys []json.RawMessage }
	if err := json.NewDecoder(io.LimitReader(response.Body, maxKeys)).Decode(&answer); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, text := range answer.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) == nil && key.IsPublic() { // others are for what we do not do
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer publishes no key")
	}
	return keys, nil
}
