package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"crm/commands"
	"crm/domain"
	"crm/http/access"
	"crm/http/answers"
	"crm/http/imports"
	"crm/http/oidc"
	"crm/http/webhooks"
	"crm/projections"
	"crm/projections/readmodels"
)

// Limits of every listener (OWASP ASVS 5, slow and oversized requests).
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 32 << 10
)

// Config is what a [Server] needs and how it is tuned.
type Config struct {
	// Commands answers commands. Needed.
	Commands *commands.Handler
	// Models answer reads. Needed.
	Models readmodels.Models
	// WaitFor blocks until a read model has come to a position, or ctx ends. Needed
	// for min_position.
	WaitFor func(ctx context.Context, model string, position domain.Position) error
	// Status tells how far each read model is. Default: there are none.
	Status func() []projections.Status
	// Reactions tells how far each reactor is. Default: there are none.
	Reactions func() []projections.Reaction
	// Jobs rebuild and verify read models. Needed for that.
	Jobs *projections.Jobs
	// Events is the log, for the change feed. Needed for that.
	Events EventLog
	// Imports says where files that are imported are kept; its zero value: nowhere, and
	// there are no imports. Its commands, sender, log and clock are this server's, and so
	// are its deals unless it says which.
	Imports imports.Config
	// Webhooks tell endpoints of events. Needed for that.
	Webhooks *webhooks.Sender
	// Keys are the API keys of a file by name; the name is the actor in the history.
	// [Server.ReplaceKeys] replaces them. Default none: keys that were issued let in.
	Keys map[string]Key
	// Answers remembers what commands with an idempotency key were answered with.
	// Default: as many as memory holds. Who opens it closes it.
	Answers *answers.Book
	// Tokens believes the tokens of OpenID Connect issuers. Default: nobody does.
	Tokens *oidc.Verifier
	// Limiting is how often callers may ask.
	Limiting Limiting
	// Ready are the parts that must answer for /health/ready to be 200, by name.
	Ready map[string]func(context.Context) error
	// Details are parts that /health/ready tells of, by name, without being 503 for them.
	Details map[string]func(context.Context) error

	// Log takes one line per request. Default: nothing is logged.
	Log *slog.Logger
	// Metrics is what /metrics shows and where this room registers its own.
	// Default: a registry of its own.
	Metrics *prometheus.Registry
	// Tracer makes the spans of requests and commands. Default: there are none.
	Tracer trace.Tracer
	// Now is the clock for occurred_at. Default time.Now.
	Now func() time.Time
	// Version is the program's, for the OpenAPI document. Default "dev".
	Version string
	// PhoneRegion is the country (ISO 3166-1 alpha-2) of phone numbers without +.
	// Default none: such numbers are refused unless the request names a region.
	PhoneRegion string
	// PublicURL is the URL under which clients know this installation, the beginning of
	// the source of its events. Default none: sources are relative.
	PublicURL string
	// Followers is how many may follow the feed at once; others are refused. Default 256.
	Followers int
	// Heartbeat is how often who follows the feed hears that it lives, and is asked
	// anew whether they may. Default 15 s.
	Heartbeat time.Duration
	// StallAfter is how long who follows the feed may take to take one batch of events,
	// of at most some 500 KB, before they are left. Default 1 min.
	StallAfter time.Duration
	// Timeout is how long a request may take. Default 30 s.
	Timeout time.Duration
	// MaxWait is how long a read waits for its min_position. Default 5 s.
	MaxWait time.Duration
	// CommandsAtOnce is how many requests with commands may work at a time; eight
	// times as many wait. Default 256.
	CommandsAtOnce int
	// ReadsAtOnce is the same for reads. Default 64.
	ReadsAtOnce int
	// Patience is how long a request may wait to be let in before it is answered 503
	// overloaded. Default 1 s.
	Patience time.Duration
	// RequireIfMatch refuses changes of what exists with 428, unless they say by
	// If-Match or based_on what they rest on.
	RequireIfMatch bool
}

