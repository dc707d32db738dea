package projections_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A proxy stands between an engine and Postgres, and does to its connections what
// networks and machines do.
type proxy struct {
	mu    sync.Mutex
	gone  bool          // connections are refused
	open  chan struct{} // closed while what arrives is passed on
	links []*link
}

// A link is one connection, in two halves.
type link struct {
	engine, postgres net.Conn
	silent           bool // Postgres is not told of the end
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{open: make(chan struct{})}
	close(p.open)
	return p
}

// through is pool, by way of the proxy.
func (p *proxy) through(t *testing.T, pool *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	cfg := pool.Config()
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		postgres, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		near, far := net.Pipe()
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.gone {
			_ = postgres.Close()
			return nil, errCut
		}
		l := &link{engine: far, postgres: postgres}
		p.links = append(p.links, l)
		go p.pass(l, postgres, far)
		go p.pass(l, far, postgres)
		return near, nil
	}
	by, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(by.Close)
	t.Cleanup(p.end)
	return by
}

// pass carries what from says to to, and its end.
func (p *proxy) pass(l *link, to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		open := p.open
		p.mu.Unlock()
		<-open
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			_ = l.engine.Close()
			p.mu.Lock()
			defer p.mu.Unlock()
			if !l.silent {
				_ = l.postgres.Close()
			}
			return
		}
	}
}

// freeze passes nothing on any more, and tells nobody.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = make(chan struct{})
}

// cut ends the connections for the engine. Postgres learns nothing of it.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.silent = true
		_ = l.engine.Close()
	}
}

// away ends the connections and refuses new ones.
func (p *proxy) away() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	for _, l := range p.links {
		_ = l.engine.Close()
		_ = l.postgres.Close()
	}
}

// thaw is the end of freeze and away.
func (p *proxy) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = false
	select {
	case <-p.open:
	default:
		close(p.open)
	}
}

// end ends everything for good.
func (p *proxy) end() {
	p.thaw()
	p.away()
}
