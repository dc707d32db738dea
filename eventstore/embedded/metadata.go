package embedded

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// deletedRevision is the revision of a tombstone, and as $tb the mark of a
// soft-deleted stream.
const deletedRevision = math.MaxInt64

// Types of the events that the node itself writes.
const (
	kindMetadata      = "$metadata"
	kindStreamDeleted = "$streamDeleted"
)

const metastreamPrefix = "$$"

func metastreamOf(stream string) string { return metastreamPrefix + stream }

func isMetastream(stream string) bool { return strings.HasPrefix(stream, metastreamPrefix) }

// originalOf is the stream that a metadata stream describes, or the stream itself.
func originalOf(stream string) string { return strings.TrimPrefix(stream, metastreamPrefix) }

// A retention is what a stream's metadata says about the events that its readers
// still see.
type retention struct {
	maxCount       int64         // 0: all
	maxAge         time.Duration // 0: for ever
	truncateBefore int64         // the first revision shown
}

func (r retention) softDeleted() bool { return r.truncateBefore == deletedRevision }

// first is the first revision that a reader may see of a stream that ends at last.
func (r retention) first(last int64) int64 {
	first := max(0, r.truncateBefore)
	if r.maxCount > 0 {
		first = max(first, last-r.maxCount+1)
	}
	return first
}

// parseRetention reads $maxCount, $maxAge (seconds) and $tb. Metadata in which one
// of them is not what it should be restricts nothing at all, as on a server.
func parseRetention(data []byte) retention {
	fields := map[string]json.RawMessage{} // not a struct: its fields would match in any case
	if err := json.Unmarshal(data, &fields); err != nil {
		return retention{}
	}
	sound := true
	number := func(name string, least int64) int64 {
		text, ok := fields[name]
		if !ok {
			return 0
		}
		var n int64
		if err := json.Unmarshal(text, &n); err != nil || n < least {
			sound = false
		}
		return n
	}
	const longest = math.MaxInt64 / int64(time.Second)
	r := retention{
		maxCount:       number("$maxCount", 1),
		maxAge:         time.Duration(min(number("$maxAge", 1), longest)) * time.Second,
		truncateBefore: number("$tb", 0),
	}
	if !sound {
		return retention{}
	}
	return r
}

// shortens reports whether r would take history from a stream that Config.Permanent
// keeps: hide it, or end it.
func (n *Node) shortens(r *request) bool {
	if !slices.ContainsFunc(n.cfg.Permanent, func(prefix string) bool { return strings.HasPrefix(originalOf(r.stream), prefix) }) {
		return false
	}
	if r.operation != appendEvents {
		return true
	}
	return isMetastream(r.stream) && slices.ContainsFunc(r.events, func(p proposal) bool {
		return parseRetention(p.data) != retention{}
	})
}

// undeleted rewrites metadata so that a soft-deleted stream shows its events from
// first on. It reports false when data is no JSON object, which a soft delete
// never writes.
func undeleted(data []byte, first int64) ([]byte, bool) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		return nil, false
	}
	fields["$tb"], _ = json.Marshal(first)
	out, err := json.Marshal(fields)
	return out, err == nil
}

var softDeleteMetadata = []byte(`{"$tb":9223372036854775807}`)
