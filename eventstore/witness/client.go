package witness

import (
	"context"
	"fmt"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// Dial returns a client for a connection string. A non-empty address, such as
// embedded.Address gives, stands for the one in it.
func Dial(connection, address string) (*esdb.Client, error) {
	settings, err := esdb.ParseConnectionString(connection)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	if address != "" {
		settings.Address = address
	}
	settings.MaxDiscoverAttempts = math.MaxInt // after so many attempts it would be dead for good
	settings.Logger = func(esdb.LogLevel, string, ...any) {}
	return esdb.NewClient(settings)
}

// await calls the client and gives up when ctx ends: the client may not.
func await[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := call()
		answered <- answer{value, err}
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
