package contracttest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
)

// The sizes that the document publishes.
const (
	mostBody  = 1 << 20
	mostBatch = 8 << 20
)

func nested(open, closing string, levels int) []byte {
	return []byte(strings.Repeat(open, levels) + "1" + strings.Repeat(closing, levels))
}

func zipped(body []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	return out.Bytes()
}

// bomb is 4 KiB that unpack to 4 MiB.
var bomb = sync.OnceValue(func() []byte { return zipped(make([]byte, 4<<20)) })

func utf16Of(body []byte, order binary.ByteOrder) []byte {
	out := order.(binary.AppendByteOrder).AppendUint16(nil, 0xFEFF)
	for _, unit := range utf16.Encode([]rune(string(body))) {
		out = order.(binary.AppendByteOrder).AppendUint16(out, unit)
	}
	return out
}

// badBodies are whole bodies that are no JSON, or no good one. What takes any bytes as
// a file takes these too.
func (op Operation) badBodies() iter.Seq[Request] {
	return func(yield func(Request) bool) {
		if op.Media == "" {
			r := op.Good()
			r.Body, r.Name = []byte(`{"`+Canary+`":1}`), "a body where there is none"
			r.add("Content-Type", "application/json")
			yield(r)
			return
		}
		file := op.Media != "application/json"
		ask := func(refused bool, name string, body []byte, headers ...string) bool {
			r := op.Good()
			r.Body, r.Name, r.Refused = body, name, refused && !file
			for i := 0; i < len(headers); i += 2 {
				r.set(headers[i], headers[i+1])
			}
			return yield(r)
		}
		good := []byte(op.body)
		limit := mostBody
		if op.ID == "commands" {
			limit = mostBatch
		}
		word := []byte(`{"` + Canary + `":"` + Canary + `"}`)
		large := append(append([]byte(`{"`+Canary+`":"`), bytes.Repeat([]byte("x"), limit)...), `"}`...)
		for _, b := range []struct {
			refused bool
			name    string
			body    []byte
			headers []string
		}{
			{false, "no body", nil, nil},
			{false, "null", []byte("null"), nil},
			{true, "a list", []byte(`["` + Canary + `"]`), nil},
			{true, "an empty list", []byte(`[]`), nil},
			{true, "a text", []byte(`"` + Canary + `"`), nil},
			{true, "a number", []byte("1e400"), nil},
			{true, "true", []byte("true"), nil},
			{true, "white space", []byte(" \t\r\n"), nil},
			{true, "no JSON", []byte(Canary), nil},
			{true, "XML", []byte(`<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`), nil},
			{true, "a form", []byte("a=" + Canary), []string{"Content-Type", "application/x-www-form-urlencoded"}},
			{true, "an unknown field", word, nil},
			{true, "a prototype", []byte(`{"__proto__":{"admin":true}}`), nil},
			{true, "an empty name", []byte(`{"":1}`), nil},
			{true, "two values", append(bytes.Clone(good), good...), nil},
			{true, "a comma at the end", bytes.Replace(append(bytes.Clone(good), ' '), []byte("} "), []byte(",}"), 1), nil},
			{true, "a comment", append([]byte("/* "+Canary+" */"), good...), nil},
			{true, "single quotes", bytes.ReplaceAll([]byte(`{"a":1}`), []byte(`"`), []byte(`'`)), nil},
			{true, "a byte order mark", append([]byte("\xef\xbb\xbf"), good...), nil},
			{true, "a NUL before", append([]byte{0}, good...), nil},
			{true, "a NUL after", append(bytes.Clone(good), 0), nil},
			{true, "a form feed", append([]byte{'\f'}, good...), nil},
			{true, "no UTF-8", append(append([]byte(`{"`), 0xff, 0xfe), `":1}`...), nil},
			{true, "overlong UTF-8", []byte("{\"\xc0\xaf\":1}"), nil},
			{true, "half a surrogate as a name", []byte(`{"\ud800":1}`), nil},
			{true, "UTF-16 from the left", utf16Of(good, binary.LittleEndian), nil},
			{true, "UTF-16 from the right", utf16Of(good, binary.BigEndian), []string{"Content-Type", op.Media + "; charset=utf-16"}},
			{true, "another charset", good, []string{"Content-Type", op.Media + "; charset=utf-16"}},
			{true, "Latin 1", good, []string{"Content-Type", op.Media + "; charset=iso-8859-1"}},
			{true, "another type", good, []string{"Content-Type", "text/plain"}},
			{true, "a type that is none", good, []string{"Content-Type", Canary + ";;=/"}},
			{true, "an empty type", good, []string{"Content-Type", ""}},
			{true, "a form of many parts", good, []string{"Content-Type", "multipart/form-data; boundary=" + Canary}},
			{true, "zipped", zipped(good), nil},
			{true, "zipped, and said so", zipped(good), []string{"Content-Encoding", "gzip"}},
			{true, "not zipped, but said so", good, []string{"Content-Encoding", "gzip"}},
			{true, "another coding", good, []string{"Content-Encoding", "br, " + Canary}},
			{true, "a bomb", bomb(), []string{"Content-Encoding", "gzip"}},
			{true, "a list 33 deep", nested("[", "]", 33), nil},
			{true, "a list 1,000 deep", nested("[", "]", 1000), nil},
			{true, "a list 100,000 deep", nested("[", "]", 100_000), nil},
			{true, "a list that does not end", bytes.Repeat([]byte("["), 100_000), nil},
			{true, "an object 33 deep", nested(`{"a":`, "}", 33), nil},
			{true, "an object 100,000 deep", nested(`{"a":`, "}", 100_000), nil},
			{true, "ten thousand fields", []byte("{" + manyFields(10_000) + `"z":1}`), nil},
			{true, "larger than the limit", large, nil},
		} {
			if !ask(b.refused, b.name, b.body, b.headers...) {
				return
			}
		}
		r := op.Good()
		r.Body, r.Name, r.Chunked, r.Refused = large, "larger than the limit, in chunks", true, !file
		if !yield(r) {
			return
		}
		r = op.Good()
		r.Name, r.Chunked = "in chunks", true
		if !yield(r) {
			return
		}
		for i := 1; i < 8; i++ {
			if end := len(good) * i / 8; end > 0 && !ask(true, fmt.Sprintf("cut at %d of 8", i), good[:end]) {
				return
			}
		}
	}
}

