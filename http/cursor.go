package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"strings"

	"crm/projections/lists"
)

// ErrCursor is a cursor that this list did not hand out.
var ErrCursor = lists.ErrMark

// A cursor is the mark of a page's last row with a digest of it and of the question
// that was asked, so that a cursor that was cut, changed, or taken to another list
// or filter is refused instead of answered with the wrong rows. There is no secret
// in it and none is needed: whoever may ask may begin anywhere, and a cursor thus
// outlives the process and is good on every server.
const digestLength = 12

// page says where a list goes on.
type page struct {
	NextCursor *string `json:"next_cursor" doc:"Give it as cursor to get the next page; null on the last one."`
}

// pageAfter is the page's part of an answer to question.
func pageAfter[Mark any](question string, next *Mark) page {
	if next == nil {
		return page{}
	}
	place, err := json.Marshal(next)
	if err != nil {
		panic(err) // times, texts and ids only
	}
	cursor := base64.RawURLEncoding.EncodeToString(append(digest(question, place), place...))
	return page{NextCursor: &cursor}
}

// markOf reads the cursor of question; an empty one is the beginning.
func markOf[Mark any](question, cursor string) (*Mark, error) {
	if cursor == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(text) < digestLength || strings.ContainsAny(cursor, "\r\n") { // which decoding passes over
		return nil, ErrCursor
	}
	place := text[digestLength:]
	if subtle.ConstantTimeCompare(text[:digestLength], digest(question, place)) != 1 {
		return nil, ErrCursor
	}
	var mark Mark
	if err := json.Unmarshal(place, &mark); err != nil {
		return nil, ErrCursor
	}
	return &mark, nil
}

func digest(question string, place []byte) []byte {
	h := sha256.New()
	h.Write([]byte(question))
	h.Write([]byte{0})
	h.Write(place)
	return h.Sum(nil)[:digestLength]
}

// question names a list and all that its rows depend on.
func question(list string, about ...any) string {
	text, err := json.Marshal(about)
	if err != nil {
		panic(err) // filters are plain fields
	}
	return list + " " + string(text)
}
