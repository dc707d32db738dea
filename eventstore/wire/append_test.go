package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
	"pgregory.net/rapid"
)

// What is written by hand is what the generated code reads.
func TestRequest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Uint64().Draw(t, "number")
		a := Append{Stream: rapid.String().Draw(t, "stream"), Expected: rapid.Int64Min(-1).Draw(t, "expected")}
		textID := func(id uuid.UUID) *shared.UUID {
			return &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}}
		}
		correlation := uuid.UUID{}
		binary.BigEndian.PutUint64(correlation[8:], number)
		want := &streamspb.BatchAppendReq{
			CorrelationId: textID(correlation),
			Options: &streamspb.BatchAppendReq_Options{
				StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(a.Stream)},
				ExpectedStreamPosition: &streamspb.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}},
			},
			IsFinal: true,
		}
		if a.Expected != NoStream {
			want.Options.ExpectedStreamPosition = &streamspb.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(a.Expected)}
		}
		for range rapid.IntRange(0, 3).Draw(t, "events") {
			p := Proposal{
				ID:       uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
				Type:     rapid.String().Draw(t, "type"),
				Data:     rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
				Metadata: rapid.SliceOf(rapid.Byte()).Draw(t, "metadata"),
			}
			a.Events = append(a.Events, p)
			want.ProposedMessages = append(want.ProposedMessages, &streamspb.BatchAppendReq_ProposedMessage{
				Id: textID(p.ID), Metadata: map[string]string{"type": p.Type, "content-type": "application/json"},
				CustomMetadata: p.Metadata, Data: p.Data,
			})
		}
		got := &streamspb.BatchAppendReq{}
		if err := proto.Unmarshal(a.request(number), got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// answered is the answer of a node that stored an append at a revision and position.
func answered(request *streamspb.BatchAppendReq, at uint64) *streamspb.BatchAppendResp {
	return &streamspb.BatchAppendResp{
		CorrelationId: request.GetCorrelationId(),
		Result: &streamspb.BatchAppendResp_Success_{Success: &streamspb.BatchAppendResp_Success{
			CurrentRevisionOption: &streamspb.BatchAppendResp_Success_CurrentRevision{CurrentRevision: at},
			PositionOption: &streamspb.BatchAppendResp_Success_Position{
				Position: &shared.AllStreamPosition{CommitPosition: at + 1, PreparePosition: at},
			},
		}},
	}
}

// Many appends share a call, and each hears what became of its own, in whatever
// order and form of id the node answers.
func TestEveryAppendHasItsAnswer(t *testing.T) {
	t.Parallel()
	const round = 8
	var calls atomic.Int32
	m := start(t, &member{append: func(call streamspb.Streams_BatchAppendServer) error {
		calls.Add(1)
		for {
			var requests []*streamspb.BatchAppendReq
			for range round {
				request, err := call.Recv()
				if err != nil {
					return err // the caller has gone
				}
				requests = append(requests, request)
			}
			for i := range requests {
				answer := answered(requests[round-1-i], requests[round-1-i].GetOptions().GetStreamPosition())
				if id := uuid.MustParse(answer.GetCorrelationId().GetString_()); i%2 == 0 { // as EventStoreDB may write it
					answer.CorrelationId = &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
						MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
						LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
					}}}
				}
				if err := call.Send(answer); err != nil {
					return err
				}
			}
		}
	}})
	c := connected(t, "esdb://"+m.address+"?tls=false")
	var callers sync.WaitGroup
	for caller := range uint64(round) {
		callers.Go(func() {
			for i := range uint64(20) {
				at := caller*100 + i
				written, err := c.Append(t.Context(), Append{Stream: "s", Expected: int64(at)})
				if want := (Written{Revision: at, Position: Position{at + 1, at}}); err != nil || written != want {
					t.Errorf("got %+v, %v; want %+v", written, err, want)
				}
			}
		})
	}
	callers.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func refused(code codes.Code, details ...proto.Message) *statuspb.Status {
	s := &statuspb.Status{Code: int32(code), Message: "said"}
	for _, d := range details {
		packed, _ := anypb.New(d)
		s.Details = append(s.Details, packed)
	}
	return s
}

