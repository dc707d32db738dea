package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nyaruka/phonenumbers"

	"crm/domain"
	"crm/eventstore/embedded"
	crmhttp "crm/http"
	"crm/http/access"
)

// settings are what `crm up` and `crm serve` have in common. Each is a flag and
// an environment variable; the tags are their only description.
type settings struct {
	Listen          string        `default:"127.0.0.1:8080" env:"CRM_LISTEN" placeholder:"HOST:PORT" help:"Address the HTTP server listens on; port 0 takes a free one. Default ${default}."`
	PhoneRegion     string        `env:"CRM_PHONE_REGION" placeholder:"CC" help:"Country (ISO 3166-1 alpha-2) of phone numbers typed without a + prefix. Default none: such numbers are refused unless the request names a region."`
	Connections     int32         `default:"16" env:"CRM_POSTGRES_CONNECTIONS" placeholder:"N" help:"Postgres connections for reads, 1 to 1000; imports, webhooks and answers to keys take up to 8 more, and each read model holds one. Default ${default}."`
	StateCache      int           `default:"32" env:"CRM_STATE_CACHE" placeholder:"MIB" help:"Memory for folded customers, deals and so on, in MiB, at least 1. Default ${default}."`
	ImportFiles     time.Duration `default:"720h" env:"CRM_IMPORT_FILES" placeholder:"DURATION" help:"How long the files of an import and what became of their rows are kept after its end, 1h or more. Default ${default}."`
	WaitTimeout     time.Duration `default:"5s" env:"CRM_WAIT_TIMEOUT" placeholder:"DURATION" help:"How long a read with min_position waits for its read model before it answers 503, 0s to 1m. Default ${default}."`
	PublicURL       string        `name:"public-url" env:"CRM_PUBLIC_URL" placeholder:"URL" help:"URL under which clients know this installation, as https://crm.example.com: the beginning of the source of its events. Default none: sources are relative, and two installations cannot be told apart by them."`
	FeedFollowers   int           `default:"256" env:"CRM_FEED_FOLLOWERS" placeholder:"N" help:"How many may follow the change feed (server-sent events) of this server at once, 1 to 10000; each holds a connection and some 1 MiB at most. Default ${default}."`
	CommandsAtOnce  int           `default:"256" env:"CRM_COMMANDS_AT_ONCE" placeholder:"N" help:"How many requests with commands may work at once, 1 to 10000; eight times as many wait. Default ${default}."`
	ReadsAtOnce     int           `default:"64" env:"CRM_READS_AT_ONCE" placeholder:"N" help:"How many reads may work at once, 1 to 10000; eight times as many wait. Default ${default}."`
	OverloadWait    time.Duration `default:"1s" env:"CRM_OVERLOAD_WAIT" placeholder:"DURATION" help:"How long a request may wait to be let in before it is answered 503 overloaded, 1ms to 1m. Default ${default}."`
	MaxConnections  int           `default:"2048" env:"CRM_MAX_CONNECTIONS" placeholder:"N" help:"How many connections of clients are open at once, 1 to 1000000; who comes then waits to be accepted. It should cover all who may work, wait and follow the feed at once. Default ${default}."`
	RequireIfMatch  bool          `env:"CRM_REQUIRE_IF_MATCH" help:"Refuse changes of what exists with 428 unless they say by If-Match or based_on what they rest on."`
	ShutdownTimeout time.Duration `default:"8s" env:"CRM_SHUTDOWN_TIMEOUT" placeholder:"DURATION" help:"How long running requests may take to finish when the server stops, 0s to 1m. Default ${default}."`
	DebugListen     string        `env:"CRM_DEBUG_LISTEN" placeholder:"IP:PORT" help:"Loopback address on which Go's profiles are shown under /debug/pprof, without a key. For example 127.0.0.1:6060; default: they are not."`
	telling
	entrance
	relaying
	logging
}

// check refuses settings that cannot work, all at once.
func (s *settings) check() error {
	errs := []error{s.entrance.check()}
	if _, port, err := net.SplitHostPort(s.Listen); err != nil {
		errs = append(errs, fmt.Errorf("--listen %q is not HOST:PORT", s.Listen))
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs = append(errs, fmt.Errorf("--listen %q: a port is a number of at most 65535", s.Listen))
	}
	if s.PhoneRegion != "" && !phonenumbers.GetSupportedRegions()[s.PhoneRegion] {
		errs = append(errs, fmt.Errorf("--phone-region %q is not a country code such as DE", s.PhoneRegion))
	}
	if s.Connections < 1 || s.Connections > 1000 {
		errs = append(errs, fmt.Errorf("--connections %d is not within 1 to 1000", s.Connections))
	}
	if s.StateCache < 1 {
		errs = append(errs, fmt.Errorf("--state-cache %d is not at least 1 MiB", s.StateCache))
	}
	if s.ImportFiles < time.Hour {
		errs = append(errs, fmt.Errorf("--import-files %s is not at least 1h", s.ImportFiles))
	}
	if s.WaitTimeout < 0 || s.WaitTimeout > time.Minute {
		errs = append(errs, fmt.Errorf("--wait-timeout %s is not within 0s to 1m", s.WaitTimeout))
	}
	if at, err := url.Parse(s.PublicURL); err != nil || s.PublicURL != "" && (at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.RawQuery != "" || at.User != nil) {
		errs = append(errs, errors.New("--public-url is not a URL such as https://crm.example.com"))
	}
	if _, err := s.relayConfig("", nil); err != nil {
		errs = append(errs, err)
	}
	if s.FeedFollowers < 1 || s.FeedFollowers > 10000 {
		errs = append(errs, fmt.Errorf("--feed-followers %d is not within 1 to 10000", s.FeedFollowers))
	}
	if min(s.CommandsAtOnce, s.ReadsAtOnce) < 1 || max(s.CommandsAtOnce, s.ReadsAtOnce) > 10_000 {
		errs = append(errs, errors.New("--commands-at-once or --reads-at-once is not within 1 to 10000"))
	}
	if s.MaxConnections < 1 || s.MaxConnections > 1_000_000 {
		errs = append(errs, fmt.Errorf("--max-connections %d is not within 1 to 1000000", s.MaxConnections))
	}
	if s.OverloadWait < time.Millisecond || s.OverloadWait > time.Minute {
		errs = append(errs, fmt.Errorf("--overload-wait %s is not within 1ms to 1m", s.OverloadWait))
	}
	if s.ShutdownTimeout < 0 || s.ShutdownTimeout > time.Minute {
		errs = append(errs, fmt.Errorf("--shutdown-timeout %s is not within 0s to 1m", s.ShutdownTimeout))
	}
	if err := checkDebugListen(s.DebugListen); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, s.telling.check())
	return errors.Join(errs...)
}

