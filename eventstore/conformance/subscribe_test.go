package conformance

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const caughtUp = "caught up"

// follow reads a subscription until it has shown the event named until, or, when
// that is caughtUp, until it says so. It returns the names of our events.
func (s *server) follow(t *testing.T, sub *esdb.Subscription, until string) []string {
	t.Helper()
	got := []string{}
	for {
		switch e := sub.Recv(); {
		case e.EventAppeared != nil:
			if !strings.HasPrefix(strings.TrimPrefix(e.EventAppeared.Event.StreamID, "$$"), s.prefix) {
				continue // another test's
			}
			got = append(got, s.name(e.EventAppeared.Event))
			if got[len(got)-1] == until {
				return got
			}
		case e.CaughtUp != nil:
			if until == caughtUp {
				return got
			}
		case e.SubscriptionDropped != nil:
			t.Fatalf("dropped after %v, waiting for %s: %v", got, until, e.SubscriptionDropped.Error)
		}
	}
}

func (s *server) subscribeAll(t *testing.T, o esdb.SubscribeToAllOptions) *esdb.Subscription {
	t.Helper()
	sub, err := s.client.SubscribeToAll(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Close() })
	return sub
}

func (s *server) subscribeStream(t *testing.T, stream string, from esdb.StreamPosition) *esdb.Subscription {
	t.Helper()
	sub, err := s.client.SubscribeToStream(within(t), stream, esdb.SubscribeToStreamOptions{From: from})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Close() })
	return sub
}

func (s *server) streams(names ...string) *esdb.SubscriptionFilter {
	for i := range names {
		names[i] = s.stream(names[i])
	}
	return &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: names}
}

// TestSubscriptionsToAllStartAfterAPosition: from the middle, the last event and
// the end, and what comes then. The start is in the past of a foreign server.
func TestSubscriptionsToAllStartAfterAPosition(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("a"), esdb.Any{}, events("x", 4)...)
	all := s.whole(t, s.stream("a"))
	tests := []struct {
		name string
		from esdb.AllPosition
		want []string
	}{
		{"the start", esdb.Start{}, []string{"a@0", "a@1", "a@2", "a@3"}},
		{"the first", all[0].Position, []string{"a@1", "a@2", "a@3"}},
		{"the middle", all[1].Position, []string{"a@2", "a@3"}},
		{"the last", all[3].Position, []string{}},
		{"the end", esdb.End{}, []string{}},
	}
	var subs []*esdb.Subscription
	for _, tt := range tests {
		if tt.from == (esdb.Start{}) && !s.own {
			continue
		}
		sub := s.subscribeAll(t, esdb.SubscribeToAllOptions{From: tt.from})
		if diff := cmp.Diff(tt.want, s.follow(t, sub, caughtUp)); diff != "" {
			t.Errorf("from %s:\n%s", tt.name, diff)
		}
		subs = append(subs, sub)
	}
	s.append(t, s.stream("b"), esdb.Any{}, events("x", 2)...)
	for i, sub := range subs {
		if diff := cmp.Diff([]string{"b@0", "b@1"}, s.follow(t, sub, "b@1")); diff != "" {
			t.Errorf("live, subscription %d:\n%s", i, diff)
		}
	}
}

