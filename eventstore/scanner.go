package eventstore

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A scanner takes one piece after the other from the front of rest. Once
// something was not as expected it has failed, and what it gives means nothing.
type scanner struct {
	rest      string
	separator byte // what stands before the next key: { or ,
	failed    bool
}

func (s *scanner) object() { s.separator = '{' }

func (s *scanner) end() {
	if s.failed = s.failed || s.separator == '{' || !strings.HasPrefix(s.rest, "}"); !s.failed {
		s.rest = s.rest[1:]
	}
}

// close takes the end of an object, also of an empty one.
func (s *scanner) close() {
	empty := s.separator == '{' && strings.HasPrefix(s.rest, "{}")
	if empty {
		s.rest, s.separator = s.rest[1:], ','
	}
	s.end()
}

// element tells whether a list goes on after so many elements, and takes what stands
// before the next one or at its end.
func (s *scanner) element(taken int) bool {
	if s.failed || s.rest == "" {
		s.failed = true
		return false
	}
	if taken == 0 {
		if s.failed = s.rest[0] != '['; s.failed {
			return false
		}
		s.rest = s.rest[1:]
		if strings.HasPrefix(s.rest, "]") {
			s.rest = s.rest[1:]
			return false
		}
		return true
	}
	next := s.rest[0]
	s.rest = s.rest[1:]
	s.failed = next != ',' && next != ']'
	return next == ','
}

// key takes the key, if it is next.
func (s *scanner) key(key string) bool {
	if s.failed || s.rest == "" || s.rest[0] != s.separator || !strings.HasPrefix(s.rest[1:], key) {
		return false
	}
	s.rest = s.rest[1+len(key):]
	s.separator = ','
	return true
}

func (s *scanner) need(key string) {
	if !s.key(key) {
		s.failed = true
	}
}

func (s *scanner) maybe(key string, into *string) {
	if s.key(key) {
		*into = s.text()
	}
}

// text takes a string in which nothing is escaped.
func (s *scanner) text() string {
	if s.failed || !strings.HasPrefix(s.rest, `"`) {
		s.failed = true
		return ""
	}
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			text := s.rest[1:i]
			s.rest = s.rest[i+1:]
			return text
		case c == '\\' || c < ' ':
			s.failed = true
			return ""
		}
	}
	s.failed = true
	return ""
}

// digit takes a number of one digit; a tenth shape of one event will be read
// all the same.
func (s *scanner) digit() int {
	if s.failed || s.rest == "" || s.rest[0] < '0' || s.rest[0] > '9' {
		s.failed = true
		return 0
	}
	n := int(s.rest[0] - '0')
	s.rest = s.rest[1:]
	return n
}

func (s *scanner) instant() time.Time {
	var instant time.Time
	if err := instant.UnmarshalText([]byte(s.text())); err != nil {
		s.failed = true
	}
	return instant
}

func (s *scanner) id() uuid.UUID {
	text := s.text()
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len("00000000-0000-0000-0000-000000000000") {
		s.failed = true
	}
	return id
}

func (s *scanner) truth() bool {
	for _, value := range []bool{true, false} {
		if rest, ok := strings.CutPrefix(s.rest, strconv.FormatBool(value)); ok && !s.failed {
			s.rest = rest
			return value
		}
	}
	s.failed = true
	return false
}

// integer takes a whole number that fits into so many bits.
func (s *scanner) integer(bits int) int64 {
	end := 0
	for end < len(s.rest) && (s.rest[end] >= '0' && s.rest[end] <= '9' || end == 0 && s.rest[end] == '-') {
		end++
	}
	digits := strings.TrimPrefix(s.rest[:end], "-")
	n, err := strconv.ParseInt(s.rest[:end], 10, bits)
	if err != nil || len(digits) > 1 && digits[0] == '0' {
		s.failed = true
		return 0
	}
	s.rest = s.rest[end:]
	return n
}
