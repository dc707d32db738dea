package contracttest

import (
	"iter"
	"net/url"
	"strings"
)

// Bad are all requests of the operation in which something is wrong.
func (op Operation) Bad() iter.Seq[Request] {
	return func(yield func(Request) bool) {
		for _, some := range []iter.Seq[Request]{op.badPaths(), op.badQueries(), op.badHeaders(), op.badBodies(), op.badFields()} {
			for r := range some {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// badSegments are what stands in a path where an id or a name should, as it is sent.
var badSegments = []struct {
	name, text string
	refused    bool // where an id should stand
}{
	{"a word", Canary, true},
	{"a NUL", Canary + "%00", true},
	{"an id and a NUL", "6a23c2c8-b680-5339-9ba0-38991a044c11%00", true},
	{"a way up", "..%2f..%2f" + Canary, true},
	{"dots", "%2e%2e", true},
	{"no UTF-8", "%ff%fe", true},
	{"long", strings.Repeat("a", 4000), true},
	{"capitals", "6A23C2C8-B680-5339-9BA0-38991A044C11", false},
	{"braces", "%7B6a23c2c8-b680-5339-9ba0-38991a044c11%7D", false},
	{"a URN", "urn:uuid:6a23c2c8-b680-5339-9ba0-38991a044c11", false},
	{"zeros", "00000000-0000-0000-0000-000000000000", false},
	{"nothing", "%20", true},
	{"a quote", "'%20OR%20" + Canary + "=" + Canary + "--", true},
	{"a comment", "%2F%2A" + Canary + "%2A%2F", true},
	{"a number", "0", false},
	{"a huge number", "99999999999999999999999", false},
	{"a minus", "-1", false},
	{"a format", "%25s%25n%25v", true},
	{"a template", "$%7B7*7%7D", true},
	{"a line break", "%0d%0aX-Canary:" + Canary, true},
	{"what runs from right to left", "%E2%80%AE", true},
	{"a list", "a,b," + Canary, true},
}

func (op Operation) badPaths() iter.Seq[Request] {
	return func(yield func(Request) bool) {
		for _, p := range op.Parameters {
			if p.In != "path" {
				continue
			}
			for _, bad := range badSegments {
				r := op.Good()
				good := url.PathEscape(op.path[p.Name])
				if good == "" {
					continue
				}
				r.Path = strings.Replace(r.Path, "/"+good, "/"+bad.text, 1)
				r.Name = bad.name + " for " + p.Name
				r.Refused = bad.refused && p.Name == "id"
				if !yield(r) {
					return
				}
			}
		}
		for name, change := range map[string]func(path string) string{
			"a slash at the end":  func(path string) string { return path + "/" },
			"two slashes":         func(path string) string { return "/" + path },
			"a word at the end":   func(path string) string { return path + "/" + Canary },
			"a dot in the middle": func(path string) string { return strings.Replace(path, "/v1/", "/v1/./", 1) },
			"a way down and up":   func(path string) string { return strings.Replace(path, "/v1/", "/v1/x/../", 1) },
			"a coded slash":       func(path string) string { return strings.Replace(path, "/v1/", "/v1%2f", 1) },
			"a semicolon":         func(path string) string { return path + ";" + Canary + "=1" },
			"capitals":            strings.ToUpper,
		} {
			r := op.Good()
			if strings.Contains(op.Path, "{name}") && strings.HasSuffix(op.Path, "}") && name == "a semicolon" {
				continue // a file may be called so
			}
			r.Path, r.Name = change(r.Path), "in the path "+name
			r.Refused = !strings.HasSuffix(op.Path, "}") && name != "a way down and up"
			if !yield(r) {
				return
			}
		}
	}
}

var badValues = []struct{ name, text string }{
	{"nothing", ""},
	{"a word", Canary},
	{"a NUL", Canary + "%00"},
	{"no UTF-8", "%ff%fe"},
	{"half a surrogate", "%ed%a0%80"},
	{"long", strings.Repeat("a", 6000)},
	{"a minus", "-1"},
	{"zero", "0"},
	{"a fraction", "1.5"},
	{"infinity", "1e400"},
	{"no number", "NaN"},
	{"a huge number", "9223372036854775808"},
	{"an end of a statement", "';%20DROP%20TABLE%20" + Canary + ";--"},
	{"a backslash", "%5C'" + Canary},
	{"a pattern", "%25_%25" + Canary},
	{"null", "null"},
	{"a list", "[]"},
	{"an object", "%7B%22a%22:1%7D"},
	{"commas", ",,,"},
	{"a line break", "%0d%0a" + Canary},
	{"a day that is none", "2026-02-30"},
	{"the end of time", "9999-12-31T23:59:59.999999999-14:00"},
	{"before time", "0000-01-01"},
	{"an id", "6a23c2c8-b680-5339-9ba0-38991a044c11"},
	{"formats", "%25s%25d%25n%25!v"},
	{"what is whole and no cursor", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
}

func (op Operation) badQueries() iter.Seq[Request] {
	return func(yield func(Request) bool) {
		ask := func(name, query string, refused bool) bool {
			r := op.Good()
			if r.Query = strings.Trim(r.Query+"&"+query, "&"); strings.HasPrefix(query, "=") {
				r.Query = query
			}
			r.Name, r.Refused = name, refused
			return yield(r)
		}
		for _, q := range []struct{ name, query string }{
			{"an unknown parameter", Canary + "=1"},
			{"an unknown parameter without a value", Canary},
			{"a query that is not coded", "%zz"},
			{"a semicolon", "a=1;" + Canary + "=2"},
			{"a parameter without a name", "=" + Canary},
			{"a name in brackets", "a[" + Canary + "][]=1"},
			{"a NUL in a name", "%00=1"},
			{"a filter of nothing", "filter=" + Canary},
			{"a filter without a field", "filter[]=1"},
			{"a filter without an operator", "filter[" + Canary + "]=1"},
			{"a filter of an unknown field", "filter[" + Canary + "][eq]=1"},
			{"a filter that ends early", "filter[id][eq=1"},
			{"a filter too deep", "filter[id][eq][eq]=" + Canary},
			{"a prototype", "__proto__[" + Canary + "]=1"},
		} {
			if !ask(q.name, q.query, true) {
				return
			}
		}
		many := strings.Repeat("&a="+Canary, 2000)
		if !ask("two thousand parameters", many[1:], true) {
			return
		}
		for _, p := range op.Parameters {
			if p.In != "query" {
				continue
			}
			if !ask(p.Name+" twice", p.Name+"=1&"+p.Name+"=2", true) ||
				!ask(p.Name+" in capitals", strings.ToUpper(p.Name)+"=1", true) ||
				!ask(p.Name+" as a list", p.Name+"[]=1", true) {
				return
			}
			for _, bad := range badValues {
				r := op.Good()
				values, _ := url.ParseQuery(r.Query) // its own words
				values.Del(p.Name)
				r.Query = strings.Trim(values.Encode()+"&"+p.Name+"="+bad.text, "&")
				r.Name = bad.name + " for " + p.Name
				if !yield(r) {
					return
				}
			}
		}
	}
}

func (op Operation) badHeaders() iter.Seq[Request] {
	return func(yield func(Request) bool) {
		command := false
		for _, p := range op.Parameters {
			command = command || p.Name == "If-Match"
		}
		ask := func(refused bool, name string, headers ...string) bool {
			r := op.Good()
			r.Name, r.Refused = name, refused
			r.drop(headers[0])
			for i := 0; i < len(headers); i += 2 {
				r.add(headers[i], headers[i+1])
			}
			return yield(r)
		}
		for _, h := range []struct {
			refused bool
			name    string
			headers []string
		}{
			{true, "no key", []string{"Authorization", ""}},
			{true, "two keys", []string{"Authorization", "Bearer " + Key, "Authorization", "Bearer " + Key}},
			{true, "a key with more", []string{"Authorization", "Bearer " + Key + " " + Canary}},
			{true, "another scheme", []string{"Authorization", "Basic " + Key}},
			{true, "a long key", []string{"Authorization", "Bearer " + strings.Repeat(Canary, 1000)}},
			{true, "no UTF-8 as a key", []string{"Authorization", "Bearer \xff\xfe"}},
			{true, "a token of three parts", []string{"Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."}},
			{true, "a key that looks like one", []string{"Authorization", "Bearer crm_0000000000000000000000000000000000000000000000000000000000000000000000"}},
			{command, "a weak If-Match", []string{"If-Match", `W/"1"`}},
			{command, "a list as If-Match", []string{"If-Match", `"1", "2"`}},
			{command, "If-Match without quotes", []string{"If-Match", Canary}},
			{command, "a negative If-Match", []string{"If-Match", `"-1"`}},
			{command, "a huge If-Match", []string{"If-Match", `"99999999999999999999"`}},
			{command, "an empty If-Match", []string{"If-Match", ""}},
			{command, "If-Match twice", []string{"If-Match", `"1"`, "If-Match", `"1"`}},
			{command, "a long idempotency key", []string{"Idempotency-Key", strings.Repeat("k", 256)}},
			{command, "an empty idempotency key", []string{"Idempotency-Key", ""}},
			{command, "an idempotency key of two words", []string{"Idempotency-Key", "a " + Canary}},
			{command, "a foreign idempotency key", []string{"Idempotency-Key", "ä" + Canary}},
			{command, "idempotency key twice", []string{"Idempotency-Key", "a", "Idempotency-Key", "b"}},
			{command, "a long correlation id", []string{"X-Correlation-Id", strings.Repeat("k", 256)}},
			{command, "a correlation id of two words", []string{"X-Correlation-Id", Canary + " b"}},
			{false, "a long request id", []string{"X-Request-Id", strings.Repeat(Canary, 100)}},
			{false, "a request id of two words", []string{"X-Request-Id", Canary + " b"}},
			{false, "a traceparent that is none", []string{"Traceparent", "00-" + Canary + "-x-01"}},
			{false, "a traceparent of zeros", []string{"Traceparent", "00-00000000000000000000000000000000-0000000000000000-00"}},
			{false, "a tracestate", []string{"Tracestate", strings.Repeat(Canary+"=1,", 100), "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
			{false, "a baggage", []string{"Baggage", Canary + "=" + Canary}},
			{false, "a last event id", []string{"Last-Event-ID", Canary}},
			{false, "nothing is acceptable", []string{"Accept", "*/*;q=0"}},
			{false, "an Accept that is none", []string{"Accept", ";;;" + Canary + ",,/"}},
			{false, "HTML wanted", []string{"Accept", "text/html"}},
			{false, "another coding wanted", []string{"Accept-Encoding", "br;q=1, " + Canary}},
			{false, "another method in a header", []string{"X-HTTP-Method-Override", "DELETE"}},
			{false, "another path in a header", []string{"X-Original-URL", "/v1/keys", "X-Rewrite-URL", "/v1/keys"}},
			{false, "another address in a header", []string{"X-Forwarded-For", "'; DROP TABLE " + Canary, "Forwarded", "for=" + Canary}},
			{false, "a range", []string{"Range", "bytes=0-0,1-1,99999999999999999999-"}},
			{false, "a date that is none", []string{"If-Modified-Since", Canary}},
			{false, "If-None-Match", []string{"If-None-Match", "*"}},
			{false, "a cookie", []string{"Cookie", Canary + "=" + Canary}},
			{false, "an origin", []string{"Origin", "https://" + Canary + ".example"}},
			{false, "a hundred headers", strings.Split(strings.TrimSuffix(strings.Repeat("X-Filler,"+Canary+",", 100), ","), ",")},
		} {
			if !ask(h.refused, h.name, h.headers...) {
				return
			}
		}
		for _, method := range []string{"DELETE", "OPTIONS", "TRACE", "BREW", "get"} {
			r := op.Good()
			r.Method, r.Name, r.Refused = method, "the method "+method, true
			if !yield(r) {
				return
			}
		}
	}
}
