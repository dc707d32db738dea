package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The states of a stream, each made by calls. Last is the revision of its last
// event.
var states = map[string]struct {
	last int64
	make func(t *testing.T, s *server, stream string)
}{
	"missing": {-1, func(*testing.T, *server, string) {}},
	"metadata only": {-1, func(t *testing.T, s *server, stream string) {
		t.Helper()
		s.setMetadata(t, stream, `{"$maxAge":1000000}`)
	}},
	"live": {1, func(t *testing.T, s *server, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, events("old", 2)...)
	}},
	"soft-deleted": {1, func(t *testing.T, s *server, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, events("old", 2)...)
		s.softDelete(t, stream)
	}},
	"revived": {2, func(t *testing.T, s *server, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, events("old", 2)...)
		s.softDelete(t, stream)
		s.append(t, stream, esdb.Any{}, event("old"))
	}},
	"tombstoned": {1, func(t *testing.T, s *server, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, events("old", 2)...)
		s.tombstone(t, stream)
	}},
	"truncated": {2, func(t *testing.T, s *server, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, events("old", 3)...)
		s.setMetadata(t, stream, `{"$tb":2}`)
	}},
	"emptied": {1, func(t *testing.T, s *server, stream string) {
		t.Helper()
		s.append(t, stream, esdb.NoStream{}, events("old", 2)...)
		s.setMetadata(t, stream, `{"$tb":2}`)
	}},
}

// checkCommit is what EventStoreDB's IndexWriter.CheckCommit comes to. The steps
// of a cell follow each other on one stream, with the same expected revision:
//
//	nothing      an append of no events, on another stream in the same state
//	AB           two new events
//	AB again     the same two, sent again
//	AB restart   and once more after a restart
//	A            the first of them alone
//	A?  AB?  BA  with an unknown event behind; in the other order
//	?B           an unknown event before one that is known
//
// An answer is the stream's last revision when the append is done or was before,
// ok for an append of nothing, or the refusal. A dash: there is no such revision.
// A tilde marks what our node does beyond EventStoreDB, whose memory of ids is
// bounded and does not outlast a restart when no revision is named.
const checkCommit = `
state          step        any      none     exists   lower    exact    future
missing        nothing     ok       ok       wrong    -        -        wrong
missing        AB          1        1        wrong    -        -        wrong
missing        AB again    1        1        wrong    -        -        wrong
missing        AB restart  1~       1        wrong    -        -        wrong
missing        A           0        0        wrong    -        -        wrong
missing        A?          wrong    wrong    wrong    -        -        wrong
missing        AB?         wrong    wrong    wrong    -        -        wrong
missing        BA          0        wrong    wrong    -        -        wrong
missing        ?B          3        wrong    wrong    -        -        wrong

metadata only  nothing     ok       ok       ok       -        -        wrong
metadata only  AB          1        1        1        -        -        wrong
metadata only  AB again    1        1        1        -        -        wrong
metadata only  AB restart  1~       1        1~       -        -        wrong
metadata only  A           0        0        0        -        -        wrong
metadata only  A?          wrong    wrong    wrong    -        -        wrong
metadata only  AB?         wrong    wrong    wrong    -        -        wrong
metadata only  BA          0        wrong    0        -        -        wrong
metadata only  ?B          3        wrong    3        -        -        wrong

live           nothing     ok       wrong    ok       wrong    ok       wrong
live           AB          3        wrong    3        wrong    3        wrong
live           AB again    3        wrong    3        wrong    3        wrong
live           AB restart  3~       wrong    3~       wrong    3        wrong
live           A           2        wrong    2        wrong    2        wrong
live           A?          wrong    wrong    wrong    wrong    wrong    wrong
live           AB?         wrong    wrong    wrong    wrong    wrong    wrong
live           BA          2        wrong    2        wrong    wrong    wrong
live           ?B          5        wrong    5        wrong    wrong    wrong

soft-deleted   nothing     ok       wrong    deleted  wrong    ok       wrong
soft-deleted   AB          3        3        deleted  wrong    3        wrong
soft-deleted   AB again    3        wrong    deleted  wrong    3        wrong
soft-deleted   AB restart  3~       wrong    deleted  wrong    3        wrong
soft-deleted   A           2        wrong    deleted  wrong    2        wrong
soft-deleted   A?          wrong    wrong    deleted  wrong    wrong    wrong
soft-deleted   AB?         wrong    wrong    deleted  wrong    wrong    wrong
soft-deleted   BA          2        wrong    deleted  wrong    wrong    wrong
soft-deleted   ?B          5        wrong    deleted  wrong    wrong    wrong

revived        nothing     ok       wrong    ok       wrong    ok       wrong
revived        AB          4        wrong    4        wrong    4        wrong
revived        AB again    4        wrong    4        wrong    4        wrong
revived        AB restart  4~       wrong    4~       wrong    4        wrong
revived        A           3        wrong    3        wrong    3        wrong
revived        A?          wrong    wrong    wrong    wrong    wrong    wrong
revived        AB?         wrong    wrong    wrong    wrong    wrong    wrong
revived        BA          3        wrong    3        wrong    wrong    wrong
revived        ?B          6        wrong    6        wrong    wrong    wrong

tombstoned     nothing     deleted  deleted  deleted  deleted  deleted  deleted
tombstoned     AB          deleted  deleted  deleted  deleted  deleted  deleted
tombstoned     AB again    deleted  deleted  deleted  deleted  deleted  deleted
tombstoned     AB restart  deleted  deleted  deleted  deleted  deleted  deleted
tombstoned     A           deleted  deleted  deleted  deleted  deleted  deleted
tombstoned     A?          deleted  deleted  deleted  deleted  deleted  deleted
tombstoned     AB?         deleted  deleted  deleted  deleted  deleted  deleted
tombstoned     BA          deleted  deleted  deleted  deleted  deleted  deleted
tombstoned     ?B          deleted  deleted  deleted  deleted  deleted  deleted

truncated      nothing     ok       wrong    ok       wrong    ok       wrong
truncated      AB          4        wrong    4        wrong    4        wrong
truncated      AB again    4        wrong    4        wrong    4        wrong
truncated      AB restart  4~       wrong    4~       wrong    4        wrong
truncated      A           3        wrong    3        wrong    3        wrong
truncated      A?          wrong    wrong    wrong    wrong    wrong    wrong
truncated      AB?         wrong    wrong    wrong    wrong    wrong    wrong
truncated      BA          3        wrong    3        wrong    wrong    wrong
truncated      ?B          6        wrong    6        wrong    wrong    wrong

emptied        nothing     ok       wrong    ok       wrong    ok       wrong
emptied        AB          3        wrong    3        wrong    3        wrong
emptied        AB again    3        wrong    3        wrong    3        wrong
emptied        AB restart  3~       wrong    3~       wrong    3        wrong
emptied        A           2        wrong    2        wrong    2        wrong
emptied        A?          wrong    wrong    wrong    wrong    wrong    wrong
emptied        AB?         wrong    wrong    wrong    wrong    wrong    wrong
emptied        BA          2        wrong    2        wrong    wrong    wrong
emptied        ?B          5        wrong    5        wrong    wrong    wrong
`

