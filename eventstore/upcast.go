package eventstore

import (
	"errors"
	"fmt"
)

// A retiredShape is a form in which a type of event is no longer stored, but was.
type retiredShape struct {
	eventType string
	version   int
}

// An upcast turns the payload of a retired shape into that of the next version,
// bytes to bytes. It must not change its argument.
type upcast func(data []byte) ([]byte, error)

// retired has one function per retired shape. To change the shape of an event:
// raise its version in registry.go, add the function here, add the new golden
// file. The old golden files stay, and are read by the test for ever.
var retired = map[retiredShape]upcast{}

var errUnknownSchema = errors.New("unknown schema")

// toNewest brings a payload stored as version schema to the newest shape.
func (c *codec) toNewest(s shape, schema int, data []byte) ([]byte, error) {
	if schema < 1 || schema > s.version {
		return nil, errUnknownSchema
	}
	for ; schema < s.version; schema++ {
		step, ok := c.retired[retiredShape{s.eventType, schema}]
		if !ok {
			return nil, errUnknownSchema
		}
		var err error
		if data, err = step(data); err != nil {
			return nil, fmt.Errorf("upcast %s from version %d: %w", s.eventType, schema, err)
		}
	}
	return data, nil
}
