package importrun

import (
	"strings"

	"crm/domain"
)

// MaxFiles is how many files a run may have.
const MaxFiles = 100

// Mapping is what says what rows become.
type Mapping struct {
	Name   string `json:"name"`   // a slug
	SHA256 string `json:"sha256"` // of its text, hexadecimal
}

// File is a file to import.
type File struct {
	Name   domain.Personal `json:"name"`
	Size   int64           `json:"size"`   // bytes
	SHA256 string          `json:"sha256"` // hexadecimal
}

// Rows are what became of the rows.
type Rows struct {
	Read     int64 `json:"read"`
	Rejected int64 `json:"rejected"` // at least in part
	Updated  int64 `json:"updated"`  // changed what an earlier import had brought
}

// Undone is what became of what the run had changed, in streams: customers, deals,
// customers' consents and so on.
type Undone struct {
	Restored int64 `json:"restored"` // as it was before
	Ended    int64 `json:"ended"`    // created by the run, and put away
	Kept     int64 `json:"kept"`     // at least in part as the run left it
}

// Failure is why a run cannot go on by itself.
type Failure string

// The failures.
const (
	BadMapping Failure = "mapping"  // the mapping is not one that this program reads
	BadFile    Failure = "file"     // a file cannot be read to its end, or lacks columns
	Refused    Failure = "refused"  // whoever started it may not do that any more
	Internal   Failure = "internal" // a fault of the server, which its log tells
)

func (f Failure) valid() bool {
	switch f {
	case BadMapping, BadFile, Refused, Internal:
		return true
	}
	return false
}

func isSHA256(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// Status is how a run is.
type Status string

// The statuses. The zero value is a run that was never created.
const (
	Draft       Status = "draft"
	Running     Status = "running"
	IsFinished  Status = "finished"
	IsFailed    Status = "failed"
	IsCancelled Status = "cancelled"
	Undoing     Status = "undoing"
	IsUndone    Status = "undone"
)
