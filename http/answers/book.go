package answers

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/prometheus/client_golang/prometheus"

	"crm/domain"
)

// Config tunes a [Book]. Its zero value works.
type Config struct {
	// Keep is how long an answer is remembered at least. Default 24 h.
	Keep time.Duration
	// Memory is how many answers this process remembers without asking the table.
	// Default 65,536.
	Memory int
	// Queue is how many answers may wait to be written. Default 16,384.
	Queue int
	// Wait is how long one look-up may take. Default 250 ms.
	Wait time.Duration
	// Log is told when the table goes away and comes back. Default: nobody.
	Log *slog.Logger
	// Metrics is where the book registers its own. Default: nowhere.
	Metrics prometheus.Registerer
}

// Table keeps answers for all servers.
type Table interface {
	// Find gives the answers to the commands that are not older than keep.
	Find(ctx context.Context, commands []uuid.UUID, keep time.Duration) ([]Answer, error)
	// Add writes answers. The first answer to a command stays, unless it is older
	// than keep.
	Add(ctx context.Context, list []Answer, keep time.Duration) error
	// Follow tells the commands that any server answers: those since back, then all that
	// follow. It calls current whenever none is missing that was written before. It
	// returns when that is over: the table is away, or ctx has ended.
	Follow(ctx context.Context, back time.Duration, heard func(Heard), current func()) error
	// Prune deletes at most limit answers that are older, and tells how many.
	Prune(ctx context.Context, keep time.Duration, limit int) (int, error)
}

// Book remembers answers. It is safe for concurrent use.
type Book struct {
	cfg    Config
	table  Table
	counts counts

	mu      sync.Mutex
	running map[uuid.UUID]string // command → fingerprint
	known   *simplelru.LRU[uuid.UUID, *Answer]
	seen    seen // with a table

	current   atomic.Int64 // until when seen is up to date, in Unix nanoseconds
	questions chan *question
	queue     chan *Answer
	silent    atomic.Int64 // until when the table is not asked, in Unix nanoseconds

	stop    context.Context // ends look-ups
	end     context.CancelFunc
	closing chan struct{} // ends the writer
	once    sync.Once
	owned   sync.WaitGroup
}

// Open makes a book over a table; without one it has its memory only. The caller
// closes it.
func Open(table Table, cfg Config) (*Book, error) {
	if cfg.Keep <= 0 {
		cfg.Keep = 24 * time.Hour
	}
	if cfg.Memory <= 0 {
		cfg.Memory = 1 << 16
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 1 << 14
	}
	if cfg.Wait <= 0 {
		cfg.Wait = 250 * time.Millisecond
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	known, err := simplelru.NewLRU[uuid.UUID, *Answer](cfg.Memory, nil)
	if err != nil {
		return nil, err
	}
	b := &Book{
		cfg: cfg, table: table, running: map[uuid.UUID]string{}, known: known, seen: newSeen(cfg.Keep),
		questions: make(chan *question, 1024), queue: make(chan *Answer, cfg.Queue), closing: make(chan struct{}),
	}
	if b.counts, err = newCounts(cfg.Metrics); err != nil {
		return nil, err
	}
	b.stop, b.end = context.WithCancel(context.Background())
	if table != nil {
		b.owned.Go(b.lookUp)
		b.owned.Go(b.write)
		b.owned.Go(b.follow)
	}
	return b, nil
}

// Close writes what is queued, if that takes no more than a few seconds, and ends
// what the book runs. Nobody may begin a command afterwards.
func (b *Book) Close() {
	b.once.Do(func() {
		b.end()
		close(b.closing)
	})
	b.owned.Wait()
}

// Standing is how a command stands that is about to be carried out.
type Standing struct {
	// Answer was given before; nil where none is known.
	Answer *Answer
	// Err is domain.ErrKeyReused or [ErrInProgress].
	Err error
	// Claimed says that the command is the caller's to carry out, and then to
	// [Book.Finish] or [Book.Free].
	Claimed bool
}

// Begin asks how commands stand, and claims those of which nothing is known. The
// same command must not be there twice.
func (b *Book) Begin(ctx context.Context, commands ...domain.CommandRef) []Standing {
	standings := make([]Standing, len(commands))
	var unknown []uuid.UUID
	now, fresh := time.Now(), 0
	b.mu.Lock()
	for i, c := range commands {
		s := &standings[i]
		if answer, ok := b.known.Get(c.ID); ok && now.Sub(answer.at) < b.cfg.Keep {
			s.hold(answer, c)
		} else if fingerprint, ok := b.running[c.ID]; !ok {
			b.running[c.ID], s.Claimed = c.Fingerprint, true
			if b.fresh(c.ID, now) {
				fresh++
			} else {
				unknown = append(unknown, c.ID)
			}
		} else if s.Err = ErrInProgress; fingerprint != c.Fingerprint {
			s.Err = domain.ErrKeyReused
		}
	}
	b.mu.Unlock()
	b.counts.fresh.Add(float64(fresh))
	if found := b.ask(ctx, unknown); len(found) > 0 {
		b.learn(commands, standings, found)
	}
	b.counts.began(standings)
	return standings
}

// hold is how a command stands whose id was answered.
func (s *Standing) hold(answer *Answer, c domain.CommandRef) {
	if answer.Fingerprint != c.Fingerprint {
		s.Err = domain.ErrKeyReused
		return
	}
	s.Answer = answer
}

// learn takes in what the table knew of claimed commands.
func (b *Book) learn(commands []domain.CommandRef, standings []Standing, found map[uuid.UUID]*Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, c := range commands {
		answer, ok := found[c.ID]
		if !ok || !standings[i].Claimed {
			continue
		}
		delete(b.running, c.ID)
		b.known.Add(c.ID, answer)
		standings[i].Claimed = false
		standings[i].hold(answer, c)
	}
}

// Finish remembers the answer to a claimed command. The first answer stays.
func (b *Book) Finish(answer Answer) {
	answer.at = time.Now()
	b.mu.Lock()
	if first, ok := b.known.Peek(answer.Command); ok && answer.at.Sub(first.at) < b.cfg.Keep {
		b.mu.Unlock()
		return
	}
	delete(b.running, answer.Command)
	b.known.Add(answer.Command, &answer)
	if b.table != nil {
		b.seen.note(answer.Command, 0, answer.at)
	}
	b.mu.Unlock()
	if b.table == nil {
		return
	}
	select {
	case b.queue <- &answer:
	default:
		b.counts.lost.Inc()
	}
}

// Free gives a claim back: nothing was decided that is worth remembering.
func (b *Book) Free(command uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, command)
}
