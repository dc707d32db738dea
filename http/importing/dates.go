package importing

import (
	"fmt"
	"strings"
)

// tokens are the words of a date format, the longer before the shorter, and
// what Go calls them.
var tokens = []struct{ word, layout string }{
	{"YYYY", "2006"},
	{"YY", "06"},
	{"MMMM", "January"},
	{"MMM", "Jan"},
	{"MM", "01"},
	{"M", "1"},
	{"DD", "02"},
	{"D", "2"},
	{"hh", "15"},
	{"h", "3"},
	{"mm", "04"},
	{"ss", "05"},
	{"AM", "PM"},
	{"PM", "PM"},
	{"Z", "Z07:00"},
}

// layout makes a Go layout of a format such as DD.MM.YYYY hh:mm.
func layout(format string) (string, error) {
	var out strings.Builder
next:
	for rest := format; rest != ""; {
		for _, token := range tokens {
			if strings.HasPrefix(rest, token.word) {
				out.WriteString(token.layout)
				rest = rest[len(token.word):]
				continue next
			}
		}
		if c := rest[0]; c != 'T' && (c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			return "", fmt.Errorf("the date format %q holds %q; formats are made of YYYY MM DD hh mm ss, AM, Z and what stands between them", format, string(c))
		}
		out.WriteByte(rest[0])
		rest = rest[1:]
	}
	return out.String(), nil
}

// The formats that are tried when a mapping names none.
var (
	usualDates     = texts{"YYYY-MM-DD"}
	usualDatetimes = texts{"YYYY-MM-DDThh:mm:ssZ", "YYYY-MM-DD hh:mm:ssZ", "YYYY-MM-DDThh:mm:ss", "YYYY-MM-DD hh:mm:ss", "YYYY-MM-DD hh:mm", "YYYY-MM-DD"}
)
