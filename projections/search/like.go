package search

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Mistyped is a word that may have been mistyped.
type Mistyped struct {
	Word string
	// Near are words that are one typo away, whether there is such a word or not.
	Near []string
}

// Typos is how many typos lead from a word of a name to the one that was typed; a word
// that holds it counts as one. ok is false for a word that is too unlike.
func (m Mistyped) Typos(word string) (typos int, ok bool) {
	typed, length := m.Word, utf8.RuneCountInString(m.Word)
	if _, found := slices.BinarySearch(m.Near, word); found || strings.Contains(word, typed) {
		return 1, true
	}
	allowed := 1
	if length > 5 {
		allowed = 2
	}
	typos = distance([]rune(typed), []rune(word), allowed)
	return typos, typos <= allowed
}

// near are the words, folded, that are one typo away from one in Latin letters as it was
// typed: of a short word trigrams find hardly one.
func near(typed string) []string {
	if strings.IndexFunc(typed, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return nil
	}
	var all []string
	for i := range len(typed) + 1 {
		before, after := typed[:i], typed[i:]
		if len(after) > 0 {
			all = append(all, before+after[1:])
		}
		if len(after) > 1 {
			all = append(all, before+after[1:2]+after[:1]+after[2:])
		}
		for letter := 'a'; letter <= 'z'; letter++ {
			all = append(all, before+string(letter)+after)
			if len(after) > 0 {
				all = append(all, before+string(letter)+after[1:])
			}
		}
	}
	for i, word := range all {
		all[i] = foldUmlauts(word)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// distance is how many letters must be put in, left out, changed or swapped with the next
// to get from one word to the other (optimal string alignment); beyond most, some more.
func distance(a, b []rune, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
