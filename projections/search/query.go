package search

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Query is a text that somebody looks for.
type Query struct {
	// Name is the whole text as a name's Key.
	Name  string
	words []word
}

// word is a part of the text, all of which must be found.
type word struct {
	text  string   // folded; of a number its digits
	typed string   // as it was typed, but for case and accents
	parts []string // where signs part it: an address, a double name, a number
	kind  kind
}

type kind int

const (
	simple   kind = iota // letters and digits only
	compound             // with signs in it
	address              // an e-mail address, or the end of one
	number               // that may be dialled
)

// minNumber is how many digits make a number that may be dialled, and not a house's or a
// year's.
const minNumber = 5

// Parse reads a text. One without a letter or digit looks for nothing: [Query.Empty].
func Parse(text string) Query {
	q := Query{Name: Key(text)}
	fields := strings.Fields(text)
	for i := 0; i < len(fields); {
		end := i
		for end < len(fields) && dialled(fields[end]) {
			end++
		}
		if run := strings.Join(fields[i:end], " "); len(digits(run)) >= minNumber {
			q.words = append(q.words, word{text: digits(run), parts: Words(run), kind: number})
			i = end
			continue
		}
		q.add(fields[i])
		i++
	}
	return q
}

// dialled reports whether a phone number may be written so.
func dialled(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return ('0' > r || r > '9') && !strings.ContainsRune("+-/().", r) }) < 0
}

func (q *Query) add(field string) {
	w := word{typed: foldCase(field), text: strings.Trim(whole(apostrophes.Replace(field)), ".-_+"), parts: Words(field)}
	switch {
	case strings.Contains(w.text, "@"):
		w.kind, w.text = address, strings.TrimPrefix(w.text, "@")
	case len(w.parts) == 1:
		w.text = w.parts[0]
	case len(w.parts) > 1:
		w.kind = compound
	}
	if w.text != "" && len(w.parts) > 0 && !slices.ContainsFunc(q.words, func(o word) bool { return o.text == w.text }) {
		q.words = append(q.words, w)
	}
}

// Empty reports whether there is nothing to look for.
func (q Query) Empty() bool { return len(q.words) == 0 }

// Exact is the tsquery for who has the address or number that the whole text is; "" for
// a text that is none.
func (q Query) Exact() string {
	if len(q.words) != 1 {
		return ""
	}
	switch w := q.words[0]; w.kind {
	case number:
		return quoted("+"+w.text) + " | " + quoted("+"+strings.TrimPrefix(w.text, "00")) + " | " + quoted(w.text)
	case address, compound:
		return quoted(w.text)
	default:
		return ""
	}
}

// Begins is the tsquery for who has an address that begins, or a number that begins or
// ends, with the whole text; "" for a text that is none.
func (q Query) Begins() string {
	if len(q.words) != 1 || q.words[0].kind == simple {
		return ""
	}
	return q.words[0].begins("")
}

// Whole is the tsquery for who has all the words; "" where a word is none to have whole.
func (q Query) Whole() string {
	terms := make([]string, len(q.words))
	for i, w := range q.words {
		terms[i] = w.whole()
	}
	return strings.Join(terms, " & ")
}

// Begun is the tsquery for who has words that begin so. Words of one letter are in Short
// instead: of those there are too many for an index. It is "" where all are.
func (q Query) Begun() string { return q.begun(nil) }

// Through is Begun, where a word may also be one of an organization that the customer is
// linked to: organizations are those that have each word.
func (q Query) Through(organizations map[string][]uuid.UUID) string { return q.begun(organizations) }

func (q Query) begun(organizations map[string][]uuid.UUID) string {
	var all []string
	for _, w := range q.words {
		if !w.short() {
			var links strings.Builder
			for _, id := range organizations[w.text] {
				links.WriteString(" | " + LinkQuery(id.String()))
			}
			all = append(all, "("+w.begins(links.String())+")")
		}
	}
	return strings.Join(all, " & ")
}

