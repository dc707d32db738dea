package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is how many letters of a word count; Postgres takes 2,046 bytes of one.
const maxWord = 100

// letters that do not come apart into one and an accent.
var plain = map[rune]string{
	'ß': "ss", 'æ': "a", 'œ': "o", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ħ': "h", 'ı': "i", 'ŋ': "n",
}

// Fold makes one of what people take for one: no capitals, no accents, ß as ss, and ä, ae
// and a the same.
func Fold(text string) string { return foldUmlauts(foldCase(text)) }

func foldCase(text string) string {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return foldAccents(text)
		}
	}
	return strings.ToLower(text)
}

func foldAccents(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range norm.NFKD.String(text) {
		switch r = unicode.ToLower(r); {
		case plain[r] != "":
			b.WriteString(plain[r])
		case unicode.Is(unicode.Mn, r): // an accent
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// foldUmlauts leaves out each e that makes an umlaut of the letter before. In "neue" and
// "Quelle" it does not: there the u belongs to what stands before it.
func foldUmlauts(text string) string {
	const (
		anywhere = iota
		umlaut   // after a letter of which e makes an umlaut
		vowel    // after one of which it does not, and u does not become one
	)
	if !strings.Contains(text, "e") {
		return text
	}
	folded, state := make([]byte, 0, len(text)), anywhere
	for i := range len(text) {
		switch c := text[i]; {
		case c == 'e' && state == umlaut:
			state = vowel
			continue
		case c == 'a', c == 'o', c == 'u' && state == anywhere:
			state = umlaut
		case c == 'e', c == 'i', c == 'q', c == 'y', c == 'u':
			state = vowel
		default:
			state = anywhere
		}
		folded = append(folded, text[i])
	}
	return string(folded)
}

// Words are the words of a text, folded: what stands between letters and digits parts
// them, but for an apostrophe (O'Hara is one word).
func Words(text string) []string {
	words := strings.FieldsFunc(Fold(apostrophes.Replace(text)), func(r rune) bool { return !isLetter(r) })
	for i, word := range words {
		words[i] = cut(word)
	}
	return words
}

var apostrophes = strings.NewReplacer("'", "", "’", "", "`", "", "´", "")

// Key is a name as it is sorted: its words with a space between.
func Key(name string) string { return strings.Join(Words(name), " ") }

func isLetter(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Mc, r)
}

// whole is a word with what holds it together: an address, a number with signs.
func whole(text string) string {
	return cut(strings.Map(func(r rune) rune {
		switch {
		case isLetter(r), strings.ContainsRune("@.-_+", r):
			return r
		default:
			return -1
		}
	}, Fold(text)))
}

func cut(word string) string {
	if len(word) <= maxWord {
		return word
	}
	runes := []rune(word)
	return string(runes[:min(len(runes), maxWord)])
}

// digits are the digits of a text.
func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, text)
}

func backwards(digits string) string {
	b := []byte(digits)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
