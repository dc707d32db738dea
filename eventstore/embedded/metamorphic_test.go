package embedded

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"crm/eventstore/faulttest"
)

// A treatment is what must not matter: settings, how many requests come at once,
// and how often the node ends in between, and how.
type treatment struct {
	cfg      Config
	widest   int
	restarts int // of a hundred places where there may be one
	crashes  bool
	rng      *rand.Rand
}

func (t treatment) String() string {
	return fmt.Sprintf("MemTableBytes %d, CacheBytes %d, HeadCache %d, Durability %d, up to %d at once, %d %% restarts, crashes: %v, on disk: %v",
		t.cfg.MemTableBytes, t.cfg.CacheBytes, t.cfg.HeadCache, t.cfg.Durability, t.widest, t.restarts, t.crashes, t.cfg.fs == nil)
}

// treatments are eight ways to treat a store: the defaults, a real disk, and six
// by chance.
func treatments(c *faulttest.Case) []treatment {
	all := []treatment{
		{cfg: Config{Dir: "db", fs: vfs.NewCrashableMem()}, widest: 100},
		{cfg: Config{Dir: c.TempDir()}, widest: 400, restarts: 2},
	}
	for len(all) < 8 {
		pick := func(of ...int) int { return of[c.Rand.IntN(len(of))] }
		all = append(all, treatment{
			cfg: Config{
				Dir: "db", fs: vfs.NewCrashableMem(), Durability: Durability(pick(0, 1)),
				MemTableBytes: pick(minMemTable, 256<<10, 1<<20), CacheBytes: int64(pick(1, 1<<20, 16<<20)), HeadCache: pick(1, 2, 30, 5000),
			},
			widest: pick(1, 2, 30, 300, 700), restarts: pick(0, 3, 20), crashes: pick(0, 1) == 1,
		})
	}
	for i := range all {
		all[i].rng = rand.New(rand.NewPCG(c.Rand.Uint64(), 0))
	}
	return all
}

// A stretch is ops at one time of the clock. Times do not only go forwards.
type stretch struct {
	at  time.Time
	ops []*op
}

// An observation is all that can be seen of a store from outside, but for the ids
// that the node itself makes up.
type observation struct {
	Answers []string
	Log     [][]byte
	Streams map[string][]string
}

// differs says where the first difference is, "" when there is none.
func (o observation) differs(other observation) string {
	for i := range max(len(o.Answers), len(other.Answers)) {
		if i >= len(o.Answers) || i >= len(other.Answers) || o.Answers[i] != other.Answers[i] {
			return fmt.Sprintf("answer %d:\n%s", i, cmp.Diff(o.Answers[i:min(len(o.Answers), i+1)], other.Answers[i:min(len(other.Answers), i+1)]))
		}
	}
	for i := range min(len(o.Log), len(other.Log)) {
		if !bytes.Equal(o.Log[i], other.Log[i]) {
			return fmt.Sprintf("event %d:\n%s", i+1, cmp.Diff(o.Log[i], other.Log[i]))
		}
	}
	if len(o.Log) != len(other.Log) {
		return fmt.Sprintf("%d events, and %d", len(o.Log), len(other.Log))
	}
	for stream, seen := range o.Streams {
		if !slices.Equal(seen, other.Streams[stream]) {
			return fmt.Sprintf("stream %q:\n%s", stream, cmp.Diff(seen, other.Streams[stream]))
		}
	}
	return ""
}

