package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	serverfeatures "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	streamspb "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// A Config holds a node's settings. The zero value of every field but Dir works.
type Config struct {
	// Dir is the folder the node keeps everything in. It is created, readable by
	// the owner only, if need be.
	Dir string
	// Log gets state changes and Pebble's warnings; Pebble's chatter at Debug.
	// Default: nothing is logged.
	Log *slog.Logger
	// MaxAppendBytes is how much one append may bring: data and metadata of all its
	// events, and two bytes for each character of their types. Default 1 MiB, as in
	// EventStoreDB; at most 16 MiB.
	MaxAppendBytes int
	// Durability says how soon a loss of acknowledged events by the disk would be
	// noticed. Default Normal: within 1 s or 1,000 events of the acknowledgement.
	Durability Durability
	// CacheBytes is the size of the cache for blocks read from disk. Default 64 MiB.
	CacheBytes int64
	// MemTableBytes is how much is gathered in memory before it is written as a
	// table; up to four such exist. Default 16 MiB, at least 64 KiB. An append of
	// more than half of it takes a slower way.
	MemTableBytes int
	// HeadCache is how many streams' ends the writer remembers. Default 65,536,
	// about 10 MiB.
	HeadCache int
	// CloseTimeout is how long Close waits for running calls before it cuts them
	// off. Default 2 s.
	CloseTimeout time.Duration
	// StallAfter is how long the disk may leave appends without an answer before
	// new ones are refused. Default 2 s, at least 10 ms.
	StallAfter time.Duration
	// Permanent are beginnings of the names of streams whose history cannot be
	// taken away: who sets $maxAge, $maxCount or $tb on one, deletes it or
	// tombstones it is answered AccessDenied. Default: none.
	Permanent []string
	// SpaceRetry is how often a write that found the disk full is tried again.
	// Default 250 ms.
	SpaceRetry time.Duration

	fs  vfs.FS           // tests put faults in here
	now func() time.Time // the clock of created
}

