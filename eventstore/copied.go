package eventstore

import (
	"bytes"
	"encoding/json"
	"time"
)

// A store sets the time of what it takes, so an event that is copied to another
// one carries the time of its original in its metadata, as a last member of one
// fixed form:
//
//	{"schema":1,…}   {"schema":1,…,"$recordedAt":"2026-11-22T09:30:15.1234567Z"}
//	{}               {"$recordedAt":"2026-11-22T09:30:15.1234567Z" }
//	no metadata      {"$recordedAt":"2026-11-22T09:30:15.1234567Z"}
//
// Only [Copied] writes it: domain.Meta has no such field, so no append of this
// program can bring one. [Original] takes it off again, to the byte; whatever is
// computed over metadata is computed over that, and is the same in every store.
const (
	recordedAtKey    = `"$recordedAt":"`
	recordedAtLayout = "2006-01-02T15:04:05.0000000Z" // created times are multiples of 100 ns
	recordedAtSize   = len(recordedAtKey) + len(recordedAtLayout) + len(`"`)
)

const jsonSpace = " \t\r\n"

// Copied is the metadata of a copy of an event that was recorded at an instant.
// It is the metadata itself when that is a copy's already: the first store's time
// counts. It is false, and the metadata unchanged, when that is neither empty nor
// a JSON object, or the instant not a multiple of 100 ns in the years 0 to 9999.
func Copied(metadata []byte, recordedAt time.Time) ([]byte, bool) {
	if _, _, _, again := addition(metadata); again {
		return metadata, true
	}
	recordedAt = recordedAt.UTC()
	if year := recordedAt.Year(); year < 0 || year > 9999 || recordedAt.Nanosecond()%100 != 0 {
		return metadata, false
	}
	add := append(recordedAt.AppendFormat([]byte(recordedAtKey), recordedAtLayout), '"')
	if len(metadata) == 0 {
		return append(append([]byte("{"), add...), '}'), true
	}
	if !isObject(metadata) || !json.Valid(metadata) {
		return metadata, false
	}
	end := bytes.LastIndexByte(metadata, '}')
	copied := append(make([]byte, 0, len(metadata)+len(add)+1), metadata[:end]...)
	if noMembers(metadata[:end]) {
		copied = append(append(copied, add...), ' ')
	} else {
		copied = append(append(copied, ','), add...)
	}
	return append(copied, metadata[end:]...), true
}

// Original undoes [Copied]: it gives the metadata as it was, and when the event was
// recorded where it was written. It is false, and the metadata unchanged, when
// this is no copy.
func Original(metadata []byte) (original []byte, recordedAt time.Time, copied bool) {
	from, to, recordedAt, copied := addition(metadata)
	if !copied {
		return metadata, time.Time{}, false
	}
	original = make([]byte, 0, len(metadata))
	return append(append(original, metadata[:from]...), metadata[to:]...), recordedAt, true
}

// firstRecorded is when an event was recorded where it was written, be that here.
func firstRecorded(created time.Time, metadata []byte) time.Time {
	if _, _, first, copied := addition(metadata); copied {
		return first
	}
	return created
}

// addition finds what Copied added: metadata[from:to].
func addition(metadata []byte) (from, to int, recordedAt time.Time, found bool) {
	end := len(metadata) - 1
	if end >= 0 && metadata[end] != '}' {
		end = len(bytes.TrimRight(metadata, jsonSpace)) - 1
	}
	if end < recordedAtSize || metadata[end] != '}' {
		return 0, 0, time.Time{}, false
	}
	if start, at, ok := member(metadata[:end]); ok {
		switch {
		case metadata[start-1] == ',':
			return start - 1, end, at, true
		case len(metadata) == recordedAtSize+len("{}"):
			return 0, len(metadata), at, true
		}
	} else if metadata[end-1] == ' ' {
		if start, at, ok := member(metadata[:end-1]); ok && noMembers(metadata[:start]) {
			return start, end, at, true
		}
	}
	return 0, 0, time.Time{}, false
}

// member finds the time in the member that an object's inside ends with. The
// member does not begin before the second byte.
func member(inside []byte) (start int, recordedAt time.Time, ok bool) {
	start = len(inside) - recordedAtSize
	if start < 1 || string(inside[start:start+len(recordedAtKey)]) != recordedAtKey || inside[len(inside)-1] != '"' {
		return 0, time.Time{}, false
	}
	// Of this length, with this Z, there are seven digits behind the point; which
	// UnmarshalText would also take for a comma.
	text := inside[start+len(recordedAtKey) : len(inside)-1]
	if text[len("2006-01-02T15:04:05")] != '.' || text[len(text)-1] != 'Z' || recordedAt.UnmarshalText(text) != nil {
		return 0, time.Time{}, false
	}
	return start, recordedAt, true
}

// noMembers reports whether an object's beginning holds nothing but its brace.
func noMembers(beginning []byte) bool { return string(bytes.Trim(beginning, jsonSpace)) == "{" }
