package embedded

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
)

func TestFigures(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Durability: Paranoid})
	s.append(t, "a", esdb.NoStream{}, eventsOf("x", 5)...)
	s.append(t, "b", esdb.NoStream{}, event("x"))
	stats := s.Stats()
	if stats.Position != 6 || stats.Floor != 6 || stats.Appended != 6 || stats.DiskBytes == 0 || stats.Queued != 0 {
		t.Errorf("figures %+v", stats)
	}
	if g := stats.Groups; g.Count != 2 || g.Sum != 6 || g.Buckets[1] != 1 || g.Buckets[4] != 1 || g.Buckets[8] != 2 {
		t.Errorf("groups %+v", g)
	}
	if l := stats.Syncs; l.Count < 2 || l.Sum <= 0 || len(l.Buckets) < 10 || len(l.Buckets) > 25 {
		t.Errorf("syncs %+v", l)
	}
	bounds := slices.Sorted(maps.Keys(stats.Syncs.Buckets))
	for i, at := range bounds[1:] {
		if stats.Syncs.Buckets[at] < stats.Syncs.Buckets[bounds[i]] {
			t.Errorf("fewer syncs took up to %v s than up to %v s", at, bounds[i])
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	var s sizes
	for _, size := range []int{0, 1, 2, 3, 4, 4096, 4097, 1 << 20} {
		s.observe(size)
	}
	h := s.histogram()
	if h.Count != 7 || h.Buckets[1] != 1 || h.Buckets[2] != 2 || h.Buckets[4] != 4 || h.Buckets[4096] != 5 {
		t.Errorf("histogram %+v", h)
	}
}

// follow subscribes to $all and reads nothing but the confirmation.
func (s *service) follow(ctx context.Context, t *testing.T) streamspb.Streams_ReadClient {
	t.Helper()
	call, err := s.dial(t).Read(ctx, &streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
		StreamOption: &streamspb.ReadReq_Options_All{All: &streamspb.ReadReq_Options_AllOptions{
			AllOption: &streamspb.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
		}},
		CountOption:  &streamspb.ReadReq_Options_Subscription{Subscription: &streamspb.ReadReq_Options_SubscriptionOptions{}},
		FilterOption: &streamspb.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:   &streamspb.ReadReq_Options_UUIDOption{Content: &streamspb.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := call.Recv(); err != nil || m.GetConfirmation() == nil {
		t.Fatalf("not confirmed: %v, %v", m, err)
	}
	return call
}

// TestHowFarBehindSubscriptionsAre has one that is not read from, and finds its
// number used again when it has gone.
func TestHowFarBehindSubscriptionsAre(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	until := func(what string, is func([]Subscription) bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !is(s.Stats().Subscriptions); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("never happened: %s; %+v", what, s.Stats().Subscriptions)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	slow := s.follow(ctx, t)
	quick, err := s.client.SubscribeToStream(t.Context(), "small", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = quick.Close() })
	const events = 40
	for range events {
		e := event("x")
		e.Data = make([]byte, 200_000)
		s.append(t, "large", esdb.Any{}, e)
	}
	until("only the slow one is behind", func(all []Subscription) bool {
		return len(all) == 2 && all[0].Behind > 0 && all[0].Age > 0 && all[1].Behind == 0
	})
	for seen := 0; seen < events; {
		m, err := slow.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if m.GetEvent() != nil {
			seen++
		}
	}
	want := []Subscription{{Number: 0, To: "all"}, {Number: 1, To: "stream"}}
	until("all have arrived", func(all []Subscription) bool { return cmp.Equal(want, all) })
	cancel()
	until("one has gone", func(all []Subscription) bool { return cmp.Equal(want[1:], all) })
	s.follow(t.Context(), t)
	until("its number is used again", func(all []Subscription) bool { return len(all) == 2 && all[0].Number == 0 })
}
