package wire

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

const (
	largestMessage = 17 << 20 // what the client accepts
	streamWindow   = 1 << 20  // what may be under way in one call
	connWindow     = 4 << 20  // and in all calls together
	readBuffer     = 128 << 10
)

// Dial connects to the node that settings name, at its first call. Of a cluster it
// is the member that is preferred, as far as any of the members that settings name
// knows now; it returns [ErrUnreachable] when there is none.
func Dial(ctx context.Context, settings *esdb.Configuration) (*grpc.ClientConn, error) {
	options, err := dialOptions(settings)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	if !clustered(settings) {
		return grpc.NewClient(settings.Address, options...)
	}
	var seeds []string
	for _, seed := range settings.GossipSeeds {
		seeds = append(seeds, seed.String())
	}
	if settings.DnsDiscover && settings.Address != "" {
		seeds = []string{settings.Address}
	}
	//nolint:gosec // nothing secret about it
	rand.Shuffle(len(seeds), func(i, j int) { seeds[i], seeds[j] = seeds[j], seeds[i] })
	var errs []error
	for _, seed := range seeds {
		best, err := ask(ctx, settings, seed, options)
		if err == nil {
			return grpc.NewClient(best, options...)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		errs = append(errs, fmt.Errorf("%s: %w", seed, err))
	}
	return nil, fmt.Errorf("%w: %w", ErrUnreachable, errors.Join(errs...))
}

// clustered reports whether settings name members of a cluster and not a node.
func clustered(settings *esdb.Configuration) bool {
	return settings.DnsDiscover || len(settings.GossipSeeds) > 0
}

func dialOptions(settings *esdb.Configuration) ([]grpc.DialOption, error) {
	options := []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestMessage)),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithReadBufferSize(readBuffer),
	}
	if settings.KeepAliveInterval >= 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: settings.KeepAliveInterval, Timeout: settings.KeepAliveTimeout, PermitWithoutStream: true,
		}))
	}
	if settings.DisableTLS {
		return append(options, grpc.WithTransportCredentials(insecure.NewCredentials())), nil
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            settings.RootCAs,
		InsecureSkipVerify: settings.SkipCertificateVerification, //nolint:gosec // tlsVerifyCert=false asks for it
	}
	if settings.UserCertFile != "" && settings.UserKeyFile != "" {
		certificate, err := tls.LoadX509KeyPair(settings.UserCertFile, settings.UserKeyFile)
		if err != nil {
			return nil, fmt.Errorf("the user certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if settings.Username != "" && settings.Password != "" {
		options = append(options, grpc.WithPerRPCCredentials(basic(settings.Username+":"+settings.Password)))
	}
	return options, nil
}

// basic is a user and password, sent with every call, and only over TLS.
type basic string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b basic) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(b))}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (basic) RequireTransportSecurity() bool { return true }

// ask gives the address of the best member that the node at seed knows of.
func ask(ctx context.Context, settings *esdb.Configuration, seed string, options []grpc.DialOption) (address string, err error) {
	conn, err := grpc.NewClient(seed, options...)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(settings.GossipTimeout)*time.Second)
	defer cancel()
	cluster, err := gossip.NewGossipClient(conn).Read(ctx, &shared.Empty{})
	if err != nil {
		return "", err
	}
	best := choose(cluster.GetMembers(), settings.NodePreference)
	if best == nil {
		return "", errors.New("no member of the cluster leads, or is alive at all")
	}
	at := best.GetHttpEndPoint()
	return net.JoinHostPort(at.GetAddress(), strconv.FormatUint(uint64(at.GetPort()), 10)), nil
}

// preferences are the states of members that serve reads, the best first; a
// preference without a list takes any.
var preferences = map[esdb.NodePreference][]gossip.MemberInfo_VNodeState{
	esdb.NodePreferenceLeader:   {gossip.MemberInfo_Leader},
	esdb.NodePreferenceFollower: {gossip.MemberInfo_Follower},
	esdb.NodePreferenceReadOnlyReplica: {
		gossip.MemberInfo_ReadOnlyLeaderless, gossip.MemberInfo_PreReadOnlyReplica, gossip.MemberInfo_ReadOnlyReplica,
	},
}

// choose gives a member that is alive and serves reads: one of the preferred
// state where there is one, any other else, but for a leader there is no other;
// nil when there is none.
func choose(members []*gossip.MemberInfo, preference esdb.NodePreference) *gossip.MemberInfo {
	members = slices.DeleteFunc(slices.Clone(members), func(m *gossip.MemberInfo) bool {
		switch m.GetState() {
		case gossip.MemberInfo_Leader, gossip.MemberInfo_Follower, gossip.MemberInfo_ReadOnlyReplica,
			gossip.MemberInfo_PreReadOnlyReplica, gossip.MemberInfo_ReadOnlyLeaderless:
			return !m.GetIsAlive() || m.GetHttpEndPoint().GetAddress() == ""
		default:
			return true
		}
	})
	//nolint:gosec // nothing secret about it
	rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	for _, state := range preferences[preference] {
		for _, m := range members {
			if m.GetState() == state {
				return m
			}
		}
	}
	if len(members) == 0 || preference == esdb.NodePreferenceLeader {
		return nil
	}
	return members[0]
}
