package importing

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJSONLines(t *testing.T) {
	t.Parallel()
	file := `{"a":1.50,"b":{"c":"x","d":{"e":true}},"n":null,"tags":["p",2],"phones":[{"no":"1","at":{"k":"v"}}]}
` + "\n   \n" + `[1]
{"a":1} x
null
{"a":
` + "{\"a\":\"\xff\"}\n{\"a\":\"\x00\"}\n" + `{"a":"last"}`
	r := newJSONReader(strings.NewReader(file))
	first, err := r.next()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fields{"a": "1.50", "b.c": "x", "b.d.e": "true"}, first.fields); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string][]fields{
		"tags": {{"value": "p"}, {"value": "2"}}, "phones": {{"no": "1", "at.k": "v"}},
	}, first.lists); diff != "" {
		t.Error(diff)
	}
	var lines []int
	for {
		_, err := r.next()
		bad, ok := errors.AsType[*badRow](err)
		if !ok {
			break
		}
		lines = append(lines, bad.line)
	}
	if diff := cmp.Diff([]int{4, 5, 6, 7, 8, 9}, lines); diff != "" {
		t.Error(diff)
	}
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}
