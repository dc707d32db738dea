package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// ErrNotServed is returned by FreezeServed when no node listens at the socket.
var ErrNotServed = errors.New("embedded: no node listens at the socket")

// operations is what a node does for its operator: a service of our own, which is
// not announced to clients. It has one method, Freeze: Empty in, one StringValue
// out, the JSON of a Frozen. The files are there until the call ends, so that they
// go when whoever asked is killed.
//
// Only the socket's peers are answered. Any local user reaches a loopback port.
type operations interface {
	freeze(grpc.ServerStream) error
}

const freezeMethod = "/crm.node.Operations/Freeze"

var operationsDesc = grpc.ServiceDesc{
	ServiceName: "crm.node.Operations",
	HandlerType: (*operations)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName:    "Freeze",
		ServerStreams: true,
		Handler:       func(srv any, call grpc.ServerStream) error { return srv.(operations).freeze(call) },
	}},
}

type operator struct{ node *Node }

func (o operator) freeze(call grpc.ServerStream) (err error) {
	ctx := call.Context()
	if p, ok := peer.FromContext(ctx); !ok || p.Addr.Network() != "unix" {
		return status.Error(codes.PermissionDenied, "only the node's socket takes this call")
	}
	if err := call.RecvMsg(&emptypb.Empty{}); err != nil {
		return err
	}
	f, err := o.node.Freeze(ctx)
	if err != nil {
		return toStatus(err, call.SetTrailer)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := call.SendMsg(wrapperspb.String(string(text))); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-o.node.ctx.Done():
		return toStatus(context.Cause(o.node.ctx), call.SetTrailer)
	}
}

// FreezeServed asks the node that listens at socket, a path given to ListenUnix,
// to freeze its store. It returns ErrNotServed when none does.
func FreezeServed(ctx context.Context, socket string) (_ *Frozen, err error) {
	if socket, err = filepath.Abs(SocketAt(socket)); err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: %s", ErrNotServed, socket)
	case err != nil:
		return nil, err
	}
	_ = conn.Close() // it was to see whether somebody is there
	// The path is no part of the target: a target is a URL, and a % in it is decoded.
	client, err := grpc.NewClient("passthrough:///node",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &Frozen{release: func() error {
		cancel()
		return client.Close()
	}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("embedded: ask the node at %s: %w", socket, err), f.release())
		}
	}()
	call, err := client.NewStream(ctx, &operationsDesc.Streams[0], freezeMethod)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(call.SendMsg(&emptypb.Empty{}), call.CloseSend()); err != nil {
		return nil, err
	}
	var answer wrapperspb.StringValue
	if err := call.RecvMsg(&answer); err != nil {
		return nil, err
	}
	return f, json.Unmarshal([]byte(answer.GetValue()), f)
}