// Server answers HTTP. It is safe for concurrent use and has nothing to close.
type Server struct {
	cfg        Config
	api        huma.API
	router     chi.Router
	commands   map[string]*command // by name
	needs      map[route]access.Action
	narrowed   map[route]bool
	keys       atomic.Pointer[map[string]Key] // of the key file
	uses       keyUses
	ways       []way
	limiting   *limiting
	measures   *measures
	writing    *gate // commands
	reading    *gate
	imports    *imports.Jobs
	document   []byte                 // OpenAPI
	document30 func() ([]byte, error) // the same, for generators of clients
	answers    map[string][]string    // slugs of the problems that an operation may answer

	followers *followers
}

// New makes a server.
func New(cfg Config) (*Server, error) {
	if cfg.Commands == nil {
		return nil, errors.New("http: Config.Commands is missing")
	}
	for name, key := range cfg.Keys {
		if !key.Role.Valid() {
			return nil, fmt.Errorf("http: key %s: there is no role %q", name, key.Role)
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Version == "" {
		cfg.Version = "dev"
	}
	cfg.Followers = cmp.Or(cfg.Followers, 256)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, 15*time.Second)
	cfg.StallAfter = cmp.Or(cfg.StallAfter, time.Minute)
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = defaultMaxWait
	}
	if cfg.CommandsAtOnce <= 0 {
		cfg.CommandsAtOnce = 256
	}
	if cfg.ReadsAtOnce <= 0 {
		cfg.ReadsAtOnce = 64
	}
	if cfg.Patience <= 0 {
		cfg.Patience = time.Second
	}
	if cfg.Status == nil {
		cfg.Status = func() []projections.Status { return nil }
	}
	if cfg.Reactions == nil {
		cfg.Reactions = func() []projections.Reaction { return nil }
	}
	if cfg.WaitFor == nil {
		cfg.WaitFor = func(context.Context, string, domain.Position) error { return errNoWaiter }
	}
	s := &Server{cfg: cfg, commands: map[string]*command{}, needs: map[route]access.Action{}, narrowed: map[route]bool{}, followers: newFollowers(cfg.Followers)}
	s.ReplaceKeys(cfg.Keys)
	s.ways, s.limiting = s.waysIn(), newLimiting(cfg.Limiting)
	var err error
	if cfg.Answers == nil {
		if s.cfg.Answers, err = answers.Open(nil, answers.Config{Metrics: cfg.Metrics}); err != nil {
			return nil, err
		}
	}
	if s.measures, err = newMeasures(cfg.Metrics, s.followers); err != nil {
		return nil, err
	}
	if cfg.Imports.Pool != nil {
		cfg.Imports.Commands, cfg.Imports.Sender, cfg.Imports.Log, cfg.Imports.Now = cfg.Commands, s.importSender, cfg.Log, cfg.Now
		if cfg.Imports.DealsOf == nil {
			cfg.Imports.DealsOf = s.dealsOf
		}
		s.imports = imports.New(cfg.Imports)
	}
	if err := s.gates(); err != nil {
		return nil, fmt.Errorf("http: register a metric: %w", err)
	}
	return s, s.routes()
}

// Run does what goes on beside requests, until ctx ends: it works on imports.
func (s *Server) Run(ctx context.Context) {
	if s.imports != nil {
		s.imports.Run(ctx)
	}
}

// Handler is the whole surface.
func (s *Server) Handler() http.Handler { return s.router }

// Listener is an HTTP server with this surface and the limits that keep slow and
// oversized requests out. The caller starts it and shuts it down.
func (s *Server) Listener() *http.Server {
	listener := &http.Server{
		Handler:           s.router,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      s.cfg.Timeout + 5*time.Second, // the request's own deadline comes first
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
	}
	listener.RegisterOnShutdown(s.followers.close) // they would stay for ever
	return listener
}
