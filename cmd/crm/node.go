package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"crm/eventstore/embedded"
)

// node is `crm node`: the embedded event store by itself.
type node struct {
	Run        nodeRun        `cmd:"" default:"withargs" help:"Serve the event store alone, for EventStoreDB's clients and for development tools."`
	Backup     nodeBackup     `cmd:"" help:"Copy the event store to a folder, with a manifest; also while it is served."`
	Restore    nodeRestore    `cmd:"" help:"Make an event store of a backup, in a data folder that has none."`
	Check      nodeCheck      `cmd:"" help:"Read all of the event store, or of a backup, and say what is damaged; also while it is served. Exit 1: damaged; 71: it went back."`
	Copy       nodeCopy       `cmd:"" help:"Copy the whole history to another event store, and verify it: the way from the laptop to a cluster. Run again, it goes on where it was."`
	AcceptLoss nodeAcceptLoss `cmd:"" help:"Go on with an event store that refuses to start because it went back, without the events that it lacks."`
}

// nodeRun is `crm node` without a further word.
type nodeRun struct {
	Data   string `default:".crm" env:"CRM_DATA" type:"path" placeholder:"DIR" help:"Folder whose event store is served, the same as of crm up; created if need be. Default .crm."`
	Listen string `default:"127.0.0.1:2113" env:"CRM_NODE_LISTEN" placeholder:"HOST:PORT" help:"Loopback address for clients; port 0 takes a free one. Any other is refused: the node has no users and no TLS. Default ${default}."`
	storing
	logging
}

// Validate is called with what was parsed.
func (r *nodeRun) Validate() error {
	if r.Data == "" {
		return errors.New("--data is empty")
	}
	at, err := netip.ParseAddrPort(r.Listen)
	if err != nil {
		return fmt.Errorf("--listen %q is not a numeric HOST:PORT such as 127.0.0.1:2113", r.Listen)
	}
	if !at.Addr().IsLoopback() {
		return fmt.Errorf("--listen %q is not a loopback address: the node has no users and no TLS, and whoever reaches it may do everything", r.Listen)
	}
	return nil
}

// Run serves until the context ends or the disk fails.
func (r *nodeRun) Run(ctx context.Context, std streams) (err error) {
	n, err := openEvents(r.Data, r.storing, r.logger(std.err))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", r.Listen)
	if err != nil {
		return err
	}
	n.serve(l)
	if _, err := fmt.Fprintf(std.out, "ready esdb://%s?tls=false\n", l.Addr()); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-n.Done():
		return n.Err()
	}
}

// events is the event store of a data folder, served on the folder's socket.
type events struct {
	*embedded.Node
	socket string
	served chan error
	serves int
}

// openEvents opens the event store of a data folder, creating the folder if need
// be, and serves it on the socket there.
func openEvents(dir string, s storing, log *slog.Logger) (*events, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	folder := dataFolder{Data: dir}
	n, err := embedded.Open(s.config(folder.events(), log))
	if err != nil {
		return nil, folder.advise(err)
	}
	l, err := embedded.ListenUnix(folder.socket())
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	e := &events{Node: n, socket: embedded.Address(l), served: make(chan error, 2)}
	e.serve(l)
	return e, nil
}

// serve answers calls at one listener more, of at most two.
func (e *events) serve(l net.Listener) {
	e.serves++
	go func() { e.served <- e.Serve(l) }()
}

// close stops serving and closes the store. Its error says so when the storage
// failed.
func (e *events) close() error {
	err := e.Close()
	for range e.serves {
		err = errors.Join(err, <-e.served)
	}
	if failure := e.Err(); failure != nil {
		return failure
	}
	return err
}
