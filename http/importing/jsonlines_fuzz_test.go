package importing

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzJSONLines checks that the reader ends, counts its lines, and gives valid text.
func FuzzJSONLines(f *testing.F) {
	for _, seed := range []string{
		"{\"a\":1}\n{\"a\":{\"b\":[{\"c\":1e400},2,[3]]}}\n", "[]\nnull\n{}", "{\"a\":\"\\ud800\"}\r\n", "{\"a\":1}{}", "\xef\xbb\xbf{\"a\":1}", "{\"a\":1,\"a\":2}\n\x00",
		strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200), strings.Repeat("[", 20_000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		in, err := decoded(bytes.NewReader(file), "")
		if err != nil {
			t.Fatal(err)
		}
		r, last := newJSONReader(in), 0
		for {
			rec, err := r.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if _, bad := errors.AsType[*badRow](err); err != nil && !bad {
				t.Fatal(err)
			}
			if err != nil {
				continue
			}
			if rec.line <= last {
				t.Fatalf("line %d after line %d", rec.line, last)
			}
			last = rec.line
			for name, text := range rec.fields {
				if !utf8.ValidString(name) || !utf8.ValidString(text) {
					t.Fatalf("%q is %q", name, text)
				}
			}
		}
	})
}
