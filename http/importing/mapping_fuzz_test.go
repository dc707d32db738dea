package importing

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// bombs are short mappings that would be long if all that they say were written out, or
// that lead a reader deep.
var bombs = map[string]string{
	"aliases":          "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\nmaps: {m: {w: *f}}\n",
	"merged aliases":   "maps: &a {x: {y: z}}\nvalues: {<<: *a, b: {<<: *a}}\n",
	"an alias of self": "maps: &a {x: *a}\n",
	"lists":            "maps: " + strings.Repeat("[", 200_000),
	"objects":          "maps: " + strings.Repeat("{a: ", 200_000),
	"many lists":       "maps: [" + strings.Repeat("[],", 80_000) + "]",
	"all that may be":  "maps: " + strings.Repeat("[", maxOpen),
	"all, and closed":  "maps: " + strings.Repeat("{a: ", maxOpen) + strings.Repeat("}", maxOpen),
	"indents":          indented(1000),
	"dashes":           "files: " + strings.Repeat("- ", 200_000),
	"questions":        strings.Repeat("? ", 100_000),
	"tags":             "maps: " + strings.Repeat("!!a ", 100_000),
	"anchors":          "maps: " + strings.Repeat("&a ", 100_000),
	"quotes":           "maps: \"" + strings.Repeat(`\x41`, 200_000),
	"documents":        strings.Repeat("---\n", 100_000),
	"comments":         strings.Repeat("# a\n", 100_000),
	"colons":           strings.Repeat("a:", 200_000),
	"lines":            strings.Repeat("\n", 1<<20),
}

func indented(levels int) string {
	var out strings.Builder
	out.WriteString("maps:\n")
	for i := range levels {
		out.WriteString(strings.Repeat(" ", i+1) + "a:\n")
	}
	return out.String()
}

// A mapping that is a bomb is refused before it takes time or memory.
func TestMappingsThatAreBombs(t *testing.T) {
	t.Parallel()
	for name, text := range bombs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := Parse("bomb", []byte(text))
			if err == nil || strings.Contains(err.Error(), "Go ") {
				t.Errorf("taken, or refused with %v", err)
			}
			t.Logf("%v: %.100v", time.Since(began), err)
		})
	}
}

// FuzzMapping checks that any text is a mapping or told why not, in words.
func FuzzMapping(f *testing.F) {
	for _, name := range Builtins() {
		if text, ok := Text(name); ok {
			f.Add(string(text))
		}
	}
	for _, text := range bombs {
		if len(text) < 1000 {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := Parse("m", []byte(text))
		if (plan == nil) != (err != nil) {
			t.Fatalf("%v, %v", plan, err)
		}
		if err != nil && (err.Error() == "" || utf8.ValidString(text) && !utf8.ValidString(err.Error())) {
			t.Fatalf("told %q", err)
		}
	})
}
