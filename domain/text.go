package domain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long texts may be, in characters (Unicode code points).
const (
	// ShortText is a name, title or label: at most 2,000 bytes, so that an index
	// of Postgres takes it (2,704 bytes).
	ShortText = 500
	// LongText is a note, description or proof.
	LongText = 100_000
)

// CheckText refuses with [ErrInvalid] at the pointer what no room can keep: more
// characters than the limit, bytes that are not UTF-8, and control characters
// other than tab and line breaks. Postgres takes no NUL in a text, and a log is
// for ever, so such a text must not become an event.
func CheckText[T ~string](pointer string, text T, limit int) error {
	switch {
	case !utf8.ValidString(string(text)):
		return ErrInvalid.At(pointer, "The text is not UTF-8.")
	case strings.ContainsFunc(string(text), isUnprintable):
		return ErrInvalid.At(pointer, "The text has control characters other than tab and line breaks.")
	case utf8.RuneCountInString(string(text)) > limit:
		return ErrInvalid.At(pointer, "The text is longer than %d characters.", limit)
	}
	return nil
}

func isUnprintable(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r'
}

// Blank reports whether the text says nothing.
func Blank[T ~string](text T) bool { return strings.TrimSpace(string(text)) == "" }