func (c *Config) setDefaults() error {
	orElse(&c.Log, slog.New(slog.DiscardHandler))
	orElse(&c.MaxAppendBytes, 1<<20)
	orElse(&c.CacheBytes, 64<<20)
	orElse(&c.MemTableBytes, 16<<20)
	orElse(&c.HeadCache, 1<<16)
	orElse(&c.CloseTimeout, 2*time.Second)
	orElse(&c.SpaceRetry, 250*time.Millisecond)
	orElse(&c.StallAfter, 2*time.Second)
	if c.fs == nil {
		c.fs = vfs.Default
	}
	if c.now == nil {
		c.now = time.Now
	}
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("no Dir"))
	}
	if c.MaxAppendBytes < 1 || c.MaxAppendBytes > largestAppend {
		errs = append(errs, fmt.Errorf("MaxAppendBytes is %d, must be 1 to %d", c.MaxAppendBytes, largestAppend))
	}
	if c.MemTableBytes < minMemTable {
		errs = append(errs, fmt.Errorf("MemTableBytes is %d, must be at least %d", c.MemTableBytes, minMemTable))
	}
	if c.StallAfter < 10*time.Millisecond {
		errs = append(errs, fmt.Errorf("StallAfter is %s, must be at least 10ms", c.StallAfter))
	}
	if slices.Contains(c.Permanent, "") {
		errs = append(errs, errors.New("an empty name in Permanent"))
	}
	if c.Durability > Paranoid {
		errs = append(errs, fmt.Errorf("Durability is %d, must be Normal or Paranoid", c.Durability))
	}
	if c.CacheBytes < 0 || c.HeadCache < 0 || c.CloseTimeout < 0 || c.SpaceRetry < 0 {
		errs = append(errs, errors.New("CacheBytes, HeadCache, CloseTimeout and SpaceRetry must not be negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	return nil
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

const (
	largestAppend = 16 << 20
	minMemTable   = 64 << 10
	largestCall   = 17 << 20 // what the clients and EventStoreDB accept as one message
	streamWindow  = 1 << 20  // what a client may send ahead in one call
	connWindow    = 4 << 20  // and in all its calls together
)

// A Node is an open store and the server that speaks for it.
type Node struct {
	cfg     Config
	db      *pebble.DB
	lock    *pebble.Lock
	disk    *disk
	stall   *pause // the disk does not answer
	horizon horizon
	floor   *floor
	writer  *writer
	server  *grpc.Server

	ctx     context.Context // ends when the node closes or fails; every call runs under it
	cancel  context.CancelCauseFunc
	failure atomic.Pointer[error]
	failed  chan struct{} // closed when the node fails

	storage sync.RWMutex // held to look at db from outside of a call; closed changes under it
	closed  bool

	workers   sync.WaitGroup
	watcher   sync.WaitGroup // of the workers, until unwatch is closed
	unwatch   chan struct{}
	closeOnce sync.Once
	closeErr  error
	followers followers
	known     atomic.Pointer[measured] // when last looked
	frozen    atomic.Uint64            // how often the store was frozen
}

// Open opens the store in cfg.Dir, creating it if need be, and starts the node's
// goroutines. It returns ErrInUse when the folder is in use, and ErrWentBack when
// the store lacks events that it acknowledged. When the disk fails meanwhile, the
// process must end, as with Done. A node that was opened must be closed.
func Open(cfg Config) (_ *Node, err error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	n := &Node{failed: make(chan struct{}), stall: newPause(), unwatch: make(chan struct{})}
	n.disk = newDisk(cfg.fs, cfg.SpaceRetry, n.fail)
	n.ctx, n.cancel = context.WithCancelCause(context.Background())
	if n.lock, err = takeFolder(&cfg, n.disk); err != nil {
		return nil, err
	}
	n.cfg = cfg
	// Pebble panics, on goroutines of its own, when the disk fails while it opens. So
	// the disk does not tell it, and whoever waits for it is not to wait for ever.
	n.disk.arm()
	stored := make(chan error, 1)
	go func() { stored <- n.openStore() }()
	select {
	case err = <-stored:
	case <-n.failed:
	}
	if n.hasFailed() { // Pebble is stuck, and the folder is not free before the process has ended
		return nil, fmt.Errorf("embedded: open %s: %w", cfg.Dir, n.Err())
	}
	if err != nil {
		return nil, errors.Join(err, n.lock.Close())
	}
	n.disk.opened()
	n.server = grpc.NewServer(
		grpc.ForceServerCodecV2(newWireCodec()),
		grpc.MaxRecvMsgSize(largestCall),
		grpc.MaxSendMsgSize(largestCall),
		// Windows that grow by themselves cost a ping, and its answer, for most appends.
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connWindow),
		// The clients ping every 10 s; the default policy cuts them off for it.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		// A client that found the node unavailable opens a new connection and
		// forgets the old one.
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: time.Minute}),
		grpc.WaitForHandlers(true),
	)
	streamspb.RegisterStreamsServer(n.server, &streams{node: n})
	serverfeatures.RegisterServerFeaturesServer(n.server, features{})
	gossip.RegisterGossipServer(n.server, &members{node: n})
	n.server.RegisterService(&operationsDesc, operator{node: n})
	n.workers.Go(n.writer.run)
	n.workers.Go(n.finish)
	n.workers.Go(n.followFloor)
	n.watcher.Go(n.watchDisk)
	cfg.Log.Info("event store is open", slog.String("dir", cfg.Dir), slog.Uint64("position", n.horizon.position.Load()))
	return n, nil
}

// openStore opens the store in the folder, holds it against its floor, and finds
// where it ends.
func (n *Node) openStore() (err error) {
	cfg := n.cfg
	logger := pebbleLogger{log: cfg.Log, fail: n.fail}
	marks, loss, err := checkFloor(cfg.Dir, n.disk, n.lock, cfg, logger)
	if err = errors.Join(err, loss.err(cfg.Dir)); err != nil {
		return err
	}
	if err := thaw(cfg.Dir, n.disk); err != nil {
		return fmt.Errorf("embedded: remove what a killed process left in %s: %w", cfg.Dir, err)
	}
	if n.db, err = openStorage(cfg.Dir, n.disk, n.lock, cfg, logger); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.db.Close())
		}
	}()
	n.writer, err = newWriter(n.db, &n.horizon, cfg, n.fail, n.hasFailed)
	if err != nil {
		return fmt.Errorf("embedded: find the end of the log: %w", err)
	}
	n.floor, err = openFloor(cfg.Dir, n.disk, n.db, marks, n.horizon.position.Load(), &n.writer.pulse)
	if err != nil {
		return fmt.Errorf("embedded: open the floor of %s: %w", cfg.Dir, err)
	}
	n.writer.durable = n.floor.moved
	if cfg.Durability == Paranoid {
		n.writer.durable = n.floor.raise
	}
	return nil
}

