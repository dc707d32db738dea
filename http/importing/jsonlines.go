package importing

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// jsonReader reads JSON lines: an object on each line. A member of an object in
// it is named with a dot ("address.city"); a list is a list of items, in which a
// value that is no object is named "value".
type jsonReader struct{ lines *lines }

func newJSONReader(r io.Reader) *jsonReader { return &jsonReader{lines: newLines(r)} }

func (j *jsonReader) names() []string { return nil }

func (j *jsonReader) next() (*record, error) {
	l, err := j.lines.next()
	for err == nil && len(bytes.TrimSpace(l.text)) == 0 && !l.cut {
		l, err = j.lines.next()
	}
	if err != nil {
		return nil, err
	}
	r := &record{line: l.number, raw: l.text, fields: fields{}, lists: map[string][]fields{}}
	if err := l.refused(r.parse(l)); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *record) parse(l line) string {
	switch {
	case l.cut:
		return "the line is longer than 1 MiB"
	case bytes.IndexByte(l.text, 0) >= 0:
		return "the line holds a NUL byte"
	case !utf8.Valid(l.text):
		return "the line is not valid UTF-8; if the file is in another encoding, name it in the mapping"
	}
	decoder := json.NewDecoder(bytes.NewReader(l.text))
	decoder.UseNumber() // a number stays what was written
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil {
		return "the line is not a JSON object"
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "something follows the JSON object"
	}
	r.flatten("", object, r.fields)
	return ""
}

// flatten puts an object's values under their dotted names. Lists within lists
// are left out: an item holds texts only.
func (r *record) flatten(prefix string, object map[string]any, into fields) {
	for name, value := range object {
		name = prefix + name
		switch v := value.(type) {
		case map[string]any:
			r.flatten(name+".", v, into)
		case []any:
			items := make([]fields, 0, len(v))
			for _, element := range v {
				item := fields{}
				if o, ok := element.(map[string]any); ok {
					inner := record{lists: map[string][]fields{}}
					inner.flatten("", o, item)
				} else if text, ok := jsonText(element); ok {
					item["value"] = text
				}
				items = append(items, item)
			}
			r.lists[name] = items
		default:
			if text, ok := jsonText(v); ok {
				into[name] = text
			}
		}
	}
}

func jsonText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false // null
}