// TestSettingsDoNotShow gives the same requests to eight nodes that differ in all
// but that: answers, log and streams are the same, byte for byte.
func TestSettingsDoNotShow(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 3, Large: 200}, func(c *faulttest.Case) {
		work := newWorkload(c.Rand)
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var stretches []stretch
		most := 5_000 + c.Rand.IntN(5_001)
		if faulttest.Reduced() {
			most /= 10
		}
		for len(work.made) < most {
			at = at.Add(time.Duration(c.Rand.Int64N(int64(3*time.Minute))) - time.Minute)
			stretches = append(stretches, stretch{at, work.ops(1 + c.Rand.IntN(200))})
		}
		var first observation
		for i, way := range treatments(c) {
			got, err := way.observe(c, work, stretches)
			if err != nil {
				c.Fatalf("%v: %v", way, err)
			}
			if i == 0 {
				first = got
			} else if diff := first.differs(got); diff != "" {
				c.Fatalf("%v: %s", way, diff)
			}
		}
		if len(first.Log) < most/3 {
			c.Errorf("the log has only %d events", len(first.Log))
		}
	})
}

func (t treatment) observe(c *faulttest.Case, work *workload, stretches []stretch) (observation, error) {
	c.Helper()
	var now atomic.Int64
	t.cfg.now = func() time.Time { return time.Unix(0, now.Load()).UTC() }
	n, err := Open(t.cfg)
	if err != nil {
		return observation{}, err
	}
	defer func() { _ = n.Close() }()
	seen := &journal{}
	for _, s := range stretches {
		now.Store(s.at.UnixNano())
		if _, err := seen.play(c.Context(), n, s.ops, func() int { return 1 + t.rng.IntN(t.widest) }, nil); err != nil {
			return observation{}, err
		}
		if t.rng.IntN(100) >= t.restarts {
			continue
		}
		if mem, ok := t.cfg.fs.(*vfs.MemFS); ok && t.crashes {
			t.cfg.fs = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: t.rng})
		}
		if err := n.Close(); err != nil {
			return observation{}, err
		}
		if n, err = Open(t.cfg); err != nil {
			return observation{}, err
		}
	}
	proposed := map[uuid.UUID]bool{}
	for _, o := range work.made {
		for i := range o.events {
			proposed[o.events[i].id] = true
		}
	}
	out := observation{Streams: map[string][]string{}}
	for _, a := range seen.told {
		out.Answers = append(out.Answers, fmt.Sprintf("%v: %+v", a.op, a.outcome))
	}
	for _, l := range checkWhole(c.T, n) {
		if !proposed[l.id] {
			copy(l.value, make([]byte, len(l.id)))
		}
		out.Log = append(out.Log, bytes.Clone(l.value))
		out.Streams[l.stream] = nil
	}
	for _, stream := range slices.Sorted(maps.Keys(out.Streams)) {
		for _, backwards := range []bool{false, true} {
			out.Streams[stream] = append(out.Streams[stream], seenOf(n, stream, backwards)...)
		}
	}
	return out, nil
}

// seenOf is what a reader of a stream sees: numbers, or why there are none.
func seenOf(n *Node, stream string, backwards bool) []string {
	o := &streamspb.ReadReq_Options_StreamOptions{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
		RevisionOption:   &streamspb.ReadReq_Options_StreamOptions_Start{Start: &shared.Empty{}},
	}
	direction := streamspb.ReadReq_Options_Forwards
	if backwards {
		o.RevisionOption = &streamspb.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}}
		direction = streamspb.ReadReq_Options_Backwards
	}
	r := &reader{ctx: n.ctx, journal: &journal{}}
	err := (&streams{node: n}).Read(&streamspb.ReadReq{Options: &streamspb.ReadReq_Options{
		StreamOption:  &streamspb.ReadReq_Options_Stream{Stream: o},
		ReadDirection: direction,
		CountOption:   &streamspb.ReadReq_Options_Count{Count: math.MaxInt64},
	}}, r)
	var out []string
	for _, message := range r.journal.shown {
		var m streamspb.ReadResp
		if err := proto.Unmarshal(message, &m); err != nil {
			return []string{err.Error()}
		}
		if e := m.GetEvent().GetEvent(); e != nil {
			out = append(out, fmt.Sprint(e.GetStreamRevision()))
		} else {
			out = append(out, fmt.Sprintf("%T", m.GetContent()))
		}
	}
	return append(out, fmt.Sprint(err))
}
