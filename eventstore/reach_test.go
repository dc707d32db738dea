package eventstore

import (
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"crm/domain"
)

func TestReaches(t *testing.T) {
	t.Parallel()
	s := newNode(t).open(t)
	if there, err := s.Reaches(t.Context(), domain.Position{}); err != nil || !there {
		t.Errorf("an empty log does not reach the start: %v, %v", there, err)
	}
	var last domain.Position
	stream := newStream()
	for i := range 3 {
		receipt, err := s.Append(t.Context(), stream, domain.Revision(i)-1, proposed("x"))
		if err != nil {
			t.Fatal(err)
		}
		last = receipt.Position
	}
	for position, want := range map[domain.Position]bool{
		{Commit: 1, Prepare: 1}: true,
		last:                    true,
		{Commit: last.Commit + 1, Prepare: last.Prepare + 1}: false,
	} {
		if there, err := s.Reaches(t.Context(), position); err != nil || there != want {
			t.Errorf("%s: %v, %v; want %v", position, there, err, want)
		}
	}
}

// TestReachesWaitsForAMemberThatIsBehind: the event arrives while it is asked.
func TestReachesWaitsForAMemberThatIsBehind(t *testing.T) {
	t.Parallel()
	s := newNode(t).open(t)
	asked := make(chan error, 1)
	time.AfterFunc(reachPatience/4, func() {
		_, err := s.Append(t.Context(), newStream(), domain.NoStream, proposed("x"))
		asked <- err
	})
	if there, err := s.Reaches(t.Context(), domain.Position{Commit: 1, Prepare: 1}); err != nil || !there {
		t.Errorf("got %v, %v", there, err)
	}
	if err := <-asked; err != nil {
		t.Error(err)
	}
}

// fullServer answers as EventStoreDB and the node do whose disk takes nothing.
type fullServer struct {
	streamspb.UnimplementedStreamsServer
}

func (fullServer) BatchAppend(call streamspb.Streams_BatchAppendServer) error {
	for {
		request, err := call.Recv()
		if err != nil {
			return err // the caller has gone
		}
		refused := &streamspb.BatchAppendResp{
			CorrelationId: request.GetCorrelationId(),
			Result: &streamspb.BatchAppendResp_Error{
				Error: &statuspb.Status{Code: int32(codes.Aborted), Message: "the storage is unavailable"},
			},
		}
		if err := call.Send(refused); err != nil {
			return err
		}
	}
}

func TestADiskThatTakesNothing(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	streamspb.RegisterStreamsServer(server, fullServer{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	s, err := connect(Config{UnixSocket: socket})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Append(t.Context(), newStream(), domain.NoStream, proposed("x"))
	if !errors.Is(err, domain.ErrStorageUnavailable) || errors.Is(err, domain.ErrStoreUnavailable) {
		t.Errorf("append: %v, want ErrStorageUnavailable", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	server.Stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
