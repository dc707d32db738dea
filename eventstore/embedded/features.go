package embedded

import (
	"context"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	serverfeatures "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
)

// serverVersion is the EventStoreDB release whose answers the node gives.
const serverVersion = "24.10.0"

// features is the service ServerFeatures, the first thing a client asks for.
// Clients decide by it what they may call, so it lists what is served and nothing
// else.
type features struct {
	serverfeatures.UnimplementedServerFeaturesServer
}

// GetSupportedMethods lists the methods of the services that the node serves, in
// lower case as clients match them.
func (features) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	answer := &serverfeatures.SupportedMethods{EventStoreServerVersion: serverVersion}
	for _, service := range []*grpc.ServiceDesc{
		&streamspb.Streams_ServiceDesc, &serverfeatures.ServerFeatures_ServiceDesc, &gossip.Gossip_ServiceDesc,
	} {
		add := func(method string) {
			answer.Methods = append(answer.Methods, &serverfeatures.SupportedMethod{
				ServiceName: strings.ToLower(service.ServiceName), MethodName: strings.ToLower(method),
			})
		}
		for _, m := range service.Methods {
			add(m.MethodName)
		}
		for _, m := range service.Streams {
			add(m.StreamName)
		}
	}
	return answer, nil
}

// members is the service Gossip, for clients that discover a cluster: it has one
// member, which leads.
type members struct {
	gossip.UnimplementedGossipServer
	node *Node

	once     sync.Once
	instance uuid.UUID // of this run of the node: by it two addresses are known as one
}

// Read answers with the node itself, at the address where it was asked: of
// several, that is the one the client can reach.
func (m *members) Read(ctx context.Context, _ *shared.Empty) (*gossip.ClusterInfo, error) {
	endpoint := &gossip.EndPoint{}
	if asked, ok := peer.FromContext(ctx); ok && asked.LocalAddr != nil {
		endpoint.Address = asked.LocalAddr.String()
		if host, port, err := net.SplitHostPort(endpoint.GetAddress()); err == nil {
			if n, err := strconv.ParseUint(port, 10, 32); err == nil {
				endpoint.Address, endpoint.Port = host, uint32(n)
			}
		}
	}
	m.once.Do(func() { m.instance = uuid.New() })
	hi, lo := binary.BigEndian.Uint64(m.instance[:8]), binary.BigEndian.Uint64(m.instance[8:])
	return &gossip.ClusterInfo{Members: []*gossip.MemberInfo{{
		InstanceId: &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
			MostSignificantBits: int64(hi), LeastSignificantBits: int64(lo),
		}}},
		TimeStamp:    ticks(time.Now()),
		State:        gossip.MemberInfo_Leader,
		IsAlive:      !m.node.hasFailed(),
		HttpEndPoint: endpoint,
	}}}, nil
}