// Traces are patterns of LIKE that whoever has the words, or others that begin so, meets:
// all of the first, one of the second. They let others through too.
func (q Query) Traces() (all, either []string) {
	for _, w := range q.words {
		switch {
		case w.kind == simple:
			all = append(all, "% "+w.text+"%")
		case w.kind == number && either == nil:
			either = []string{
				"% +" + strings.TrimLeft(w.text, "0") + "%", "% " + w.text + "%", "% #" + backwards(strings.TrimLeft(w.text, "0")) + "%", "% " + w.parts[0] + "%",
			}
		case w.kind != number:
			all = append(all, "%"+w.longest()+"%")
		}
	}
	return all, either
}

// longest is a part that is in the whole word too, which may have been cut.
func (w word) longest() string {
	if len(w.text) >= maxWord {
		return w.parts[0]
	}
	return slices.MaxFunc(w.parts, func(a, b string) int { return len(a) - len(b) })
}

// Short are the words of one letter.
func (q Query) Short() []string {
	var short []string
	for _, w := range q.words {
		if w.short() {
			short = append(short, w.text)
		}
	}
	return short
}

func (w word) short() bool { return len(w.text) == 1 }

// Organizations are the words that an organization may be called by, each with the
// tsquery for which is.
func (q Query) Organizations() map[string]string {
	asked := map[string]string{}
	for _, w := range q.words {
		if w.kind == simple && utf8.RuneCountInString(w.text) > 2 {
			asked[w.text] = quoted("&"+w.text) + ":*"
		}
	}
	return asked
}

// Fuzzy are the words that may have been mistyped; nil where one may not, so that the
// whole text is not.
func (q Query) Fuzzy() []Mistyped {
	var words []Mistyped
	for _, w := range q.words {
		if w.kind == address || w.kind == number {
			return nil
		}
		if w.mistyped() {
			words = append(words, Mistyped{w.text, near(w.typed)})
		}
	}
	return words
}

func (w word) mistyped() bool {
	return w.kind == simple && utf8.RuneCountInString(w.text) > 2 && strings.IndexFunc(w.text, unicode.IsNumber) < 0
}

// Like is the tsquery for who has, for each word, that or one of its like.
func (q Query) Like(like map[string][]string) string {
	var all []string
	for _, w := range q.words {
		if w.short() {
			continue
		}
		either := []string{w.begins("")}
		for _, other := range like[w.text] {
			either = append(either, quoted(other))
		}
		all = append(all, "("+strings.Join(either, " | ")+")")
	}
	return strings.Join(all, " & ")
}

func (w word) whole() string {
	switch w.kind {
	case compound:
		return "(" + quoted(w.text) + " | " + joined(w.parts, "") + ")"
	case number:
		return "(" + quoted("+"+w.text) + " | " + quoted(w.text) + " | " + joined(w.parts, "") + ")"
	default:
		return quoted(w.text)
	}
}

// begins is the tsquery for the beginning of the word, or what stands in or.
func (w word) begins(or string) string {
	switch w.kind {
	case compound:
		return quoted(w.text) + ":* | " + joined(w.parts, ":*") + or
	case number:
		end := strings.TrimLeft(w.text, "0") // of a number that may begin with a country's or the trunk's
		either := quoted("+"+strings.TrimPrefix(w.text, "00")) + ":* | " + quoted(w.text) + ":* | " + joined(w.parts, ":*")
		if len(end) >= minNumber-1 {
			either += " | " + quoted("#"+backwards(end)) + ":*"
		}
		return either + or
	default:
		return quoted(w.text) + ":*" + or
	}
}

// joined asks for all parts, of the last one with what follows it.
func joined(parts []string, last string) string {
	all := make([]string, len(parts))
	for i, part := range parts {
		all[i] = quoted(part)
	}
	return "(" + strings.Join(all, " & ") + last + ")"
}

// quoted is a term in a tsquery. Terms hold no quote, no backslash and no question mark.
func quoted(term string) string {
	if term == "" {
		term = "?"
	}
	return "'" + strings.NewReplacer("'", "", `\`, "").Replace(term) + "'"
}
