package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"crm/cmd/crm/load"
	"crm/eventstore/embedded"
	"crm/http/importing"
)

// cli is the command line.
type cli struct {
	Up          up           `cmd:"" help:"Start everything on this machine: Postgres, event store, server."`
	Serve       serve        `cmd:"" help:"Start the server against EventStoreDB and Postgres."`
	Node        node         `cmd:"" help:"Serve the embedded event store alone, and look after it."`
	Import      importTools  `cmd:"" help:"Import files of another CRM through the API; list, undo and resume imports."`
	Projections modelTools   `cmd:"" help:"Look after the read models: list, rebuild, verify, compare versions, roll back."`
	Keys        keyTools     `cmd:"" help:"Administer the API keys of a running server: list, issue, rotate, change, revoke."`
	Webhooks    webhookTools `cmd:"" help:"Administer the webhooks of a running server: list, register, rotate, look into deliveries, replay."`
	AnalystDSN  analystDSN   `cmd:"" name:"analyst-dsn" help:"Print the connection string with which analysts read the read models in SQL."`
	Bench       bench        `cmd:"" help:"Measure a server."`
	Health      health       `cmd:"" help:"Ask a running server whether it is ready; exit 0 when it is."`
	Version     version      `cmd:"" help:"Print the version."`
}

// The exit codes; doc.go explains them.
const (
	exitFailed   = 1
	exitUsage    = 2
	exitRejected = 3
	exitStorage  = 70
	exitWentBack = 71
)

// signalEcho is how long after a signal another one is taken for the same: timeout(1)
// sends every signal twice, to the process and to its group.
const signalEcho = 500 * time.Millisecond

// streams are the process's ways to talk.
type streams struct {
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		time.Sleep(signalEcho)
		stop() // a second signal kills
	})
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// run is the program, less the process.
func run(ctx context.Context, args []string, std streams) int {
	code, exited := 0, false
	parser, err := kong.New(&cli{},
		kong.Name("crm"),
		kong.Description("An event-sourced CRM backend. Every change is an immutable event; everything else is derived from it.\n\nExit codes: 0 done, 1 failed, 2 a wrong flag or setting, 3 rows of an import rejected, 70 the event store's disk failed, 71 the event store went back."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Help(printHelp),
		kong.Writers(std.out, std.err),
		kong.Exit(func(c int) { code, exited = c, true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
		kong.Vars{
			"operations": strings.Join(load.Operations(), ", "),
			"mappings":   strings.Join(importing.Builtins(), ", "),
		},
	)
	if err != nil {
		panic(err) // the tags above are wrong
	}
	command, err := parser.Parse(args)
	if exited { // --help was printed
		return code
	}
	if err != nil {
		return explain(std.err, usage(err))
	}
	return explain(std.err, command.Run())
}

// explain prints an error, if any, as one line and gives its exit code.
func explain(out io.Writer, err error) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(out, "crm: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	if errors.Is(err, embedded.ErrWentBack) {
		return exitWentBack
	}
	if errors.Is(err, embedded.ErrFailed) {
		return exitStorage
	}
	if coded, ok := errors.AsType[*exitError](err); ok {
		return coded.code
	}
	return exitFailed
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	error
}

func (e *exitError) Unwrap() error { return e.error }

// usage marks an error as the caller's to mend.
func usage(err error) error { return &exitError{exitUsage, err} }