// What a node refuses ends neither the call nor other appends.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says *statuspb.Status
		want error
	}{
		"another revision": {refused(codes.AlreadyExists, &shared.WrongExpectedVersion{}), ErrWrongRevision},
		"deleted":          {refused(codes.NotFound, &shared.StreamDeleted{}), ErrStreamDeleted},
		"too large":        {refused(codes.InvalidArgument, &shared.MaximumAppendSizeExceeded{}), ErrTooLarge},
		"late":             {refused(codes.DeadlineExceeded, &shared.Timeout{}), context.DeadlineExceeded},
		"not ready":        {refused(codes.OK, &emptypb.Empty{}), ErrUnreachable},
		"not allowed":      {refused(codes.PermissionDenied, &shared.AccessDenied{}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			m := start(t, &member{append: func(call streamspb.Streams_BatchAppendServer) error {
				calls.Add(1)
				for i := 0; ; i++ {
					request, err := call.Recv()
					if err != nil {
						return err // the caller has gone
					}
					answer := answered(request, 7)
					if i == 0 {
						answer.Result = &streamspb.BatchAppendResp_Error{Error: c.says}
					}
					if err := call.Send(answer); err != nil {
						return err
					}
				}
			}})
			conn := connected(t, "esdb://"+m.address+"?tls=false")
			_, err := conn.Append(t.Context(), Append{Stream: "s"})
			if c.want != nil && !errors.Is(err, c.want) || c.want == nil && status.Code(err) != codes.PermissionDenied {
				t.Errorf("got %v", err)
			}
			if written, err := conn.Append(t.Context(), Append{Stream: "s"}); err != nil || written.Revision != 7 || calls.Load() != 1 {
				t.Errorf("the next one: %+v, %v, %d calls", written, err, calls.Load())
			}
		})
	}
}

// When the call breaks, all appends under it hear of it, and the next one opens another.
func TestACallBreaks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says func(call streamspb.Streams_BatchAppendServer) error
		want error
	}{
		"away":  {func(streamspb.Streams_BatchAppendServer) error { return status.Error(codes.Unavailable, "") }, ErrUnreachable},
		"ended": {func(streamspb.Streams_BatchAppendServer) error { return nil }, ErrUnreachable},
		"not leader": {func(call streamspb.Streams_BatchAppendServer) error {
			call.SetTrailer(metadata.Pairs("exception", "not-leader"))
			return status.Error(codes.NotFound, "Leader info available")
		}, ErrUnreachable},
		"unheard of": {func(streamspb.Streams_BatchAppendServer) error { return status.Error(codes.Unimplemented, "") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const appends = 5
			var calls atomic.Int32
			m := start(t, &member{append: func(call streamspb.Streams_BatchAppendServer) error {
				if calls.Add(1) == 1 {
					for range appends {
						if _, err := call.Recv(); err != nil {
							return err
						}
					}
					return c.says(call)
				}
				request, err := call.Recv()
				if err != nil {
					return err
				}
				return call.Send(answered(request, 1))
			}})
			conn := connected(t, "esdb://"+m.address+"?tls=false")
			var callers sync.WaitGroup
			for range appends {
				callers.Go(func() {
					_, err := conn.Append(t.Context(), Append{Stream: "s"})
					if c.want != nil && !errors.Is(err, c.want) || c.want == nil && status.Code(err) != codes.Unimplemented {
						t.Errorf("got %v", err)
					}
				})
			}
			callers.Wait()
			if written, err := conn.Append(t.Context(), Append{Stream: "s"}); err != nil || written.Revision != 1 {
				t.Errorf("the next one: %+v, %v", written, err)
			}
		})
	}
}

// Who appends to a node that takes nothing can leave, also while bytes of others
// clog the connection; and so can Close.
func TestAppendsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	m := start(t, &member{append: func(call streamspb.Streams_BatchAppendServer) error {
		<-call.Context().Done()
		return call.Context().Err()
	}})
	c := connected(t, "esdb://"+m.address+"?tls=false")
	large := Append{Stream: "s", Events: []Proposal{{Type: "t", Data: make([]byte, 1<<20)}}}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if _, err := c.Append(ctx, large); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
	callers.Wait()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Append(t.Context(), large)
		ended <- err
	}()
	for c.waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("an append under way: %v", err)
	}
	if _, err := c.Append(t.Context(), large); !errors.Is(err, ErrClosed) {
		t.Errorf("an append after: %v", err)
	}
}

// waiting is how many appends wait for an answer.
func (c *Conn) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.appends == nil {
		return 0
	}
	c.appends.mu.Lock()
	defer c.appends.mu.Unlock()
	return len(c.appends.waiting)
}

// An append goes to the leader, found anew when it no longer leads.
func TestAppendsGoToTheLeader(t *testing.T) {
	t.Parallel()
	m := start(t, &member{append: func(call streamspb.Streams_BatchAppendServer) error {
		asked, _ := metadata.FromIncomingContext(call.Context())
		request, err := call.Recv()
		if err != nil {
			return err
		}
		if len(asked.Get("requires-leader")) == 0 {
			return status.Error(codes.InvalidArgument, "nobody asked for the leader")
		}
		return call.Send(answered(request, 3))
	}})
	m.cluster = func() []*gossip.MemberInfo { return []*gossip.MemberInfo{m.as(gossip.MemberInfo_Leader, true)} }
	c := connected(t, fmt.Sprintf("esdb+discover://%s?tls=false", m.address))
	if written, err := c.Append(t.Context(), Append{Stream: "s"}); err != nil || written.Revision != 3 {
		t.Errorf("%+v, %v", written, err)
	}
}
