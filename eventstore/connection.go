package eventstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"

	"crm/domain"
	"crm/eventstore/wire"
)

// Connect gives a connection to the log by itself, for rooms below this one that
// speak its protocol where the client cannot. Of a cluster it is the leader's,
// as far as its members know now; who is told later that another one leads
// connects again. A single server is not called yet. It returns
// [domain.ErrStoreUnavailable] when no member of a cluster answers.
func Connect(ctx context.Context, cfg Config) (*grpc.ClientConn, error) {
	settings, err := cfg.leaders()
	if err != nil {
		return nil, err
	}
	conn, err := wire.Dial(ctx, settings)
	if errors.Is(err, wire.ErrUnreachable) {
		err = fmt.Errorf("%w (%w)", domain.ErrStoreUnavailable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("eventstore: %w", err)
	}
	return conn, nil
}

// Reader reads the log as it is stored, from the leader of a cluster. It connects at
// the first read.
func Reader(cfg Config) (*wire.Conn, error) {
	settings, err := cfg.leaders()
	if err != nil {
		return nil, err
	}
	return wire.New(settings), nil
}

// leaders are the settings for those who must not see a follower's past.
func (c Config) leaders() (*esdb.Configuration, error) {
	settings, err := c.settings()
	if err != nil {
		return nil, fmt.Errorf("eventstore: %w", err)
	}
	settings.NodePreference = esdb.NodePreferenceLeader
	return settings, nil
}
