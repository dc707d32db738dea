package access

import (
	"bytes"
	"encoding/json"
	"fmt"

	jsonx "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"crm/domain"
)

// Partly is implemented by what alone knows which part of it is personal.
type Partly interface {
	// WithoutPersonal is what may be shown to everybody; nil for nothing.
	WithoutPersonal() any
}

// Masked is v as encoding/json writes it, without what is personal: every
// [domain.Personal] in it is left out, wherever it stands, and every object of which
// something was left out says so: "masked": true. A list or an object of which nothing
// is left is left out too.
//
// A type that writes its own JSON is taken at its word, unless it is [Partly] so.
func Masked(v any) (json.RawMessage, error) {
	text, err := jsonx.Marshal(v, jsonv1.DefaultOptionsV1(), jsonx.WithMarshalers(markers))
	if err != nil {
		return nil, fmt.Errorf("access: mask %T: %w", v, err)
	}
	masked, gone, err := without(jsontext.NewDecoder(bytes.NewReader(text)))
	if err != nil {
		return nil, fmt.Errorf("access: mask %T: %w", v, err)
	}
	if gone {
		return json.RawMessage("null"), nil
	}
	return masked, nil
}

// gap stands for what is personal, until it is taken out. It holds what no text of
// ours may (domain.CheckText), so that nothing else is taken for it.
const gap = `"\u0000personal"`

var markers = jsonx.JoinMarshalers(
	jsonx.MarshalToFunc(func(out *jsontext.Encoder, _ domain.Personal) error {
		return out.WriteValue(jsontext.Value(gap))
	}),
	jsonx.MarshalToFunc(func(out *jsontext.Encoder, v Partly) error {
		shown := v.WithoutPersonal()
		if shown == nil {
			return out.WriteValue(jsontext.Value(gap))
		}
		return jsonx.MarshalEncode(out, shown)
	}),
)

// without is the next value without its gaps, or gone when nothing is left of it.
func without(in *jsontext.Decoder) (text []byte, gone bool, err error) {
	switch in.PeekKind() {
	case '{':
		return members(in)
	case '[':
		return elements(in)
	default:
		value, err := in.ReadValue()
		return bytes.Clone(value), string(value) == gap, err
	}
}

func members(in *jsontext.Decoder) (text []byte, gone bool, err error) {
	if _, err := in.ReadToken(); err != nil {
		return nil, false, err
	}
	text = append(text, '{')
	lost, said := false, false
	for in.PeekKind() == '"' {
		name, err := in.ReadValue()
		if err != nil {
			return nil, false, err
		}
		name = name.Clone()
		value, gone, err := without(in)
		if err != nil {
			return nil, false, err
		}
		if gone {
			lost = true
			continue
		}
		said = said || string(name) == `"masked"`
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(append(text, name...), ':'), value...)
	}
	if _, err := in.ReadToken(); err != nil {
		return nil, false, err
	}
	if gone = lost && len(text) == 1; lost && !gone && !said {
		text = append(text, `,"masked":true`...)
	}
	return append(text, '}'), gone, nil
}

func elements(in *jsontext.Decoder) (text []byte, gone bool, err error) {
	if _, err := in.ReadToken(); err != nil {
		return nil, false, err
	}
	text = append(text, '[')
	lost := false
	for in.PeekKind() != ']' {
		value, gone, err := without(in)
		if err != nil {
			return nil, false, err
		}
		if gone {
			lost = true
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(text, value...)
	}
	_, err = in.ReadToken()
	return append(text, ']'), lost && len(text) == 1, err
}
