package webhooks

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"crm/commands"
	"crm/domain"
)

// Config is what a [Sender] needs and how it is tuned.
type Config struct {
	// Do answers commands: an endpoint that is gone is disabled by one. Needed.
	Do func(ctx context.Context, ask commands.Ask) (domain.Receipt, error)
	// Log is the log of events, for replays. Needed.
	Log Log
	// Installation is the URL of the installation, of which the source of events is
	// made. Default: sources are relative.
	Installation string
	// Private allows http and addresses of this machine and of private networks, for
	// laptops and tests. Default: https and public addresses only.
	Private bool
	// Timeout is how long one request may take, its answer included. Default 20 s.
	Timeout time.Duration
	// PerEndpoint is how many requests to one endpoint are under way at once, on one
	// server; to one that fails it is one. Default 4.
	PerEndpoint int
	// Concurrency is how many requests are under way at once to all of them. Default 256.
	Concurrency int
	// Schedule is how long to wait after each failure in turn. Default [Schedule].
	Schedule []time.Duration
	// DisableAfter is how long an endpoint must have failed, without one success, to be
	// disabled when a delivery is given up. Default 3 days; negative: never.
	DisableAfter time.Duration
	// Retention is how long deliveries are kept after they were delivered or given up,
	// and for whom is not sent to, after they were made. Default 30 days.
	Retention time.Duration
	// Poll is how long what another server has made due may wait to be seen. Default 1 s.
	Poll time.Duration
	// UserAgent names this program to receivers. Default "crm".
	UserAgent string
	// Roots are who is trusted to say who an endpoint is. Default: as the machine has it.
	Roots *x509.CertPool
	// Resolver resolves names. Default: that of the machine, without its C library.
	Resolver *net.Resolver
	// Slog gets what is out of the ordinary. Default: nothing is logged.
	Slog *slog.Logger
	// Registerer gets the metrics. Default: there are none.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, 20*time.Second)
	c.PerEndpoint = cmp.Or(c.PerEndpoint, 4)
	c.Concurrency = cmp.Or(c.Concurrency, 256)
	if c.Schedule == nil {
		c.Schedule = Schedule
	}
	c.DisableAfter = cmp.Or(c.DisableAfter, 72*time.Hour)
	c.Retention = cmp.Or(c.Retention, 30*24*time.Hour)
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.UserAgent = cmp.Or(c.UserAgent, "crm")
	if c.Resolver == nil {
		c.Resolver = &net.Resolver{PreferGo: true}
	}
	if c.Slog == nil {
		c.Slog = slog.New(slog.DiscardHandler)
	}
	return c
}

// Sender delivers what is due, on every server that runs one.
type Sender struct {
	cfg     Config
	book    *Book
	policy  policy
	client  *http.Client
	metrics *metrics
	wake    chan struct{}

	mu   sync.Mutex
	busy map[uuid.UUID]int // requests under way, by endpoint
}

// NewSender makes a sender; Run starts it.
func NewSender(book *Book, cfg Config) *Sender {
	cfg = cfg.withDefaults()
	p := policy{private: cfg.Private}
	s := &Sender{
		cfg: cfg, book: book, policy: p, metrics: newMetrics(), wake: make(chan struct{}, 1), busy: map[uuid.UUID]int{},
		client: newClient(&dialer{policy: p, resolver: cfg.Resolver}, cfg.Roots, cfg.Timeout),
	}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(s.metrics.collectors()...)
	}
	return s
}

// Book is where it is written what is to be delivered, and what was.
func (s *Sender) Book() *Book { return s.book }

// CheckURL refuses with ErrAddress an address that can be seen not to be allowed.
func (s *Sender) CheckURL(url string) error { return s.policy.checkURL(url) }

// Wake has the sender look for what is due now rather than at its next look.
func (s *Sender) Wake() {
	select {
	case s.wake <- struct{}{}:
	default: // it is about to look
	}
}

// leaseSlack is how much longer than its request a delivery stays taken: what writing
// its outcome down may take, and what clocks of servers may differ.
const leaseSlack = 15 * time.Second

// takeTimeout is how long Postgres may take to say what is due.
const takeTimeout = 10 * time.Second

// Run delivers until ctx ends, and returns when what is under way has ended: requests
// are broken off, and are made again by who comes next.
func (s *Sender) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { s.tend(ctx) })
	poll := time.NewTicker(s.cfg.Poll)
	defer poll.Stop()
	for {
		if err := s.dispatch(ctx, &work); err != nil && ctx.Err() == nil {
			s.cfg.Slog.LogAttrs(ctx, slog.LevelWarn, "what is due to webhooks cannot be read", slog.Any("error", err))
		}
		select {
		case <-s.wake:
		case <-poll.C:
		case <-ctx.Done():
			work.Wait()
			s.client.CloseIdleConnections()
			return
		}
	}
}

// dispatch begins what is due and has room.
func (s *Sender) dispatch(ctx context.Context, work *sync.WaitGroup) error {
	busy, room := s.underWay()
	if room <= 0 {
		return nil
	}
	lease := s.cfg.Timeout + leaseSlack
	// Not under ctx: what was taken and not read would wait for its lease to end.
	taking, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeTimeout)
	defer cancel()
	due, err := s.book.take(taking, s.cfg.PerEndpoint, busy, lease)
	if err != nil {
		return err
	}
	for _, d := range due {
		s.begins(d.Webhook, 1)
		work.Go(func() {
			s.deliver(ctx, d)
			s.begins(d.Webhook, -1)
			s.Wake() // there is room
		})
	}
	return nil
}

func (s *Sender) underWay() (map[uuid.UUID]int, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	busy, room := make(map[uuid.UUID]int, len(s.busy)), s.cfg.Concurrency
	for id, count := range s.busy {
		busy[id] = count
		room -= count
	}
	return busy, room
}

func (s *Sender) begins(id uuid.UUID, count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[id] += count; s.busy[id] == 0 {
		delete(s.busy, id)
	}
}

// tendEvery is how often the sender looks after what is not urgent.
const tendEvery = 10 * time.Second

// tend makes the deliveries of replays, prunes what is old and counts what waits.
func (s *Sender) tend(ctx context.Context) {
	warn := func(what string, err error) {
		if err != nil && !errors.Is(err, context.Canceled) {
			s.cfg.Slog.LogAttrs(ctx, slog.LevelWarn, what, slog.Any("error", err))
		}
	}
	poll := time.NewTicker(s.cfg.Poll)
	defer poll.Stop()
	var next time.Time
	for {
		for ctx.Err() == nil {
			more, err := s.replay(ctx)
			warn("a replay stopped, and is gone on with", err)
			if !more || err != nil {
				break
			}
		}
		if now := time.Now(); !now.Before(next) {
			next = now.Add(tendEvery)
			warn("old deliveries were not pruned", s.book.prune(ctx, s.cfg.Retention))
			waiting, oldest, err := s.book.backlog(ctx)
			warn("what waits for webhooks was not counted", err)
			if err == nil {
				s.metrics.waiting(waiting, oldest)
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}