// logging is how a subcommand logs.
type logging struct {
	LogLevel  slog.Level `default:"info" env:"CRM_LOG_LEVEL" placeholder:"LEVEL" help:"debug, info, warn or error. Default ${default}."`
	LogFormat string     `default:"text" enum:"text,json" env:"CRM_LOG_FORMAT" help:"text or json, on standard error. Default ${default}."`
}

// logger writes to out in the format that was asked for.
func (l *logging) logger(out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.LogLevel}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// storing is how the embedded event store keeps events.
type storing struct {
	Durability string `default:"normal" enum:"normal,paranoid" env:"CRM_DURABILITY" help:"How soon a disk is caught that loses what it had synced: normal, all but the last second or 1,000 events; paranoid, every event, for a second sync per group of appends. Events are on disk before they are acknowledged either way. Default ${default}."`
}

// config is the embedded event store's, in a folder.
func (s storing) config(dir string, log *slog.Logger) embedded.Config {
	c := embedded.Config{Dir: dir, Log: log, Permanent: permanent()}
	if s.Durability == "paranoid" {
		c.Durability = embedded.Paranoid
	}
	return c
}

// permanent are beginnings of the names of all streams of ours: nobody takes
// history from one.
func permanent() []string {
	var prefixes []string
	for _, category := range domain.Categories {
		prefixes = append(prefixes, category+"-")
	}
	return prefixes
}

// production is where `crm serve` finds what `crm up` brings along.
type production struct {
	EventStore string `name:"eventstore" required:"" env:"CRM_EVENTSTORE" placeholder:"esdb://…" help:"Connection string of EventStoreDB, as its clients take it: esdb://host:2113?tls=true."`
	Postgres   string `required:"" env:"CRM_POSTGRES" placeholder:"postgres://…" help:"Connection string of the Postgres database for the read models. A password is better kept in PGPASSFILE than here."`
	KeyFile    string `required:"" env:"CRM_KEY_FILE" placeholder:"FILE" help:"File with the API keys, one per line as NAME KEY [ROLE]; lines that begin with # are left out. It is read again when it changes. NAME is the actor in the history; ROLE is monitor, reader, analyst, service, marketing, sales, auditor or admin, and admin where there is none."`
}

// check refuses connection strings that are none.
func (p *production) check() error {
	var errs []error
	at, err := url.Parse(p.EventStore)
	if err != nil || at.Host == "" || at.Scheme != "esdb" && at.Scheme != "esdb+discover" {
		errs = append(errs, errors.New("--eventstore is not a connection string such as esdb://localhost:2113?tls=false"))
	} else if defaultPassword(at.User) {
		errs = append(errs, errors.New("--eventstore uses EventStoreDB's documented default password; change it"))
	}
	if _, err := pgxpool.ParseConfig(p.Postgres); err != nil {
		errs = append(errs, errors.New("--postgres is not a connection string such as postgres://crm@localhost:5432/crm"))
	}
	return errors.Join(errs...)
}

// defaultPassword reports whether a user is one that EventStoreDB documents with its
// password.
func defaultPassword(user *url.Userinfo) bool {
	password, _ := user.Password()
	return password == "changeit" && (user.Username() == "admin" || user.Username() == "ops")
}

// keys reads the API keys by name.
func (p *production) keys() (map[string]crmhttp.Key, error) {
	text, err := os.ReadFile(p.KeyFile)
	if err != nil {
		return nil, usage(fmt.Errorf("--key-file: %w", err))
	}
	keys, err := parseKeys(string(text))
	if err != nil {
		return nil, usage(fmt.Errorf("--key-file %s%w", p.KeyFile, err))
	}
	return keys, nil
}

// parseKeys reads the lines of a key file. Its errors, which are logged, quote nothing:
// any word may turn out to be a key.
func parseKeys(text string) (map[string]crmhttp.Key, error) {
	keys := map[string]crmhttp.Key{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) < 2 || len(words) > 3 || len(words[1]) < 32 {
			return nil, fmt.Errorf(", line %d: not NAME KEY [ROLE] with a key of at least 32 characters", number+1)
		}
		name, role := words[0], access.Admin
		if len(words) == 3 {
			role = access.Role(words[2])
		}
		if !role.Valid() {
			return nil, fmt.Errorf(", line %d: ROLE is none of %v", number+1, access.Roles)
		}
		if _, twice := keys[name]; twice {
			return nil, fmt.Errorf(", line %d: NAME has a key already", number+1)
		}
		keys[name] = crmhttp.Key{Hash: crmhttp.HashKey(words[1]), Role: role}
	}
	if len(keys) == 0 {
		return nil, errors.New(" holds no key")
	}
	return keys, nil
}
