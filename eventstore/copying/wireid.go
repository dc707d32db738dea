package copying

import (
	"encoding/binary"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
)

// idOf reads an id of either form; it is nil where there is none.
func idOf(id *shared.UUID) uuid.UUID {
	if text := id.GetString_(); text != "" {
		parsed, _ := uuid.Parse(text) // nil, if it is none
		return parsed
	}
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], uint64(id.GetStructured().GetMostSignificantBits()))
	binary.BigEndian.PutUint64(u[8:], uint64(id.GetStructured().GetLeastSignificantBits()))
	return u
}

func wireID(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}
