package importing

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlainDecimal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, decimal, thousands, want string }{
		{"1054.50", "", "", "1054.5"},
		{"007", "", "", "7"},
		{".5", "", "", "0.5"},
		{"5.", "", "", "5"},
		{"-0.0", "", "", "0"},
		{"+12", "", "", "12"},
		{"−3", "", "", "-3"},
		{"1.5e3", "", "", "1500"},
		{"2E-3", "", "", "0.002"},
		{"1.234.567,80", ",", ".", "1234567.8"},
		{"1 234,5", ",", " ", "1234.5"},
		{"1\u00a0234,5", ",", " ", "1234.5"},
		{"1,00,000", "", ",", "100000"},
		{"1234,5", ",", ".", "1234.5"},
		{"1.5", ",", ".", ""}, // not 15
		{"1,5", "", ",", ""},
		{",500", "", ",", ""},
		{"1,5", "", "", ""},
		{"", "", "", ""},
		{".", "", "", ""},
		{"-", "", "", ""},
		{"1e999", "", "", ""},
		{"1e5", ",", "", ""},
		{"0x10", "", "", ""},
		{"12 %", "", "", ""},
		{"１２", "", "", ""},
	} {
		got, err := plainDecimal(test.text, test.decimal, test.thousands)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q with %q and %q: %q, %v", test.text, test.decimal, test.thousands, got, err)
		}
	}
}

// evaluated gives the body that a one-column file makes of a text.
func evaluated(t *testing.T, spec, text string) (string, error) {
	t.Helper()
	p, err := parse("test", []byte(`
name: test
files:
  - name: rows
    match: "*"
    blank: [Select]
    entity: row
    key: k
    zone: Europe/Berlin
    values:
      v: `+spec+`
    commands:
      - command: customer.change_attributes
        body: {set: {a: "${v}"}, clear: ["${v}"]}
`))
	if err != nil {
		t.Fatal(err)
	}
	rec := &record{columns: map[string]int{"c": 0, "d": 1}, cells: []string{text, "EUR"}}
	commands, problems := p.sections[0].commandsOf(p, rec, &row{})
	if len(problems) > 0 {
		return "", problems[0]
	}
	if len(commands) == 0 {
		return "", nil
	}
	body, _, _, err := p.sections[0].commands[0].body.render(nil, nil, &scope{record: rec, blank: []string{"Select"}, known: make([]*result, p.sections[0].values)})
	return string(body), err
}

func TestValues(t *testing.T) {
	t.Parallel()
	attribute := func(kind, value, json string) string {
		return `{"set":[{"key":"a","kind":"` + kind + `","value":"` + value + `"}],"clear":[` + json + `]}`
	}
	for _, test := range []struct{ spec, text, want string }{ // no want: an error
		{"c", " a\u00a0", attribute("text", "a", `"a"`)},
		{"{column: c}", "Select", "-"},
		{"{column: c, blank: x}", "x", "-"},
		{"{column: c, map: {x: y}}", "x", attribute("text", "y", `"y"`)},
		{"{column: c, map: {x: \"\"}}", "x", "-"},
		{"{column: c, map: {x: y}, otherwise: z}", "q", attribute("text", "z", `"z"`)},
		{"{column: c, map: {x: y}, otherwise: z}", "", "-"},
		{"{column: c, default: d}", "", attribute("text", "d", `"d"`)},
		{"{column: [x, c], optional: true}", "1", attribute("text", "1", `"1"`)},
		{"{column: c, one_of: [a]}", "b", ""},
		{"{column: c, type: integer}", "3.0", attribute("number", "3", "3")},
		{"{column: c, type: integer}", "3.5", ""},
		{"{column: c, type: number}", "03.50", attribute("number", "3.5", "3.5")},
		{"{column: c, type: number, times: 1000}", "1.2345", attribute("number", "1234.5", "1234.5")},
		{"{column: c, type: number}", "abc", ""},
		{"{column: c, type: boolean}", "YES", attribute("boolean", "true", "true")},
		{"{column: c, type: boolean, yes: ja, no: nein}", "nein", attribute("boolean", "false", "false")},
		{"{column: c, type: boolean}", "perhaps", ""},
		{"{column: c, type: date}", "2017-02-28", attribute("date", "2017-02-28", `"2017-02-28"`)},
		{"{column: c, type: date}", "2017-02-30", ""},
		{"{column: c, type: date, dates: [DD.MM.YYYY, D/M/YY]}", "3/1/17", attribute("date", "2017-01-03", `"2017-01-03"`)},
		{"{column: c, type: datetime}", "2024-01-15 10:00:00", attribute("text", "2024-01-15T09:00:00Z", `"2024-01-15T09:00:00Z"`)},
		{"{column: c, type: datetime}", "2024-01-15T10:00:00.1234567+05:30", attribute("text", "2024-01-15T04:30:00.123456Z", `"2024-01-15T04:30:00.123456Z"`)},
		{"{column: c, type: datetime, dates: \"MMM D, YYYY h:mm AM\"}", "Jul 4, 2024 9:05 PM", attribute("text", "2024-07-04T19:05:00Z", `"2024-07-04T19:05:00Z"`)},
		{"{column: c, type: money, currency: USD}", "$1054.50", attribute("text", "1054.50 USD", `{"minor":105450,"currency":"USD"}`)},
		{"{column: c, type: money, currency: \"${d}\", decimal: \",\", thousands: .}", "1.054,5 €", attribute("text", "1054.50 EUR", `{"minor":105450,"currency":"EUR"}`)},
		{"{column: c, type: money, currency: USD, times: 1000000}", "1100.04", attribute("text", "1100040000.00 USD", `{"minor":110004000000,"currency":"USD"}`)},
		{"{column: c, type: money, currency: USD}", "1.234", ""},
		{"{column: c, type: money, currency: JPY}", "12345678901234567890", ""},
		{"{column: c, type: email}", "a b@c", ""},
		{"{column: c, type: phone}", "n/a", ""},
		{"{column: c}", "a\x00b", ""},
		{"{text: [\"${c} of ${d}\", none]}", "", attribute("text", "none", `"none"`)},
		{"{text: \"$${x} ${c}\"}", "\"q\"", attribute("text", `${x} \"q\"`, `"${x} \"q\""`)},
	} {
		got, err := evaluated(t, test.spec, test.text)
		if (test.want == "") != (err != nil) {
			t.Errorf("%s of %q: %s, %v", test.spec, test.text, got, err)
		} else if test.want == "-" && got != "" || test.want != "-" && got != test.want {
			t.Errorf("%s of %q: %s", test.spec, test.text, cmp.Diff(test.want, got))
		}
	}
}
