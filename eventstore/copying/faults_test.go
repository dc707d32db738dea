package copying

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"crm/eventstore"
	"crm/eventstore/faulttest"
)

// TestInterrupted ends runs, or their target, at any moment. What the target holds
// is the source's beginning every time, and all of it in the end.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 4, Large: 400}, func(c *faulttest.Case) {
		source, target := newNode(c.T), newNode(c.T)
		newWriter(c.T, source, c.Rand).some(1500)
		want := originals(c.T, source)
		options := Options{Source: source.config(), Target: target.config(), InFlight: []int{1, 16, 256}[c.Rand.IntN(3)]}
		for range 4 {
			ctx, cancel := context.WithCancel(c.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := Run(ctx, options)
				ended <- err
			}()
			time.Sleep(time.Duration(c.Rand.IntN(250)) * time.Millisecond) // then, wherever it is
			if c.Rand.IntN(2) == 0 {
				cancel()
				if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
					c.Fatal(err)
				}
			} else {
				target.stop(c.T)
				target.start(c.T)
				if err := <-ended; err != nil {
					c.Fatal(err)
				}
			}
			cancel()
			mustBeginWith(c.T, want, originals(c.T, target), false)
		}
		copyOf(c.T, source, target)
	})
}

// A troubled is a target with a node behind it and trouble of its own: hurt is
// asked about each append, in order, and answers for it where it says so.
type troubled struct {
	streamspb.UnimplementedStreamsServer
	node streamspb.StreamsClient
	hurt func(number int64) (instead *statuspb.Status, end error)
	late bool // what it refuses is told after the append behind it is written
	seen atomic.Int64
}

func newTroubled(t *testing.T, n *node, trouble *troubled) eventstore.Config {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+n.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(filepath.Dir(n.socket), "t")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	trouble.node = streamspb.NewStreamsClient(conn)
	streamspb.RegisterStreamsServer(server, trouble)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // it was stopped
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
		_ = conn.Close()
	})
	return eventstore.Config{UnixSocket: socket}
}

func (s *troubled) Read(req *streamspb.ReadReq, call streamspb.Streams_ReadServer) error {
	from, err := s.node.Read(call.Context(), req)
	if err != nil {
		return err
	}
	for {
		answer, err := from.Recv()
		if err != nil {
			return eof(err)
		}
		if err := call.Send(answer); err != nil {
			return err
		}
	}
}

func (s *troubled) BatchAppend(call streamspb.Streams_BatchAppendServer) error {
	to, err := s.node.BatchAppend(call.Context())
	if err != nil {
		return err
	}
	write := func(req *streamspb.BatchAppendReq) (*streamspb.BatchAppendResp, error) {
		if err := to.Send(req); err != nil {
			return nil, err
		}
		return to.Recv()
	}
	for { // one at a time: it is not about speed
		req, err := call.Recv()
		if err != nil {
			return eof(err)
		}
		instead, end := s.hurt(s.seen.Add(1))
		var answers []*streamspb.BatchAppendResp
		if instead == nil || s.late {
			next := req
			if instead != nil {
				if next, err = call.Recv(); err != nil {
					return eof(err)
				}
			}
			written, err := write(next)
			if err != nil {
				return err
			}
			answers = append(answers, written)
		}
		if instead != nil {
			answers = append(answers, &streamspb.BatchAppendResp{CorrelationId: req.GetCorrelationId(), Result: &streamspb.BatchAppendResp_Error{Error: instead}})
		}
		if end != nil {
			return end // and the answers are lost
		}
		for _, answer := range answers {
			if err := call.Send(answer); err != nil {
				return err
			}
		}
	}
}

func eof(err error) error {
	if status.Code(err) == codes.Unknown { // io.EOF
		return nil
	}
	return err
}

// full refuses everything for a while, from the n-th append on.
func full(n int64, while time.Duration) func(int64) (*statuspb.Status, error) {
	since := sync.OnceValue(time.Now)
	return func(number int64) (*statuspb.Status, error) {
		if number >= n && time.Since(since()) < while {
			return &statuspb.Status{Code: int32(codes.Aborted), Message: "full"}, nil
		}
		return nil, nil
	}
}

