package http

import (
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"crm/domain"
)

// recent remembers what was asked under the last idempotency keys, to tell a
// caller who uses one for another request. A stream knows its own keys for ever;
// this table adds reuse across streams, while a key is among the last ones.
type recent struct {
	fingerprints *lru.Cache[uuid.UUID, string]
}

// recentKeys is how many keys are remembered.
const recentKeys = 1 << 16

func newRecent() *recent {
	fingerprints, err := lru.New[uuid.UUID, string](recentKeys)
	if err != nil {
		panic(err) // a size below one
	}
	return &recent{fingerprints: fingerprints}
}

// usedOtherwise reports whether the key is known with another request.
func (r *recent) usedOtherwise(command domain.CommandRef, keyed bool) bool {
	if !keyed {
		return false
	}
	known, ok := r.fingerprints.Get(command.ID)
	return ok && known != command.Fingerprint
}

// remember notes a command that was answered. A refused one leaves its key free.
func (r *recent) remember(a *ask) {
	if a.keyed {
		r.fingerprints.Add(a.Meta.Command.ID, a.Meta.Command.Fingerprint)
	}
}
