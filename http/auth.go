package http

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/apikey"
	"crm/http/access"
	"crm/http/credentials"
	"crm/http/limits"
	"crm/http/oidc"
)

// KeyHash is the SHA-256 of an API key. A key has at least 112 random bits, so
// that a fast hash is enough (ASVS 6.5.2), and only its hash need be kept.
type KeyHash [sha256.Size]byte

// HashKey is the hash of a key.
func HashKey(key string) KeyHash { return sha256.Sum256([]byte(key)) }

// Key is an API key of a file.
type Key struct {
	// Hash is of the key itself. Needed.
	Hash KeyHash
	// Role is what its holder is here for. Needed.
	Role access.Role
	// Scope is the employee whose rows are all there is for the holder. Default:
	// everybody's.
	Scope domain.EmployeeID
	// Masked is a holder who does not see what is personal, whatever the role.
	Masked bool
}

// principal is who holds the key of that name.
func (k Key) principal(name string) access.Principal {
	p := access.As(name, k.Role)
	p.Scope, p.Personal = k.Scope, p.Personal && !k.Masked
	return p
}

// ReplaceKeys replaces the keys of the file. Requests that were let in go on.
func (s *Server) ReplaceKeys(keys map[string]Key) { s.keys.Store(&keys) }

func (s *Server) fileKeys() map[string]Key { return *s.keys.Load() }

// caller is who asks, and how often they may.
type caller struct {
	access.Principal
	rate int // requests a second; 0: as the installation grants
}

// credential is what follows "Bearer".
type credential struct {
	text string
	hash KeyHash
}

// A way makes a caller out of what is shown. It answers errOtherWay for what another
// way may know.
type way func(ctx context.Context, shown credential) (caller, error)

var errOtherWay = errors.New("http: not a credential of this kind")

// waysIn are in the order of what they cost: a hash in memory, a key in the log, a
// signature.
func (s *Server) waysIn() []way {
	ways := []way{s.fileKey, s.issuedKey}
	if s.cfg.Tokens != nil {
		ways = append(ways, s.token)
	}
	return ways
}

// authenticate lets those in who show a credential, as often as they may, and notes
// who asks.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asks, err := s.letIn(w, r)
		if err != nil {
			fail(w, r, err)
			return
		}
		exchangeOf(r.Context()).principal = asks.Principal
		if asks.Key != uuid.Nil {
			s.uses.note(asks.Key, s.cfg.Now())
		}
		if !s.admit(w, asks) {
			fail(w, r, ErrRateLimited)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// letIn recognizes who sends a request, unless wrong credentials come from there all
// the time.
func (s *Server) letIn(w http.ResponseWriter, r *http.Request) (caller, error) {
	shown, err := bearer(r)
	if err != nil {
		return caller{}, err
	}
	if wait := s.mustWait(r, shown); wait > 0 {
		w.Header().Set("Retry-After", limits.Whole(wait))
		return caller{}, ErrTooManyFailures
	}
	asks, err := s.holder(r.Context(), shown)
	s.noteLogIn(r, shown, err)
	return asks, err
}

// recognize makes a caller out of the credential that a request shows.
func (s *Server) recognize(r *http.Request) (caller, error) {
	shown, err := bearer(r)
	if err != nil {
		return caller{}, err
	}
	return s.holder(r.Context(), shown)
}

// holder tries one way after the other.
func (s *Server) holder(ctx context.Context, shown credential) (caller, error) {
	for _, try := range s.ways {
		if asks, err := try(ctx, shown); !errors.Is(err, errOtherWay) {
			return asks, err
		}
	}
	return caller{}, ErrKeyMissing
}

// bearer is what the Authorization header shows. There is one: of two a proxy in
// front might have looked at the other.
func bearer(r *http.Request) (credential, error) {
	values := r.Header["Authorization"]
	if len(values) > 1 {
		return credential{}, &headerFault{"Authorization", "The header is there more than once."}
	}
	if len(values) == 0 {
		return credential{}, ErrKeyMissing
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	if text = strings.Trim(text, " "); !strings.EqualFold(scheme, "Bearer") || text == "" {
		return credential{}, ErrKeyMissing
	}
	return credential{text, HashKey(text)}, nil
}

// fileKey knows the keys of the key file. Every one is compared, in constant time, so
// that an answer's time tells nothing.
func (s *Server) fileKey(_ context.Context, shown credential) (caller, error) {
	found, err := caller{}, errOtherWay
	for name, key := range s.fileKeys() {
		if subtle.ConstantTimeCompare(shown.hash[:], key.Hash[:]) == 1 {
			found, err = caller{Principal: key.principal(name)}, nil
		}
	}
	return found, err
}

// issuedKey knows the keys that were issued, as they were a second ago at most.
func (s *Server) issuedKey(ctx context.Context, shown credential) (caller, error) {
	token, err := credentials.Parse(shown.text)
	switch {
	case errors.Is(err, credentials.ErrMistyped):
		return caller{}, ErrKeyMissing.At("", "The API key has a typing error: its last characters do not fit the others. Copy it again.")
	case err != nil:
		return caller{}, errOtherWay
	}
	key, err := s.cfg.Commands.APIKey(ctx, token.ID)
	if errors.Is(err, apikey.ErrUnknown) {
		return caller{}, ErrKeyMissing
	}
	if err != nil {
		return caller{}, err
	}
	now := s.cfg.Now()
	if !token.Opens(key.Secrets(now)) {
		return caller{}, why(token, key)
	}
	return caller{Principal: issuedTo(token.ID, key), rate: key.Terms.RateLimit}, nil
}

// issuedTo is who holds a key that was issued.
func issuedTo(id domain.APIKeyID, key apikey.State) access.Principal {
	p := access.As(key.Name, access.Role(key.Terms.Role))
	p.Key, p.Scope = id.UUID, key.Terms.Scope
	p.Personal = p.Personal && !key.Terms.Masked
	return p
}

// why says what became of a key to who has its secret, and to nobody else.
func why(token credentials.Token, key apikey.State) error {
	switch {
	case !token.Opens(key.Secret, key.Former):
		return ErrKeyMissing
	case key.Revoked:
		return ErrKeyMissing.At("", "The API key %s was revoked.", key.Name)
	case !token.Opens(key.Secret, ""):
		return ErrKeyMissing.At("", "The API key %s was rotated: it has another secret now.", key.Name)
	default:
		return ErrKeyMissing.At("", "The API key %s has expired.", key.Name)
	}
}

// token knows the tokens of OpenID Connect issuers.
func (s *Server) token(ctx context.Context, shown credential) (caller, error) {
	asks, err := s.cfg.Tokens.Principal(ctx, shown.text)
	if errors.Is(err, oidc.ErrNoToken) {
		return caller{}, errOtherWay
	}
	if why, refused := errors.AsType[oidc.Refused](err); refused {
		return caller{}, ErrKeyMissing.At("", "The token is refused: %s.", why)
	}
	return caller{Principal: asks}, err
}
