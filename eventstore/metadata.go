package eventstore

import (
	"encoding/json"
	"errors"

	"crm/domain"
)

// envelope is the metadata as it is stored.
type envelope struct {
	Schema int `json:"schema"`
	domain.Meta
}

func decodeMeta(metadata []byte) (schema int, meta domain.Meta, err error) {
	if !isObject(metadata) {
		return 0, domain.Meta{}, errors.New("metadata is not an object")
	}
	var e envelope
	if err := json.Unmarshal(metadata, &e); err != nil {
		return 0, domain.Meta{}, err
	}
	return e.Schema, e.Meta, nil
}