func TestSubscriptionsToAStreamStartAfterARevision(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("a"), esdb.Any{}, events("x", 4)...)
	tests := []struct {
		name, stream string
		from         esdb.StreamPosition
		want         []string
		live         []string // once a and none have two more events
	}{
		{"start", "a", esdb.Start{}, []string{"a@0", "a@1", "a@2", "a@3"}, []string{"a@4", "a@5"}},
		{"first", "a", esdb.Revision(0), []string{"a@1", "a@2", "a@3"}, []string{"a@4", "a@5"}},
		{"middle", "a", esdb.Revision(1), []string{"a@2", "a@3"}, []string{"a@4", "a@5"}},
		{"last", "a", esdb.Revision(3), []string{}, []string{"a@4", "a@5"}},
		{"future", "a", esdb.Revision(4), []string{}, []string{"a@5"}},
		{"end", "a", esdb.End{}, []string{}, []string{"a@4", "a@5"}},
		{"missing, start", "none", esdb.Start{}, nil, []string{"none@0", "none@1"}},
		{"missing, end", "none", esdb.End{}, nil, []string{"none@0", "none@1"}},
		{"missing, revision", "none", esdb.Revision(0), nil, []string{"none@1"}},
	}
	var subs []*esdb.Subscription
	for _, tt := range tests {
		sub := s.subscribeStream(t, s.stream(tt.stream), tt.from)
		// 23.10 says that it has caught up with a stream only once that exists.
		if tt.want != nil || s.own {
			if diff := cmp.Diff(append([]string{}, tt.want...), s.follow(t, sub, caughtUp)); diff != "" {
				t.Errorf("%s:\n%s", tt.name, diff)
			}
		}
		subs = append(subs, sub)
	}
	for range 2 {
		s.append(t, s.stream("other"), esdb.Any{}, event("x"))
		s.append(t, s.stream("a"), esdb.Any{}, event("x"))
		s.append(t, s.stream("none"), esdb.Any{}, event("x"))
	}
	for i, sub := range subs {
		if diff := cmp.Diff(tests[i].live, s.follow(t, sub, tests[i].live[len(tests[i].live)-1])); diff != "" {
			t.Errorf("live, %s:\n%s", tests[i].name, diff)
		}
	}
}

func TestASubscriptionFollowsAStreamThroughDeletion(t *testing.T) {
	t.Parallel()
	s := examine(t)
	a := s.stream("a")
	s.append(t, a, esdb.Any{}, events("x", 2)...)
	sub := s.subscribeStream(t, a, esdb.Start{})
	s.follow(t, sub, caughtUp)
	s.softDelete(t, a)
	s.append(t, a, esdb.Any{}, event("x"))
	if diff := cmp.Diff([]string{"a@2"}, s.follow(t, sub, "a@2")); diff != "" {
		t.Error(diff)
	}
	// Who joins now is shown what is left.
	if diff := cmp.Diff([]string{"a@2"}, s.follow(t, s.subscribeStream(t, a, esdb.Start{}), caughtUp)); diff != "" {
		t.Error(diff)
	}
	s.tombstone(t, a)
	e := sub.Recv()
	if e.SubscriptionDropped == nil {
		t.Fatalf("after a tombstone: %+v, want the end", e)
	}
	if err := e.SubscriptionDropped.Error; status.Code(err) != codes.FailedPrecondition && code(err) != esdb.ErrorCodeStreamDeleted {
		t.Errorf("after a tombstone: %v", err)
	}
}

// TestSubscriptionsShowWhatReadsShow: a subscription to a truncated stream, and
// one to metadata.
func TestSubscriptionsShowWhatReadsShow(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("a"), esdb.Any{}, events("x", 5)...)
	s.setMetadata(t, s.stream("a"), `{"$tb":1}`)
	s.setMetadata(t, s.stream("a"), `{"$tb":1,"$maxCount":2}`)
	if diff := cmp.Diff([]string{"a@3", "a@4"}, s.follow(t, s.subscribeStream(t, s.stream("a"), esdb.Start{}), caughtUp)); diff != "" {
		t.Error(diff)
	}
	meta := s.subscribeStream(t, "$$"+s.stream("a"), esdb.Start{})
	if diff := cmp.Diff([]string{"$$a@1"}, s.follow(t, meta, caughtUp)); diff != "" {
		t.Error(diff)
	}
	s.setMetadata(t, s.stream("a"), `{}`)
	if diff := cmp.Diff([]string{"$$a@2"}, s.follow(t, meta, "$$a@2")); diff != "" {
		t.Error(diff)
	}
}

