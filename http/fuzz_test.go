package http

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzContactPoints checks that an address, a number or a web address is refused, or
// brought into a form that stays as it is when it is brought into it again.
func FuzzContactPoints(f *testing.F) {
	for _, typed := range []string{
		"ada@example.org", "\"a b\"@Müller.example", "a@[127.0.0.1]", "+43 1 234567 ext. 5", "01 234567", "tel:+1-201-555-0123;phone-context=x",
		"Example.org/Ä?q#f", "https://user@host.example", "http://[::1]:80", "https://xn--a.example:99999", "javascript://x.example/%0a", "+", "٠١٢٣٤٥٦٧", "a@b.c\x00",
		"..", "http://a..example", "ada@.example.org",
	} {
		f.Add(typed, "AT")
	}
	f.Fuzz(func(t *testing.T, typed, region string) {
		if !utf8.ValidString(typed) || len(typed) > 2000 {
			return // refused before
		}
		for name, normal := range map[string]func(string) (string, error){
			"email": normalEmail, "web": normalURL,
			"phone": func(typed string) (string, error) { return normalPhone(typed, region, "AT") },
		} {
			once, err := normal(typed)
			if err != nil {
				if said(err) == "" || len(said(err)) > 200 {
					t.Errorf("%s %q: told %q", name, typed, said(err))
				}
				continue
			}
			twice, err := normal(once)
			if name != "phone" && (err != nil || twice != once) { // an extension is written otherwise
				t.Errorf("%s %q is %q, which is %q, %v", name, typed, once, twice, err)
			}
			if !utf8.ValidString(once) || once == "" {
				t.Errorf("%s %q is %q", name, typed, once)
			}
		}
	})
}

// FuzzInstants checks that an instant of a query is refused, or one that JSON can tell.
func FuzzInstants(f *testing.F) {
	for _, text := range []string{"2026-11-22", "2026-11-22T09:30:00Z", "0001-01-01", "9999-12-31T23:59:59.999999999-23:59", "2026-02-30", "2026-11-22T24:00:00Z", "2026-06-30T23:59:60Z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := instantIn("as_of", text)
		if err != nil || text == "" {
			return
		}
		if _, err := at.MarshalJSON(); err != nil || at.IsZero() || at.Location() != time.UTC {
			t.Errorf("%q is %v, %v", text, at, err)
		}
	})
}

// FuzzHeaders checks that If-Match is refused or a revision that ETag would give, and
// that a key which is taken is one that fits into a header again.
func FuzzHeaders(f *testing.F) {
	for _, text := range []string{`"1"`, `W/"1"`, `"1", "2"`, `*`, `"-1"`, `"+1"`, `"01"`, `"9223372036854775808"`, `""`, `"`, "a b", "ä"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &http.Request{Header: http.Header{"If-Match": {text}, "Idempotency-Key": {text}}}
		if match, err := ifMatch(r); err == nil && match.revision != nil {
			if tag := etag(*match.revision); tag != strings.TrimSpace(text) {
				t.Errorf("%q is taken for %s", text, tag)
			}
		}
		if key, err := idempotencyKey(r); err == nil && (key != strings.TrimSpace(key) || strings.ContainsAny(key, "\r\n\x00")) {
			t.Errorf("the key %q is taken", key)
		}
	})
}

// FuzzSearch checks that the body of a search is refused in words, or asks within the
// limits.
func FuzzSearch(f *testing.F) {
	for _, body := range []string{
		`{}`, `null`, `{"where":[{"field":"stage","op":"in","value":["lead",1,true]}]}`, `{"any":[[{"field":"name","op":"prefix","value":"A"}],[]]}`,
		`{"where":[{"field":"size","op":"gt","value":1e400}],"limit":-1}`, `{"where":[{"field":"a","op":"b","value":[[1]]}]}`, `{"q":"\u0000","as_of":"x"}`, `{"sort":"-","fields":[""],"cursor":"="}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var body searchBody
		err := decode([]byte(text), &body)
		var asked listAsk
		if err == nil {
			asked, err = body.ask()
		}
		if err != nil {
			if problem := problemOf(t.Context(), err); problem.Status >= http.StatusInternalServerError || problem.Detail == "" || len(problem.Detail) > 4*mostTold {
				t.Errorf("%q: %d %q: %v", text, problem.Status, problem.Detail, err)
			}
			return
		}
		if asked.limit < 1 || asked.limit > maxLimit || !utf8.ValidString(asked.text) || asked.asOf.At.Year() > 9999 {
			t.Errorf("%q asks %+v", text, asked)
		}
	})
}
