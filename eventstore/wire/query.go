package wire

import (
	"cmp"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// A Query says what to read.
type Query struct{ request *streamspb.ReadReq }

// A Filter chooses events of $all. One of StreamPrefix, TypePrefixes and TypePattern
// is needed. The zero value of the others works.
type Filter struct {
	// StreamPrefix is how the stream's name begins.
	StreamPrefix string
	// TypePrefixes are how the type begins, in one of these ways.
	TypePrefixes []string
	// TypePattern is a regular expression for the type. Servers use .NET's, the
	// node RE2: use nothing cleverer than ^[^\$].*.
	TypePattern string
	// Window and Every together make a subscription say how far it has looked, each
	// Window × Every events. Defaults 1,024 and 8.
	Window, Every uint32
}

// Stream reads the events of a stream from a revision on, which is included.
func Stream(name string, from uint64) Query {
	q := newQuery()
	options := &streamspb.ReadReq_Options_StreamOptions{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)},
		RevisionOption:   &streamspb.ReadReq_Options_StreamOptions_Revision{Revision: from},
	}
	q.request.Options.StreamOption = &streamspb.ReadReq_Options_Stream{Stream: options}
	return q
}

// Log reads $all from its start to where it ends now.
func Log() Query {
	q := newQuery()
	q.start()
	return q
}

// From reads $all from a position on, which is included, to where it ends now; the
// zero position is the start.
func From(position Position) Query {
	q := newQuery()
	if position == (Position{}) {
		q.start()
	} else {
		q.at(position)
	}
	return q
}

// Backwards reads $all from its end, or from what lies before a position, which is
// not included; the zero position is the end.
func Backwards(before Position) Query {
	q := newQuery()
	q.request.Options.ReadDirection = streamspb.ReadReq_Options_Backwards
	if before == (Position{}) {
		q.all(&streamspb.ReadReq_Options_AllOptions{
			AllOption: &streamspb.ReadReq_Options_AllOptions_End{End: &shared.Empty{}},
		})
	} else {
		q.at(before)
	}
	return q
}

// Follow subscribes to $all after a position, which is not included; the zero
// position is the start.
func Follow(after Position) Query {
	q := newQuery()
	q.request.Options.CountOption = &streamspb.ReadReq_Options_Subscription{
		Subscription: &streamspb.ReadReq_Options_SubscriptionOptions{},
	}
	if after == (Position{}) {
		q.start()
	} else {
		q.at(after)
	}
	return q
}

// Limit bounds how many events a read gives. It means nothing to a subscription.
func (q Query) Limit(events uint64) Query {
	if count, ok := q.request.Options.CountOption.(*streamspb.ReadReq_Options_Count); ok {
		count.Count = events
	}
	return q
}

// Only bounds a read of $all to what passes the filter.
func (q Query) Only(f Filter) Query {
	options := &streamspb.ReadReq_Options_FilterOptions{
		Window:                       &streamspb.ReadReq_Options_FilterOptions_Max{Max: cmp.Or(f.Window, 1024)},
		CheckpointIntervalMultiplier: cmp.Or(f.Every, 8),
	}
	switch {
	case f.StreamPrefix != "":
		options.Filter = &streamspb.ReadReq_Options_FilterOptions_StreamIdentifier{
			StreamIdentifier: &streamspb.ReadReq_Options_FilterOptions_Expression{Prefix: []string{f.StreamPrefix}},
		}
	case len(f.TypePrefixes) > 0:
		options.Filter = &streamspb.ReadReq_Options_FilterOptions_EventType{
			EventType: &streamspb.ReadReq_Options_FilterOptions_Expression{Prefix: f.TypePrefixes},
		}
	default:
		options.Filter = &streamspb.ReadReq_Options_FilterOptions_EventType{
			EventType: &streamspb.ReadReq_Options_FilterOptions_Expression{Regex: f.TypePattern},
		}
	}
	q.request.Options.FilterOption = &streamspb.ReadReq_Options_Filter{Filter: options}
	return q
}

func newQuery() Query {
	return Query{&streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
		CountOption:  &streamspb.ReadReq_Options_Count{Count: math.MaxInt64},
		FilterOption: &streamspb.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption: &streamspb.ReadReq_Options_UUIDOption{
			Content: &streamspb.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}},
		},
	}}}
}

func (q Query) at(p Position) {
	q.all(&streamspb.ReadReq_Options_AllOptions{AllOption: &streamspb.ReadReq_Options_AllOptions_Position{
		Position: &streamspb.ReadReq_Options_Position{CommitPosition: p.Commit, PreparePosition: p.Prepare},
	}})
}

func (q Query) start() {
	q.all(&streamspb.ReadReq_Options_AllOptions{
		AllOption: &streamspb.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
	})
}

func (q Query) all(options *streamspb.ReadReq_Options_AllOptions) {
	q.request.Options.StreamOption = &streamspb.ReadReq_Options_All{All: options}
}