// TestTheIDsOfASubscription come in the form asked for, catching up and live.
func TestTheIDsOfASubscription(t *testing.T) {
	t.Parallel()
	s := examine(t)
	id := uuid.New()
	if _, _, err := s.send(within(t), appendOptions(s.stream("a"), noStream), plain(id)); err != nil {
		t.Fatal(err)
	}
	o := subscription(s.stream("a"))
	o.Options.UuidOption = asString
	call, err := s.raw.Read(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	for shown := 0; shown < 2; {
		answer, err := call.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if e := answer.GetEvent().GetEvent(); e != nil {
			if got := e.GetId().GetString_(); got != id.String() {
				t.Errorf("id %q, want %q", got, id)
			}
			if shown++; shown == 1 {
				id = uuid.New()
				if _, _, err := s.send(within(t), appendOptions(s.stream("a"), 0), plain(id)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestTheFirstMessageIsTheConfirmation: the Go client fails on any other.
func TestTheFirstMessageIsTheConfirmation(t *testing.T) {
	t.Parallel()
	s := examine(t)
	s.append(t, s.stream("a"), esdb.Any{}, event("x"))
	for _, stream := range []string{"a", "none"} {
		answer, _, err := s.begin(within(t), subscription(s.stream(stream)).GetOptions())
		if err != nil || answer.GetConfirmation().GetSubscriptionId() == "" {
			t.Errorf("%s: %v, %v", stream, answer, err)
		}
	}
}

func TestFilteredSubscriptions(t *testing.T) {
	t.Parallel()
	s := examine(t)
	var first *esdb.WriteResult
	for i := range 10 {
		r := s.append(t, s.stream(fmt.Sprintf("k%d", i%2)), esdb.Any{}, event(fmt.Sprint(s.prefix, i%5)))
		if i == 0 {
			first = r
		}
	}
	s.append(t, s.stream("k2"), esdb.Any{}, event("not "+s.prefix+"4")) // a prefix is at the beginning
	from := esdb.Position{Commit: first.CommitPosition, Prepare: first.PreparePosition}
	types := func(suffixes ...string) *esdb.SubscriptionFilter {
		for i := range suffixes {
			suffixes[i] = s.prefix + suffixes[i]
		}
		return &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Prefixes: suffixes}
	}
	tests := []struct {
		name   string
		filter *esdb.SubscriptionFilter
		want   []string // after the first event
		live   []string
	}{
		{"stream prefix", s.streams("k1"), []string{"k1@0", "k1@1", "k1@2", "k1@3", "k1@4"}, []string{"k1@5", "k1@6"}},
		{
			"two stream prefixes", s.streams("k1", "k0"),
			[]string{"k1@0", "k0@1", "k1@1", "k0@2", "k1@2", "k0@3", "k1@3", "k0@4", "k1@4"},
			[]string{"k0@5", "k1@5", "k1@6"},
		},
		{"type prefixes", types("4", "3"), []string{"k1@1", "k0@2", "k0@4", "k1@4"}, []string{"k0@5", "k1@6"}},
		{
			"stream pattern", &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "^" + s.stream("k0")},
			[]string{"k0@1", "k0@2", "k0@3", "k0@4"},
			[]string{"k0@5"},
		},
		{"type pattern", &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: "^" + s.prefix + "0"}, []string{"k1@2"}, []string{"k1@5"}},
		{"nothing", s.streams("none"), []string{}, nil},
	}
	var subs []*esdb.Subscription
	for _, tt := range tests {
		sub := s.subscribeAll(t, esdb.SubscribeToAllOptions{From: from, Filter: tt.filter})
		if diff := cmp.Diff(tt.want, s.follow(t, sub, caughtUp)); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
		subs = append(subs, sub)
	}
	s.append(t, s.stream("k0"), esdb.Any{}, event(s.prefix+"3"))
	s.append(t, s.stream("k1"), esdb.Any{}, event(s.prefix+"0"), event(s.prefix+"4"))
	for i, tt := range tests {
		if tt.live == nil {
			continue
		}
		if diff := cmp.Diff(tt.live, s.follow(t, subs[i], tt.live[len(tt.live)-1])); diff != "" {
			t.Errorf("%s, live:\n%s", tt.name, diff)
		}
	}
}

// TestCheckpoints: a reader of something rare learns how far the search has come,
// and who goes on from there misses nothing and is shown nothing twice.
func TestCheckpoints(t *testing.T) {
	t.Parallel()
	s := examine(t)
	first := s.append(t, s.stream("common"), esdb.Any{}, event("x"))
	s.append(t, s.stream("rare"), esdb.Any{}, event("x"))
	s.append(t, s.stream("common"), esdb.Any{}, events("x", 100)...)
	far := s.whole(t, s.stream("common"))[50].Position
	o := esdb.SubscribeToAllOptions{
		From:   esdb.Position{Commit: first.CommitPosition, Prepare: first.PreparePosition},
		Filter: s.streams("rare"), MaxSearchWindow: 4, CheckpointInterval: 2,
	}
	sub := s.subscribeAll(t, o)
	var positions []esdb.Position
	shown := 0
	more := func(until uint64) {
		t.Helper()
		for len(positions) == 0 || positions[len(positions)-1].Commit < until {
			switch e := sub.Recv(); {
			case e.EventAppeared != nil:
				shown++
			case e.CheckPointReached != nil:
				p := *e.CheckPointReached
				if n := len(positions); n > 0 && p.Commit < positions[n-1].Commit {
					t.Errorf("checkpoint %v after %v", p, positions[n-1])
				}
				positions = append(positions, p)
			case e.SubscriptionDropped != nil:
				t.Fatalf("no checkpoint behind %d, only %v: %v", until, positions, e.SubscriptionDropped.Error)
			}
		}
	}
	more(far.Commit)
	if n := len(positions); shown != 1 || n < 3 {
		t.Errorf("shown %d events and %d checkpoints, want 1, and one for every 8 of 50 events", shown, n)
	}
	checkpoint := positions[len(positions)-1]
	s.append(t, s.stream("rare"), esdb.Any{}, event("x"))
	o.From = checkpoint
	if diff := cmp.Diff([]string{"rare@1"}, s.follow(t, s.subscribeAll(t, o), "rare@1")); diff != "" {
		t.Errorf("going on from the checkpoint:\n%s", diff)
	}
	// Live they come as well.
	s.follow(t, sub, "rare@1")
	end := s.append(t, s.stream("common"), esdb.Any{}, events("x", 20)...)
	s.append(t, s.stream("common"), esdb.Any{}, events("x", 100)...)
	more(end.CommitPosition)
}

// TestASlowReaderMissesNothing leaves a subscription unread while far more is
// written than any window holds. 23.10 drops such a reader, who comes back.
func TestASlowReaderMissesNothing(t *testing.T) {
	t.Parallel()
	s := examine(t)
	sub := s.subscribeStream(t, s.stream("a"), esdb.Start{})
	const batches, size = 30, 200
	big := events("x", size)
	for i := range big {
		big[i].Data = make([]byte, 2000)
	}
	for range batches {
		for i := range big {
			big[i].EventID = uuid.New()
		}
		s.append(t, s.stream("a"), esdb.Any{}, big...)
	}
	for seen := uint64(0); seen < batches*size; {
		switch e := sub.Recv(); {
		case e.EventAppeared != nil:
			if got := e.EventAppeared.Event.EventNumber; got != seen {
				t.Fatalf("revision %d, want %d", got, seen)
			}
			seen++
		case e.SubscriptionDropped != nil:
			if err := e.SubscriptionDropped.Error; s.own || status.Code(err) != codes.Aborted && !errors.Is(err, io.EOF) {
				t.Fatalf("dropped after %d: %v", seen, err)
			}
			t.Logf("dropped as too slow after %d, subscribed again", seen)
			from := esdb.StreamPosition(esdb.Start{})
			if seen > 0 {
				from = esdb.Revision(seen - 1)
			}
			sub = s.subscribeStream(t, s.stream("a"), from)
		}
	}
}

// TestEverybodyIsWoken: many subscriptions that have nothing to do, and then do.
func TestEverybodyIsWoken(t *testing.T) {
	t.Parallel()
	s := examine(t)
	var subs []*esdb.Subscription
	for i := range 12 {
		switch i % 3 {
		case 0:
			subs = append(subs, s.subscribeStream(t, s.stream("a"), esdb.Start{}))
		case 1:
			subs = append(subs, s.subscribeAll(t, esdb.SubscribeToAllOptions{From: esdb.End{}, Filter: s.streams("a")}))
		default:
			subs = append(subs, s.subscribeAll(t, esdb.SubscribeToAllOptions{From: esdb.End{}}))
		}
		if i%3 != 0 || s.own {
			s.follow(t, subs[i], caughtUp)
		}
	}
	// One at a time, so that each has to wake everybody.
	for round := range 5 {
		s.append(t, s.stream("a"), esdb.Any{}, event("x"))
		name := fmt.Sprint("a@", round)
		for i, sub := range subs {
			if diff := cmp.Diff([]string{name}, s.follow(t, sub, name)); diff != "" {
				t.Fatalf("round %d, subscription %d:\n%s", round, i, diff)
			}
		}
	}
}
