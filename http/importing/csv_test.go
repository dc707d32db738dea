package importing

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// readAll gives "line: a|b" for each row and "line! reason" for each bad one.
func readAll(t *testing.T, r reader) []string {
	t.Helper()
	var got []string
	for {
		rec, err := r.next()
		bad, isBad := errors.AsType[*badRow](err)
		switch {
		case errors.Is(err, io.EOF):
			return got
		case isBad:
			reason, _, _ := strings.Cut(bad.reason, ";")
			got = append(got, fmt.Sprintf("%d! %s", bad.line, reason))
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, fmt.Sprintf("%d: %s", rec.line, strings.Join(rec.cells, "|")))
		}
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		want       []string
	}{
		{"plain", "a,b\n1,2\n3,4\n", []string{"2: 1|2", "3: 3|4"}},
		{"no end after the last line", "a,b\r\n1,2", []string{"2: 1|2"}},
		{"semicolons are found", "a;b\n1,5;2\n", []string{"2: 1,5|2"}},
		{"tabs are found", "a\tb\n1\t2\n", []string{"2: 1|2"}},
		{"a delimiter in a quoted header does not count", "\"a;b;c\",d\n1,2\n", []string{"2: 1|2"}},
		{"one column", "a\n1\n2\n", []string{"2: 1", "3: 2"}},
		{"stray CRs", "a,b\r\r\n1,2\r\r\n", []string{"2: 1|2"}},
		{"CR alone ends lines", "a,b\r1,2\r3,4", []string{"2: 1|2", "3: 3|4"}},
		{"lines with nothing", "a,b\n\n1,2\n\r\n\n3,4\n", []string{"3: 1|2", "6: 3|4"}},
		{"quotes", "a,b\n\"1,\"\"x\"\"\",\"\"\n", []string{`2: 1,"x"|`}},
		{"a line break in quotes", "a,b\n1,\"x\ny\r\n\nz\"\n3,4\n", []string{"2: 1|x\ny\n\nz", "6: 3|4"}},
		{"ragged", "a,b\n1\n1,2,3\n3,4\n", []string{
			"2! the row has 1 fields where the header has 2", "3! the row has 3 fields where the header has 2", "4: 3|4",
		}},
		{"an empty column at the end", "a,b,\n1,2,\n1,2\n", []string{"2: 1|2|", "3! the row has 2 fields where the header has 3"}},
		{"a lone quote at the start of a field", "a,b\n1,\"x\n3,4\n\"5\",6\n7,8\n", []string{
			lone(2), "3: 3|4", "4: 5|6", "5: 7|8",
		}},
		{"a lone quote and no other", "a,b\n1,\"x\n3,4\n5,6\n", []string{lone(2), "3: 3|4", "4: 5|6"}},
		{"a lone quote in the last line", "a,b\n3,4\n1,\"x", []string{"2: 3|4", lone(3)}},
		{"two lone quotes that make no row", "a,b\n1,\"x\n3,\"y\n5,6\n", []string{
			lone(2), lone(3), "4: 5|6",
		}},
		{"two lone quotes that make a ragged row", "a,b\n\"1,x\n3,4\"\n5,6\n", []string{
			lone(2), "3! a quote stands inside a field that does not start with one", "4: 5|6",
		}},
		{"a quote inside a field", "a,b\n5\" pipe,2\n3,4\n", []string{"2! a quote stands inside a field that does not start with one", "3: 3|4"}},
		{"text after a closing quote", "a,b\n\"x\"y,2\n3,4\n", []string{"2! text follows a closing quote", "3: 3|4"}},
		{"NUL", "a,b\n1,\x002\n3,4\n", []string{"2! the line holds a NUL byte", "3: 3|4"}},
		{"NUL in a later line of a field", "a,b\n1,\"x\n\x00\"\n3,4\n", []string{lone(2), "3! the line holds a NUL byte", "4: 3|4"}},
		{"not UTF-8", "a,b\n1,\xff\n3,ü\n", []string{"2! the line is not valid UTF-8", "3: 3|ü"}},
		{"too long", "a,b\n1," + strings.Repeat("x", maxRecord) + "\n3,4\n", []string{"2! the line is longer than 1 MiB", "3: 3|4"}},
		{"too long in quotes", "a,b\n1,\"" + strings.Repeat("x\n", maxQuotedLines+1) + "\"\n3,4\n", append(
			append([]string{lone(2)}, ragged(3, maxQuotedLines)...),
			lone(maxQuotedLines+3), fmt.Sprintf("%d: 3|4", maxQuotedLines+4),
		)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := newCSVReader(strings.NewReader(test.file), "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, readAll(t, r)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func lone(line int) string {
	return fmt.Sprintf("%d! a quote opens a field here that is not closed as it should be", line)
}

func ragged(from, n int) []string {
	var rows []string
	for i := range n {
		rows = append(rows, fmt.Sprintf("%d! the row has 1 fields where the header has 2", from+i))
	}
	return rows
}

func TestCSVHeader(t *testing.T) {
	t.Parallel()
	r, err := newCSVReader(strings.NewReader(" a ,b,a\n1,2,3\n"), ",", nil)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := r.next()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, []string{rec.text("a"), rec.text("b"), rec.text("a#2")}); diff != "" {
		t.Error(diff)
	}
	for _, file := range []string{"", "a,\"b\n", "a\x00,b\n"} {
		if _, err := newCSVReader(strings.NewReader(file), ",", nil); err == nil {
			t.Errorf("header %q was read", file)
		}
	}
	given, err := newCSVReader(strings.NewReader("1,2\n"), ",", []string{"x", "y"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1: 1|2"}, readAll(t, given)); diff != "" {
		t.Error(diff)
	}
}

// Whatever stands in one line, every other row of the file is read.
func TestCSVABadLineSwallowsNoOther(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	bad := []string{`x,"y`, `"`, `x"y,z`, `"x"y,z`, "x", "x,y,z,", "x,\x00", "x,\xfe", `"",""",x`, `"x,y`}
	for range 500 {
		file, want, line := "a,b\n", 0, 2
		for i := range 20 {
			if random.IntN(4) == 0 {
				file += bad[random.IntN(len(bad))] + "\n"
			} else {
				file += fmt.Sprintf("good%d,%d\n", i, i) // without quotes, so that no bad line finds a partner in it
				want++
			}
			line++
		}
		r, err := newCSVReader(strings.NewReader(file), ",", nil)
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for _, row := range readAll(t, r) {
			read += strings.Count(row, ": good")
			if strings.Contains(row, "\n") { // two bad lines made one whole row, with what stands between
				read += strings.Count(row, "good")
			}
		}
		if read < want {
			t.Fatalf("%d of %d good rows were read of\n%s", read, want, file)
		}
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	const text = "name;city\nJürgen;Köln\nZoë;Besançon – €\n"
	western, err := charmap.Windows1252.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	sixteen, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	bad := "2! the line is not valid UTF-8"
	good := []string{"2: Jürgen|Köln", "3: Zoë|Besançon – €"}
	for _, test := range []struct {
		name, file, declared string
		want                 []string
	}{
		{"UTF-8", text, "", good},
		{"UTF-8 with a byte order mark", "\xef\xbb\xbf" + text, "iso-8859-1", good},
		{"UTF-16", sixteen, "", good},
		{"Windows-1252 found", western, "", good},
		{"ISO-8859-1 declared", western, "ISO-8859-1", good},
		{"declared UTF-8 and is not", western, "utf-8", []string{bad, strings.Replace(bad, "2", "3", 1)}},
		{"UTF-8 with a bad row", strings.Replace(text, "Köln", "K\xf6ln", 1), "", []string{bad, good[1]}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in, err := decoded(strings.NewReader(test.file), test.declared)
			if err != nil {
				t.Fatal(err)
			}
			r, err := newCSVReader(in, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, readAll(t, r)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := decoded(strings.NewReader(""), "klingon"); err == nil {
		t.Error("an unknown encoding was taken")
	}
}

// FuzzCSV checks that the reader ends, keeps to its promises, and reads what
// encoding/csv writes.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a,b\n1,\"x\ny\"\n", "a;b\n1,\"x\n2;3\n", "\"\n\"", "\xef\xbb\xbfa\n\x00\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		in, err := decoded(bytes.NewReader(file), "")
		if err != nil {
			t.Fatal(err)
		}
		r, err := newCSVReader(in, "", nil)
		if err != nil {
			return
		}
		var again bytes.Buffer
		w := csv.NewWriter(&again)
		var rows [][]string
		last := 0
		for {
			rec, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			line := 0
			if bad, ok := errors.AsType[*badRow](err); ok {
				line = bad.line
			} else if err != nil {
				t.Fatal(err)
			} else {
				line = rec.line
				if len(rec.cells) != len(r.header) {
					t.Fatalf("line %d has %d cells", line, len(rec.cells))
				}
				if len(rec.cells) > 1 {
					rows = append(rows, rec.cells)
					if err := w.Write(rec.cells); err != nil {
						t.Fatal(err)
					}
				}
			}
			if line <= last {
				t.Fatalf("line %d after line %d", line, last)
			}
			last = line
		}
		w.Flush()
		if len(rows) == 0 || bytes.ContainsRune(again.Bytes(), '\r') { // encoding/csv keeps other CRs
			return
		}
		second, err := newCSVReader(&again, ",", r.header)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range rows {
			rec, err := second.next()
			if err != nil {
				t.Fatalf("row %d %q: %v", i, want, err)
			}
			if diff := cmp.Diff(want, rec.cells); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
