package importing

import (
	"errors"
	"fmt"
	"strings"
)

// template is a text with references in it: "Lead ${Lead Number}". A text that
// refers to something blank is blank.
type template struct {
	parts []templatePart
}

type templatePart struct {
	literal string
	ref     *reference
}

// reference names a value of the mapping, or a column of the file.
type reference struct {
	value  *value
	column string
}

func (r *reference) of(s *scope) (result, error) {
	if r.value != nil {
		return r.value.of(s)
	}
	text := s.column(r.column)
	if strings.IndexByte(text, 0) >= 0 {
		return result{}, fmt.Errorf("%s: the text holds a NUL byte", r.column)
	}
	return result{kind: asText, text: text}, nil
}

// parseTemplate reads a text with references; $${ is a plain ${. resolve says
// what a name stands for.
func parseTemplate(text string, resolve func(name string) (*reference, error)) (*template, error) {
	t := &template{}
	literal := ""
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			literal += text
			break
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			literal += escaped + "${"
			text = after
			continue
		}
		literal += before
		name, rest, closed := strings.Cut(after, "}")
		if !closed || trim(name) == "" {
			return nil, errors.New("a ${ has no name or no }")
		}
		ref, err := resolve(trim(name))
		if err != nil {
			return nil, err
		}
		if literal != "" {
			t.parts = append(t.parts, templatePart{literal: literal})
		}
		t.parts = append(t.parts, templatePart{ref: ref})
		literal, text = "", rest
	}
	if literal != "" {
		t.parts = append(t.parts, templatePart{literal: literal})
	}
	return t, nil
}

// refers reports whether the template is more than a literal.
func (t *template) refers() bool {
	for _, part := range t.parts {
		if part.ref != nil {
			return true
		}
	}
	return false
}

// of is the text in the scope. A template that is one reference and nothing else
// keeps the reference's kind.
func (t *template) of(s *scope) (result, error) {
	if len(t.parts) == 1 && t.parts[0].ref != nil {
		return t.parts[0].ref.of(s)
	}
	var text strings.Builder
	for _, part := range t.parts {
		if part.ref == nil {
			text.WriteString(part.literal)
			continue
		}
		found, err := part.ref.of(s)
		if err != nil || found.blank() {
			return result{kind: asText}, err
		}
		text.WriteString(found.text)
	}
	return result{kind: asText, text: text.String()}, nil
}