// TestTrouble has servers refuse, fall silent, and go away.
func TestTrouble(t *testing.T) {
	t.Parallel()
	timeout := &statuspb.Status{Code: int32(codes.DeadlineExceeded), Message: "Timeout"}
	gone := status.Error(codes.Unavailable, "gone")
	for name, test := range map[string]struct {
		hurt     func(number int64) (*statuspb.Status, error)
		want     string // "" where it gets over it
		late     bool
		inFlight int
	}{
		"the connection breaks now and then": {hurt: func(n int64) (*statuspb.Status, error) {
			if n%40 == 0 {
				return nil, gone
			}
			return nil, nil
		}},
		"no time for a while": {inFlight: 1, hurt: func(n int64) (*statuspb.Status, error) {
			if n >= 20 && n < 25 {
				return timeout, nil
			}
			return nil, nil
		}},
		"no room for a while": {hurt: full(20, 300*time.Millisecond)},
		"not leading for a while": {hurt: func(n int64) (*statuspb.Status, error) {
			if n == 20 {
				return timeout, status.Error(codes.NotFound, "Leader info available")
			}
			return nil, nil
		}},
		"one append is overtaken": {want: "was overtaken", late: true, hurt: func(n int64) (*statuspb.Status, error) {
			if n == 20 {
				return timeout, nil
			}
			return nil, nil
		}},
		"a stream is protected": {want: "not allowed", hurt: func(n int64) (*statuspb.Status, error) {
			if n >= 20 {
				return &statuspb.Status{Code: int32(codes.PermissionDenied), Message: "AccessDenied"}, nil
			}
			return nil, nil
		}},
		"its streams are not what its log shows": {want: "log ends after", hurt: func(n int64) (*statuspb.Status, error) {
			if n >= 20 {
				return &statuspb.Status{Code: int32(codes.AlreadyExists), Message: "WrongExpectedVersion"}, nil
			}
			return nil, nil
		}},
		"it never answers an append": {want: "gave up", hurt: func(n int64) (*statuspb.Status, error) { return timeout, gone }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, target := newNode(t), newNode(t)
			w := newWriter(t, source, rand.New(rand.NewPCG(13, 14)))
			for i := range 100 { // each event is an append
				w.append([]string{"customer-1", "deal-1", "deal-2"}[i%3], w.event())
			}
			options := Options{Source: source.config(), Target: newTroubled(t, target, &troubled{hurt: test.hurt, late: test.late}), InFlight: test.inFlight}
			if test.want == "gave up" {
				options.Patience = time.Second
			}
			_, err := Run(t.Context(), options)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want == "":
				mustBeCopies(t, source, target)
			case err == nil || !strings.Contains(err.Error(), test.want):
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// TestScavenged has a source that lacks what came first in a stream.
func TestScavenged(t *testing.T) {
	t.Parallel()
	for _, revisions := range [][]uint64{{5, 6}, {0, 1, 4}} {
		s := newSurvey()
		var err error
		for _, revision := range revisions {
			if err = s.add(&event{stream: "deal-1", revision: revision}); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), "deal-1") || !final(err) {
			t.Errorf("%v: %v", revisions, err)
		}
	}
	// Of a stream that was deleted for good, all is gone in the end.
	s := newSurvey()
	if err := s.add(&event{stream: "deal-1", kind: tombstoneKind, revision: 1<<63 - 1}); err != nil || !s.states["deal-1"].tombstoned {
		t.Errorf("%v, %+v", err, s.states)
	}
}

// TestRoles are who is copied.
func TestRoles(t *testing.T) {
	t.Parallel()
	for want, events := range map[role][][2]string{
		history: {{"deal-1", "deal.won"}, {"deal-1", "$>"}, {"x", ""}},
		system:  {{"$stats-0", "$statsCollected"}, {"$ce-deal", "$>"}, {"$$$stats", "$metadata"}, {"$$deal-1", "else"}, {"$users", "$User"}},
		about:   {{"$$deal-1", "$metadata"}},
		ending:  {{"deal-1", "$streamDeleted"}},
	} {
		for _, e := range events {
			if got := (&event{stream: e[0], kind: e[1]}).role(); got != want {
				t.Errorf("%v has role %d, want %d", e, got, want)
			}
		}
	}
}
