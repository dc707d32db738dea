package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// KeyHash is the SHA-256 of an API key. A key has at least 112 random bits, so
// that a fast hash is enough (ASVS 6.5.2), and only its hash need be kept.
type KeyHash [sha256.Size]byte

// HashKey is the hash of a key.
func HashKey(key string) KeyHash { return sha256.Sum256([]byte(key)) }

// authenticate lets the holders of a key in, and notes who asks.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, ok := s.holder(r.Header.Get("Authorization"))
		if !ok {
			fail(w, r, ErrKeyMissing)
			return
		}
		exchangeOf(r.Context()).actor = actor
		next.ServeHTTP(w, r)
	})
}

// holder is the name of the key in an Authorization header. Every key is
// compared, in constant time, so that an answer's time tells nothing.
func (s *Server) holder(authorization string) (string, bool) {
	scheme, key, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || key == "" {
		return "", false
	}
	presented := HashKey(strings.TrimSpace(key))
	name, found := "", false
	for candidate, hash := range s.cfg.Keys {
		if subtle.ConstantTimeCompare(presented[:], hash[:]) == 1 {
			name, found = candidate, true
		}
	}
	return name, found
}