// A commit is one column of one state: a stream, and what is expected of it.
type commit struct {
	state    string
	column   string
	stream   string
	empty    string // the stream that nothing is appended to
	expected int64
	last     int64 // revision of the stream's last event now
	a, b     uuid.UUID
	position map[uint64]uint64 // of a revision that was written, for repetitions
}

var columns = []string{"any", "none", "exists", "lower", "exact", "future"}

func expectation(column string, last int64) int64 {
	return map[string]int64{
		"any": anything, "none": noStream, "exists": exists, "lower": last - 1, "exact": last, "future": last + 9,
	}[column]
}

func TestCheckCommit(t *testing.T) {
	t.Parallel()
	s := examineRestarting(t)
	commits := map[string]*commit{}
	for name, state := range states {
		for _, column := range columns {
			c := &commit{
				state: name, column: column, last: state.last, expected: expectation(column, state.last),
				a: uuid.New(), b: uuid.New(), position: map[uint64]uint64{},
			}
			key := name + "/" + column
			c.stream = s.stream(strings.ReplaceAll(key, " ", "-"))
			c.empty = c.stream + "-nothing"
			state.make(t, s, c.stream)
			state.make(t, s, c.empty)
			commits[key] = c
		}
	}
	rows := strings.Split(strings.TrimSpace(checkCommit), "\n")[1:]
	cells := 0
	check := func(after bool) {
		for _, row := range rows {
			if row == "" {
				continue
			}
			state, step := strings.TrimSpace(row[:15]), strings.TrimSpace(row[15:27])
			if (strings.HasPrefix(step, "AB") && !strings.Contains(step, "?") && step != "AB restart" || step == "nothing") == after {
				continue
			}
			for i, want := range strings.Fields(row[27:]) {
				c := commits[state+"/"+columns[i]]
				want, beyond := strings.CutSuffix(want, "~")
				if want == "-" || beyond && !s.own {
					continue
				}
				cells++
				if got := c.try(within(t), s, step); got != want {
					t.Errorf("%s, expecting %s, %s: %s, want %s", state, columns[i], step, got, want)
				}
			}
		}
	}
	check(false)
	s = s.restart(t)
	check(true)
	t.Logf("%d cells", cells)
	if want := 6*9*6 + 2*9*4; s.own && cells != want {
		t.Errorf("%d cells were tried, want %d", cells, want)
	}
}

// try makes the step's append and says what came of it.
func (c *commit) try(ctx context.Context, s *server, step string) string {
	ids := map[string][]uuid.UUID{
		"nothing": nil, "AB": {c.a, c.b}, "AB again": {c.a, c.b}, "AB restart": {c.a, c.b}, "A": {c.a},
		"A?": {c.a, uuid.New()}, "AB?": {c.a, c.b, uuid.New()}, "BA": {c.b, c.a}, "?B": {uuid.New(), c.b},
	}[step]
	stream := c.stream
	if step == "nothing" {
		stream = c.empty
	}
	messages := []*streamspb.AppendReq{appendOptions(stream, c.expected)}
	for _, id := range ids {
		messages = append(messages, plain(id))
	}
	answer, trailer, err := s.send(ctx, messages...)
	switch {
	case status.Code(err) == codes.FailedPrecondition && strings.Join(trailer.Get("exception"), "") == "stream-deleted":
		return "deleted"
	case err != nil:
		return err.Error()
	case answer.GetWrongExpectedVersion() != nil:
		w := answer.GetWrongExpectedVersion()
		if got := int64(w.GetCurrentRevision()); w.GetCurrentNoStream() != nil != (c.last < 0) || c.last >= 0 && got != c.last {
			return fmt.Sprintf("wrong, and the stream is not at %d: %v", c.last, w)
		}
		return "wrong"
	case step == "nothing":
		return "ok"
	}
	last, position := answer.GetSuccess().GetCurrentRevision(), answer.GetSuccess().GetPosition().GetCommitPosition()
	if position == 0 {
		return fmt.Sprintf("%d without a position", last)
	}
	if int64(last) > c.last { // written now
		c.last = int64(last)
		c.position[last] = position
	} else if was, ok := c.position[last]; ok && was != position {
		return fmt.Sprintf("%d at position %d, and at %d before", last, position, was)
	}
	return fmt.Sprint(last)
}