func manyFields(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `"%s%d":%d,`, Canary, i, i)
	}
	return out.String()
}

// badTexts are JSON that stands where a field's value should.
var badTexts = []struct {
	name, text string
	refused    bool // wherever it stands
}{
	{"null", "null", false},
	{"true", "true", false},
	{"zero", "0", false},
	{"minus zero", "-0", false},
	{"minus one", "-1", false},
	{"a fraction", "1.5", false},
	{"an exponent", "1E1", false},
	{"infinity", "1e400", false},
	{"a huge number", "9223372036854775808", false},
	{"a long number", strings.Repeat("9", 5000), false},
	{"a number with a zero before", "01", true},
	{"no number", "NaN", true},
	{"a hexadecimal number", "0x10", true},
	{"an empty text", `""`, false},
	{"a word", `"` + Canary + `"`, false},
	{"a space", `" "`, false},
	{"a NUL", `"` + Canary + `\u0000"`, false},
	{"a bare control character", "\"" + Canary + "\x01\"", true},
	{"a coded control character", `"` + Canary + `\u0007\u001b[31m"`, false},
	{"half a surrogate", `"\ud800"`, true},
	{"the other half", `"\udc00` + Canary + `"`, true},
	{"no UTF-8", "\"\xff" + Canary + "\"", true},
	{"no escape", `"\x` + Canary + `"`, true},
	{"what runs from right to left", "\"\u202e" + Canary + "\u2066\"", false},
	{"no character", `"` + "\uffff\ufeff" + `"`, false},
	{"a text of 1,000", `"` + strings.Repeat("x", 1000) + `"`, false},
	{"a text of 200,000", `"` + strings.Repeat("ß", 100_000) + `"`, false},
	{"an end of a statement", `"'; DROP TABLE ` + Canary + `; --"`, false},
	{"a formula", `"=cmd|' /C ` + Canary + `'!A0"`, false},
	{"a script", `"<script>` + Canary + `</script>"`, false},
	{"formats", `"%s%d%n%!v(` + Canary + `)"`, false},
	{"a template", `"${jndi:ldap://` + Canary + `}"`, false},
	{"an empty list", "[]", false},
	{"a list of null", "[null]", false},
	{"a list of lists", `[["` + Canary + `"]]`, false},
	{"a list of objects", `[{}]`, false},
	{"an empty object", "{}", false},
	{"an unknown object", `{"` + Canary + `":1}`, false},
	{"a name twice", `{"a":1,"a":2}`, false},
	{"zeros", `"00000000-0000-0000-0000-000000000000"`, false},
	{"before time", `"0000-01-01T00:00:00Z"`, false},
	{"after time", `"9999-12-31T23:59:59.999999999-23:59"`, false},
	{"a day that is none", `"2026-02-30"`, false},
	{"33 deep", string(nested("[", "]", 33)), true},
	{"1,000 deep", string(nested(`{"a":`, "}", 1000)), true},
	{"100,000 deep", string(nested("[", "]", 100_000)), true},
	{"ten thousand elements", "[" + strings.Repeat("0,", 10_000) + "0]", false},
}

