package embedded

import (
	"bytes"
	"regexp"

	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// defaultWindow is how many events are searched between checkpoints when a client
// names no number.
const defaultWindow = 32

// A filter chooses events of $all by the beginning of their stream name or type,
// or by a regular expression. RE2 here and .NET on a server agree on little more
// than ^prefix and ^[^\$].*.
type filter struct {
	byType   bool
	ours     bool // all but what begins with $, which every reader of everything asks for
	prefixes [][]byte
	regex    *regexp.Regexp
	interval int // events considered between two checkpoints
}

func parseFilter(o *streamspb.ReadReq_Options_FilterOptions) (*filter, error) {
	f := &filter{}
	var e *streamspb.ReadReq_Options_FilterOptions_Expression
	switch kind := o.GetFilter().(type) {
	case *streamspb.ReadReq_Options_FilterOptions_StreamIdentifier:
		e = kind.StreamIdentifier
	case *streamspb.ReadReq_Options_FilterOptions_EventType:
		f.byType, e = true, kind.EventType
	default:
		return nil, invalidArgument("a filter by neither stream nor type")
	}
	for _, p := range e.GetPrefix() {
		f.prefixes = append(f.prefixes, []byte(p))
	}
	switch {
	case len(f.prefixes) > 0:
	case e.GetRegex() == `^[^\$].*` || e.GetRegex() == `^[^$].*`:
		f.ours = true
	case e.GetRegex() != "":
		var err error
		if f.regex, err = regexp.Compile(e.GetRegex()); err != nil {
			return nil, invalidArgument("the filter's regular expression: %s", err)
		}
	default:
		return nil, invalidArgument("a filter without prefix or regular expression")
	}
	window := uint64(defaultWindow)
	if w, ok := o.GetWindow().(*streamspb.ReadReq_Options_FilterOptions_Max); ok {
		if window = uint64(w.Max); window == 0 {
			return nil, invalidArgument("a filter that searches no events")
		}
	}
	f.interval = int(window * uint64(o.GetCheckpointIntervalMultiplier())) // product of two uint32
	return f, nil
}

// match reports whether the stored event passes.
func (f *filter) match(value []byte) (bool, error) {
	if f == nil {
		return true, nil
	}
	r, err := parseRecord(value, false)
	if err != nil {
		return false, err
	}
	subject := r.stream
	if f.byType {
		subject = r.kind
	}
	if f.ours {
		return len(subject) > 0 && subject[0] != '$', nil
	}
	if f.regex != nil {
		return f.regex.Match(subject), nil
	}
	for _, p := range f.prefixes {
		if bytes.HasPrefix(subject, p) {
			return true, nil
		}
	}
	return false, nil
}
