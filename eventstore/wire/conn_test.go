package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A member is a node that says of itself and of others what a test wants: what the
// embedded node, which always leads and never errs, cannot.
type member struct {
	streamspb.UnimplementedStreamsServer
	gossip.UnimplementedGossipServer
	address string
	read    func(call streamspb.Streams_ReadServer) error
	append  func(call streamspb.Streams_BatchAppendServer) error
	cluster func() []*gossip.MemberInfo
	reads   atomic.Int32
}

func (m *member) Read(_ *streamspb.ReadReq, call streamspb.Streams_ReadServer) error {
	m.reads.Add(1)
	return m.read(call)
}

func (m *member) BatchAppend(call streamspb.Streams_BatchAppendServer) error { return m.append(call) }

// gossiping is the member's other service, whose method has the same name.
type gossiping struct {
	gossip.UnimplementedGossipServer
	*member
}

func (g gossiping) Read(context.Context, *shared.Empty) (*gossip.ClusterInfo, error) {
	return &gossip.ClusterInfo{Members: g.cluster()}, nil
}

func start(t *testing.T, m *member, options ...grpc.ServerOption) *member {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	streamspb.RegisterStreamsServer(server, m)
	gossip.RegisterGossipServer(server, gossiping{member: m})
	m.address = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *member) as(state gossip.MemberInfo_VNodeState, alive bool) *gossip.MemberInfo {
	at, _ := net.ResolveTCPAddr("tcp", m.address)
	return &gossip.MemberInfo{
		State: state, IsAlive: alive, HttpEndPoint: &gossip.EndPoint{Address: at.IP.String(), Port: uint32(at.Port)},
	}
}

func oneEvent(call streamspb.Streams_ReadServer) error { return call.Send(appeared(someEvent())) }

func notLeader(call streamspb.Streams_ReadServer) error {
	call.SetTrailer(metadata.Pairs("exception", "not-leader", "leader-endpoint-host", "x", "leader-endpoint-port", "1"))
	return status.Error(codes.NotFound, "Leader info available")
}

func connected(t *testing.T, connection string) *Conn {
	t.Helper()
	settings, err := esdb.ParseConnectionString(connection)
	if err != nil {
		t.Fatal(err)
	}
	c := New(settings)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// readAll reads to the end and says how many events came.
func readAll(ctx context.Context, c *Conn, q Query) (events int, err error) {
	r, err := c.Read(ctx, q)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		m, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case err != nil:
			return events, err
		case m.Kind == Appeared:
			events++
		}
	}
}

func TestWhatANodeSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says func(call streamspb.Streams_ReadServer) error
		want error
	}{
		"tombstoned": {func(call streamspb.Streams_ReadServer) error {
			call.SetTrailer(metadata.Pairs("exception", "stream-deleted")) // the client would panic
			return status.Error(codes.FailedPrecondition, "deleted")
		}, ErrStreamDeleted},
		"away":       {func(streamspb.Streams_ReadServer) error { return status.Error(codes.Unavailable, "") }, ErrUnreachable},
		"not leader": {notLeader, ErrUnreachable},
		"nonsense": {func(call streamspb.Streams_ReadServer) error {
			e := someEvent()
			e.Metadata["created"] = "x" // the client would end the process
			return call.Send(appeared(e))
		}, ErrMalformed},
		"late": {func(streamspb.Streams_ReadServer) error {
			return status.Error(codes.DeadlineExceeded, "")
		}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t, &member{read: c.says})
			conn := connected(t, "esdb://"+m.address+"?tls=false")
			if _, err := readAll(t.Context(), conn, Log()); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if _, err := conn.Subscribe(t.Context(), Follow(Position{})); !errors.Is(err, c.want) {
				t.Errorf("subscribing: %v", err)
			}
		})
	}
}

