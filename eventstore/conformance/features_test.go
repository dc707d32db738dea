package conformance

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/projections"
	serverfeatures "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// TestOnlyWhatIsOfferedIsAnnounced calls every method of every service that a
// client may look for, with an empty message: what is announced is there, what is
// not is unimplemented. Of a foreign server only methods are called that change
// nothing when asked for nothing.
func TestOnlyWhatIsOfferedIsAnnounced(t *testing.T) {
	t.Parallel()
	s := examine(t)
	supported, err := serverfeatures.NewServerFeaturesClient(s.conn).GetSupportedMethods(within(t), &shared.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	// The Go client reads at most three numbers.
	if v := supported.GetEventStoreServerVersion(); !regexp.MustCompile(`^\d+\.\d+\.\d+`).MatchString(v) {
		t.Errorf("version %q", v)
	}
	announced := map[string]bool{}
	for _, m := range supported.GetMethods() {
		name := m.GetServiceName() + "/" + m.GetMethodName()
		if name != strings.ToLower(name) {
			t.Errorf("%s is not in lower case, as clients match it", name)
		}
		announced[name] = true
	}
	for _, name := range []string{"append", "read", "delete", "tombstone", "batchappend"} {
		if !announced["event_store.client.streams.streams/"+name] {
			t.Errorf("streams/%s is not announced", name)
		}
	}
	harmless := []string{"read", "append", "batchappend", "getsupportedmethods", "getinfo", "list", "statistics"}
	for _, service := range []*grpc.ServiceDesc{
		&streamspb.Streams_ServiceDesc, &serverfeatures.ServerFeatures_ServiceDesc, &gossip.Gossip_ServiceDesc,
		&persistent.PersistentSubscriptions_ServiceDesc, &projections.Projections_ServiceDesc,
	} {
		var methods []string
		for _, m := range service.Methods {
			methods = append(methods, m.MethodName)
		}
		for _, m := range service.Streams {
			methods = append(methods, m.StreamName)
		}
		for _, method := range methods {
			if !s.own && !slices.Contains(harmless, strings.ToLower(method)) {
				continue
			}
			called := status.Code(s.conn.Invoke(within(t), "/"+service.ServiceName+"/"+method, &emptypb.Empty{}, &emptypb.Empty{}))
			is := announced[strings.ToLower(service.ServiceName+"/"+method)]
			if is == (called == codes.Unimplemented) {
				t.Errorf("%s/%s, announced: %t, answers %v", service.ServiceName, method, is, called)
			}
		}
	}
	for _, method := range []string{
		"/event_store.client.monitoring.Monitoring/Stats", "/event_store.client.users.Users/Details",
		"/event_store.client.operations.Operations/Shutdown", "/event_store.client.streams.Streams/Rewrite",
	} {
		if !s.own {
			break
		}
		if err := s.conn.Invoke(within(t), method, &emptypb.Empty{}, &emptypb.Empty{}); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v, want Unimplemented", method, err)
		}
	}
}

// TestGossip: there is a leader, alive, at an address that can be dialled, and a
// client that discovers it works.
func TestGossip(t *testing.T) {
	t.Parallel()
	s := examine(t)
	info, err := gossip.NewGossipClient(s.conn).Read(within(t), &shared.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	leaders := 0
	for _, m := range info.GetMembers() {
		if m.GetState() == gossip.MemberInfo_Leader && m.GetIsAlive() {
			leaders++
			if m.GetHttpEndPoint().GetAddress() == "" || m.GetHttpEndPoint().GetPort() == 0 {
				t.Errorf("the leader is at %v", m.GetHttpEndPoint())
			}
		}
	}
	if leaders != 1 {
		t.Errorf("%d leaders in %v", leaders, info)
	}
	if !strings.HasPrefix(s.connection, "esdb://") || strings.Contains(s.connection, "@") {
		return // it discovers already, or names a certificate's host
	}
	discovering := connect(t, strings.Replace(s.connection, "esdb://", "esdb+discover://", 1), s.own)
	discovering.append(t, discovering.stream("a"), esdb.NoStream{}, event("x"))
}
