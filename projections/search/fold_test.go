package search_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/projections/search"
)

// What people take for one folds to one, and what they do not stays two.
func TestFold(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"Müller", "Mueller", "MUELLER", "muller", "Mu\u0308ller"},
		{"Straße", "Strasse", "STRASSE", "STRAẞE"},
		{"Schäfer", "Schaefer", "Schafer"},
		{"Größe", "Groesse", "Grosse"},
		{"Søren", "Soeren", "Soren"},
		{"José", "Jose", "JOSÉ"},
		{"Łukasz", "Lukasz"},
		{"Dvořák", "Dvorak"},
		{"Yıldız", "Yildiz", "YILDIZ"},
		{"Æneas", "Aeneas"},
		{"ﬁnance", "Finance"},
		{"Дмитрий", "ДМИТРИЙ"},
	} {
		for _, other := range same[1:] {
			if search.Fold(same[0]) != search.Fold(other) {
				t.Errorf("%q is %q, %q is %q", same[0], search.Fold(same[0]), other, search.Fold(other))
			}
		}
	}
	for _, word := range []string{"neue", "quelle", "bauer", "steuer", "euer"} {
		if got := search.Fold(word); got != word {
			t.Errorf("%q has no umlaut, and is %q", word, got)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Dr. Ada  Lovelace": "dr ada lovelace", "O'Hara": "ohara", "D’Angelo": "dangelo", "Müller-Lüdenscheidt": "muller ludenscheidt",
		"Acme_GmbH & Co. KG": "acme gmbh co kg", "100 %": "100", "": "", "!?": "", "李小龍": "李小龍",
		strings.Repeat("x", 300): strings.Repeat("x", 100),
	} {
		if got := strings.Join(search.Words(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTerms(t *testing.T) {
	t.Parallel()
	var c search.Contacts
	c.Email("Ada.Lovelace+x@Example.org")
	c.Phone("(030) 123-4567", "+49301234567")
	c.Words("Hauptstraße 7, 10115 Berlin")
	for _, story := range []struct{ got, want string }{
		{search.NameTerms("Anna Anna Müller", false), " anna muller"},
		{search.NameTerms("Müller GmbH", true), " muller gmbh &muller &gmbh"},
		{c.Text(), " ada.lovelace+x@example.org example.org +49301234567 #76543210394 0301234567 hauptstrasse 7 10115 berlin"},
		{strings.Join(search.NameWords(search.NameTerms("Müller GmbH", true)), " "), "muller gmbh"},
	} {
		if diff := cmp.Diff(story.want, story.got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestTypos(t *testing.T) {
	t.Parallel()
	for _, story := range []struct {
		typed, word string
		typos       int // 0: too many
	}{
		{"Jnae", "jane", 1},
		{"Jame", "jane", 1},
		{"Jan", "jane", 1},
		{"Jaane", "jane", 1},
		{"Janet", "mary", 0},
		{"Möeler", "moller", 1},
		{"Lovelase", "lovelace", 1},
		{"Lovlase", "lovelace", 2},
		{"Lvlase", "lovelace", 0},
		{"werke", "stadtwerke", 1},
		{"Meyer", "mayer", 1},
		{"Maier", "meyer", 0},
	} {
		words := search.Parse(story.typed).Fuzzy()
		if len(words) != 1 {
			t.Fatalf("%q: %v", story.typed, words)
		}
		if typos, ok := words[0].Typos(search.Fold(story.word)); ok != (story.typos > 0) || ok && typos != story.typos {
			t.Errorf("%q for %q: %d %t, want %d", story.typed, story.word, typos, ok, story.typos)
		}
	}
	for _, text := range []string{"ada@example.org", "030 1234567", "ada ada@example.org", "a", "R2D2"} {
		if words := search.Parse(text).Fuzzy(); words != nil {
			t.Errorf("%q may be mistyped: %v", text, words)
		}
	}
}
