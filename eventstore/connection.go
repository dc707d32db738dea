package eventstore

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
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

	"crm/domain"
)

// maxMessageBytes is what the servers and their clients take at once.
const maxMessageBytes = 17 << 20

// Connect gives a connection to the log by itself, for rooms below this one that
// speak its protocol where the client cannot. Of a cluster it is the leader's,
// as far as its members know now; who is told later that another one leads
// connects again. A single server is not called yet. It returns
// [domain.ErrStoreUnavailable] when no member of a cluster answers.
func Connect(ctx context.Context, cfg Config) (*grpc.ClientConn, error) {
	settings, err := cfg.settings()
	if err != nil {
		return nil, fmt.Errorf("eventstore: %w", err)
	}
	if !settings.DnsDiscover && len(settings.GossipSeeds) == 0 {
		return dial(settings, settings.Address)
	}
	seeds := []string{settings.Address}
	if len(settings.GossipSeeds) > 0 {
		seeds = nil
		for _, seed := range settings.GossipSeeds {
			seeds = append(seeds, seed.String())
		}
	}
	var errs []error
	for _, seed := range seeds {
		leader, err := leaderBy(ctx, settings, seed)
		if err == nil {
			return dial(settings, leader)
		}
		errs = append(errs, fmt.Errorf("%s: %w", seed, err))
	}
	return nil, fmt.Errorf("eventstore: %w (%w)", domain.ErrStoreUnavailable, errors.Join(errs...))
}

// leaderBy asks a member of a cluster who leads it.
func leaderBy(ctx context.Context, settings *esdb.Configuration, member string) (string, error) {
	conn, err := dial(settings, member)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // it was only asked
	ctx, cancel := context.WithTimeout(ctx, time.Duration(settings.GossipTimeout)*time.Second)
	defer cancel()
	cluster, err := gossip.NewGossipClient(conn).Read(ctx, &shared.Empty{})
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(cluster.GetMembers(), func(m *gossip.MemberInfo) bool {
		return m.GetIsAlive() && m.GetState() == gossip.MemberInfo_Leader
	})
	if i < 0 {
		return "", errors.New("no member of the cluster leads")
	}
	at := cluster.GetMembers()[i].GetHttpEndPoint()
	return net.JoinHostPort(at.GetAddress(), strconv.FormatUint(uint64(at.GetPort()), 10)), nil
}

// dial connects to one server, at the first call.
func dial(settings *esdb.Configuration, address string) (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if !settings.DisableTLS {
		config := &tls.Config{
			RootCAs:            settings.RootCAs,
			InsecureSkipVerify: settings.SkipCertificateVerification, //nolint:gosec // as the connection string says
		}
		if settings.UserCertFile != "" && settings.UserKeyFile != "" {
			certificate, err := tls.LoadX509KeyPair(settings.UserCertFile, settings.UserKeyFile)
			if err != nil {
				return nil, fmt.Errorf("eventstore: the user certificate: %w", err)
			}
			config.Certificates = []tls.Certificate{certificate}
		}
		transport = credentials.NewTLS(config)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
	}
	if settings.KeepAliveInterval >= 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: settings.KeepAliveInterval, Timeout: settings.KeepAliveTimeout, PermitWithoutStream: true,
		}))
	}
	if settings.Username != "" {
		options = append(options, grpc.WithPerRPCCredentials(basicAuth(settings.Username+":"+settings.Password)))
	}
	return grpc.NewClient(address, options...)
}

// basicAuth is a user and password, as the servers take them.
type basicAuth string

// GetRequestMetadata is asked at each call.
func (b basicAuth) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(b))}, nil
}

// RequireTransportSecurity keeps the password off an open wire.
func (basicAuth) RequireTransportSecurity() bool { return true }