func TestASubscriptionIsConfirmed(t *testing.T) {
	t.Parallel()
	m := start(t, &member{read: oneEvent})
	if _, err := connected(t, "esdb://"+m.address+"?tls=false").Subscribe(t.Context(), Follow(Position{})); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

// In a cluster the leader is found through any member, and anew when it no longer
// leads, while calls that run on the old one go on.
func TestTheLeaderIsFound(t *testing.T) {
	t.Parallel()
	var leader atomic.Int32
	members := make([]*member, 3)
	release := make(chan struct{})
	for i := range members {
		members[i] = start(t, &member{
			read: func(call streamspb.Streams_ReadServer) error {
				asked, _ := metadata.FromIncomingContext(call.Context())
				if int(leader.Load()) != i && len(asked.Get("requires-leader")) > 0 {
					return notLeader(call)
				}
				if err := oneEvent(call); err != nil {
					return err
				}
				<-release
				return oneEvent(call)
			},
			cluster: func() (infos []*gossip.MemberInfo) {
				for j, m := range members {
					state := gossip.MemberInfo_Follower
					if int(leader.Load()) == j {
						state = gossip.MemberInfo_Leader
					}
					infos = append(infos, m.as(state, true))
				}
				return append(infos, &gossip.MemberInfo{State: gossip.MemberInfo_Leader, HttpEndPoint: &gossip.EndPoint{Address: "gone"}})
			},
		})
	}
	c := connected(t, fmt.Sprintf("esdb://127.0.0.1:1,%s?tls=false", members[2].address)) // the first is dead
	old, err := c.Read(t.Context(), Log())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Next(); err != nil {
		t.Fatal(err)
	}
	leader.Store(1)
	if _, err := readAll(t.Context(), c, Log()); !errors.Is(err, ErrUnreachable) {
		t.Fatalf("from the old leader: %v", err)
	}
	close(release)
	if events, err := readAll(t.Context(), c, Log()); err != nil || events != 2 {
		t.Fatalf("from the new leader: %d events, %v", events, err)
	}
	if n := members[1].reads.Load(); n != 1 {
		t.Errorf("the new leader was asked %d times", n)
	}
	if m, err := old.Next(); err != nil || m.Kind != Appeared {
		t.Errorf("the call on the old connection: %v, %v", m, err)
	}
	if _, err := old.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("its end: %v", err)
	}
	if len(c.links) != 1 {
		t.Errorf("%d connections are kept", len(c.links))
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	m := &member{address: "127.0.0.1:1"}
	leader, follower := m.as(gossip.MemberInfo_Leader, true), m.as(gossip.MemberInfo_Follower, true)
	replica, dead := m.as(gossip.MemberInfo_ReadOnlyReplica, true), m.as(gossip.MemberInfo_Leader, false)
	joining := m.as(gossip.MemberInfo_CatchingUp, true)
	for _, c := range []struct {
		preference esdb.NodePreference
		members    []*gossip.MemberInfo
		want       *gossip.MemberInfo
	}{
		{esdb.NodePreferenceLeader, []*gossip.MemberInfo{follower, dead, leader, replica}, leader},
		{esdb.NodePreferenceLeader, []*gossip.MemberInfo{follower, dead, replica}, nil},
		{esdb.NodePreferenceFollower, []*gossip.MemberInfo{leader, follower, joining}, follower},
		{esdb.NodePreferenceFollower, []*gossip.MemberInfo{leader, dead}, leader},
		{esdb.NodePreferenceReadOnlyReplica, []*gossip.MemberInfo{leader, follower, replica}, replica},
		{esdb.NodePreferenceRandom, []*gossip.MemberInfo{dead, joining, replica}, replica},
		{esdb.NodePreferenceRandom, []*gossip.MemberInfo{dead, joining}, nil},
	} {
		if got := choose(c.members, c.preference); got != c.want {
			t.Errorf("%s of %v: got %v", c.preference, c.members, got)
		}
	}
}

// Whoever waits for a node that does not answer can leave.
func TestCallsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // takes calls and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, connection := range []string{"esdb://%s?tls=false", "esdb+discover://%s?tls=false"} {
		c := connected(t, fmt.Sprintf(connection, l.Addr()))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := readAll(ctx, c, Log()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", connection, err)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	m := start(t, &member{read: func(call streamspb.Streams_ReadServer) error {
		<-call.Context().Done()
		return call.Context().Err()
	}})
	c := connected(t, "esdb://"+m.address+"?tls=false")
	r, err := c.Read(t.Context(), Log())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := r.Next()
		ended <- err
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("a call that ran: %v", err)
	}
	if _, err := c.Read(t.Context(), Log()); !errors.Is(err, ErrClosed) {
		t.Errorf("a call after: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Over TLS the credentials go with every call, and the certificate is checked.
func TestSecure(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	m := start(t, &member{read: func(call streamspb.Streams_ReadServer) error {
		sent, _ := metadata.FromIncomingContext(call.Context())
		if got := sent.Get("authorization"); len(got) != 1 || got[0] != "Basic b3BzOnMzY3JldA==" {
			return status.Errorf(codes.Unauthenticated, "%v", got)
		}
		return oneEvent(call)
	}}, grpc.Creds(credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})))
	for _, c := range []struct {
		connection string
		code       codes.Code
	}{
		{"esdb://ops:s3cret@%s?tlsCAFile=" + authority, codes.OK},
		{"esdb://ops:s3cret@%s?tlsVerifyCert=false", codes.OK},
		{"esdb://ops:wrong@%s?tlsVerifyCert=false", codes.Unauthenticated},
		{"esdb://%s?tlsVerifyCert=false", codes.Unauthenticated},
		{"esdb://ops:s3cret@%s", codes.Unavailable},
	} {
		_, err := readAll(t.Context(), connected(t, fmt.Sprintf(c.connection, m.address)), Log())
		if status.Code(err) != c.code {
			t.Errorf("%s: %v", c.connection, err)
		}
	}
	settings := &esdb.Configuration{UserCertFile: "missing", UserKeyFile: "missing"}
	if _, err := New(settings).Read(t.Context(), Log()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a certificate that is not there: %v", err)
	}
}
