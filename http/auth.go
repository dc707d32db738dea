package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"crm/http/access"
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
}

// authenticate lets the holders of a key in, and notes who asks.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		holder, ok := s.holder(r.Header.Get("Authorization"))
		if !ok {
			fail(w, r, ErrKeyMissing)
			return
		}
		exchangeOf(r.Context()).principal = holder
		next.ServeHTTP(w, r)
	})
}

// holder is who has the key in an Authorization header. Every key is compared, in
// constant time, so that an answer's time tells nothing.
func (s *Server) holder(authorization string) (access.Principal, bool) {
	scheme, key, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || key == "" {
		return access.Principal{}, false
	}
	presented := HashKey(strings.TrimSpace(key))
	holder, found := access.Principal{}, false
	for name, key := range s.cfg.Keys {
		if subtle.ConstantTimeCompare(presented[:], key.Hash[:]) == 1 {
			holder, found = access.As(name, key.Role), true
		}
	}
	return holder, found
}
