package witness

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// A Client is EventStoreDB's Go client, as it is, and the calls it has not
// returned from. It outlives its node: killed and started again at the same
// address, the node is found again.
type Client struct {
	esdb  *esdb.Client
	calls sync.WaitGroup
}

// Dial returns a client for a connection string. A non-empty address, such as
// embedded.Address gives, stands for the one in it.
func Dial(connection, address string) (*Client, error) {
	settings, err := esdb.ParseConnectionString(connection)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	if address != "" {
		settings.Address = address
	}
	settings.MaxDiscoverAttempts = math.MaxInt // after so many attempts it would be dead for good
	settings.Logger = func(esdb.LogLevel, string, ...any) {}
	client, err := esdb.NewClient(settings)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	return &Client{esdb: client}, nil
}

// Close ends the connection. Reads and subscriptions must have ended. A client
// that does not return from its calls, because its node is away, is left alone:
// it panics when it is closed.
func (c *Client) Close() {
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		c.calls.Wait()
	}()
	select {
	case <-returned:
		_ = c.esdb.Close() // it never fails
	case <-time.After(5 * time.Second):
	}
}

// await makes a call and gives up when ctx ends: the client may not.
func await[T any](ctx context.Context, c *Client, call func(*esdb.Client) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	c.calls.Go(func() {
		value, err := call(c.esdb)
		answered <- answer{value, err}
	})
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