// Serve answers calls that arrive at l until the node is closed; it then returns
// nil. It closes l. It may be called for several listeners. There are no users
// and no encryption: whoever can connect may do everything.
func (n *Node) Serve(l net.Listener) error {
	if err := n.server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("embedded: serve %s: %w", l.Addr(), err)
	}
	return nil
}

// Close stops accepting calls, ends subscriptions and reads, lets running appends
// finish, closes the store and joins all goroutines. A node that failed, or whose
// disk is full, leaves its files as they are, and open, for the process must end;
// Close then returns why.
func (n *Node) Close() error {
	n.closeOnce.Do(func() { n.closeErr = n.close() })
	return n.closeErr
}

func (n *Node) close() error {
	defer n.watcher.Wait()
	defer close(n.unwatch)
	n.cancel(errClosing)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		n.server.GracefulStop()
	}()
	select {
	case <-stopped:
	case <-time.After(n.cfg.CloseTimeout):
		n.server.Stop()
		<-stopped
	}
	close(n.writer.stop)
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		n.workers.Wait()
	}()
	select {
	case <-joined:
	case <-n.disk.full():
		n.fail(errFull)
	case <-n.stall.began():
		n.fail(errStalled)
	case <-n.failed:
	}
	if n.hasFailed() {
		// Pebble's locks may be held for ever by what failed; whatever can end does.
		select {
		case <-joined:
		case <-time.After(n.cfg.CloseTimeout):
		}
		return n.Err()
	}
	closed := make(chan error, 1)
	go func() { // which who looks at the store may keep, while the disk fails them
		n.storage.Lock()
		n.closed = true
		n.storage.Unlock()
		closed <- errors.Join(n.floor.file.Close(), n.db.Close(), n.lock.Close())
	}()
	select {
	case err := <-closed:
		if err != nil {
			return fmt.Errorf("embedded: close %s: %w", n.cfg.Dir, err)
		}
	case <-n.disk.full(): // everything acknowledged is on disk; only tidying up has to wait
		return errFull
	case <-n.failed:
		return n.Err()
	}
	n.cfg.Log.Info("event store is closed", slog.Uint64("position", n.horizon.position.Load()))
	return nil
}

// finish answers requests until the writer ends. The floor ends after it.
func (n *Node) finish() {
	defer close(n.floor.stop)
	n.writer.finish()
}

// followFloor keeps the floor behind the log.
func (n *Node) followFloor() {
	if err := n.floor.follow(); err != nil {
		n.fail(err)
	}
}

// ErrFailed is wrapped by what Err returns, and by what Open does when the storage
// fails meanwhile.
var ErrFailed = errors.New("embedded: the storage failed")

// fail ends the node: nothing is acknowledged or shown any more.
func (n *Node) fail(err error) {
	err = fmt.Errorf("%w: %w", ErrFailed, err)
	if n.failure.CompareAndSwap(nil, &err) {
		n.cfg.Log.Error("event store failed", slog.Any("error", err))
		n.cancel(errBroken)
		close(n.failed)
	}
}

func (n *Node) hasFailed() bool { return n.failure.Load() != nil }

// Done is closed when the storage failed. What was acknowledged is safe, but this
// process can no longer tell what the disk holds: it must end, and the next start
// reads it anew.
func (n *Node) Done() <-chan struct{} { return n.failed }

// Err returns why the node failed, nil if it did not.
func (n *Node) Err() error {
	if err := n.failure.Load(); err != nil {
		return *err
	}
	return nil
}