// badFields are JSON bodies with one bad value: in each place of the example, and in
// each that the document names beside.
func (op Operation) badFields() iter.Seq[Request] {
	return func(yield func(Request) bool) {
		var example any
		if op.Media != "application/json" || json.Unmarshal(op.body, &example) != nil {
			return
		}
		places := append([]string(nil), op.Fields...)
		if op.ID == "commands" {
			places = append(places, "/commands/0/body/x", "/commands/0/body/reason")
		}
		for _, place := range places {
			for _, bad := range badTexts {
				r := op.Good()
				r.Body = with(example, place, bad.text)
				r.Name, r.Refused = bad.name+" at "+place, bad.refused
				if !yield(r) {
					return
				}
			}
			r := op.Good()
			_, name, _ := strings.Cut(place[strings.LastIndex(place, "/"):], "/")
			if _, err := strconv.Atoi(name); err == nil {
				continue
			}
			r.Body = with(example, place, `1,"`+name+`":1`)
			r.Name, r.Refused = place+" twice", true
			if !yield(r) {
				return
			}
			r.Body = with(example, strings.TrimSuffix(place, name)+strings.ToUpper(name), `"`+Canary+`"`)
			r.Name, r.Refused = place+" in capitals", !strings.Contains(place, "/body/") // of an entry of a batch, which is refused alone
			if !yield(r) {
				return
			}
		}
	}
}

const mark = "\"\uE000here\uE000\""

// with is the value with JSON at a pointer, whatever else must be made for that.
func with(value any, pointer, text string) []byte {
	var replaced func(value any, names []string) any
	replaced = func(value any, names []string) any {
		if len(names) == 0 {
			return "\uE000here\uE000"
		}
		if _, err := strconv.Atoi(names[0]); err == nil {
			list, _ := value.([]any)
			list = append([]any(nil), list...)
			if len(list) == 0 {
				list = []any{nil}
			}
			list[0] = replaced(list[0], names[1:])
			return list
		}
		object := map[string]any{}
		was, _ := value.(map[string]any)
		maps.Copy(object, was)
		object[names[0]] = replaced(object[names[0]], names[1:])
		return object
	}
	out, err := json.Marshal(replaced(value, strings.Split(strings.TrimPrefix(pointer, "/"), "/")))
	if err != nil {
		panic(err) // it was decoded
	}
	return bytes.Replace(out, []byte(mark), []byte(text), 1)
}
