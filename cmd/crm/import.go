package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"golang.org/x/term"

	"crm/cmd/crm/importer"
	"crm/http/importing"
)

// importFiles is `crm import`, without a further word.
type importFiles struct {
	Mapping string   `required:"" placeholder:"M" help:"How rows become commands: a built-in mapping (${mappings}) or a YAML file."`
	DryRun  bool     `help:"Say what would happen; contact no server."`
	Errors  string   `default:"rejected.csv" placeholder:"FILE" help:"File for rejected rows, with line and reason; written only when there are any. Default ${default}."`
	Paths   []string `arg:"" name:"file" type:"path" help:"Files, or folders with files."`
	connection
}

// Run imports, and says so.
func (i *importFiles) Run(ctx context.Context, std streams) error {
	key, client := "", http.DefaultClient
	if !i.DryRun {
		var err error
		if key, err = i.key(); err != nil {
			return err
		}
		if client, err = i.client(); err != nil {
			return err
		}
	}
	summary, err := importer.Run(ctx, importer.Options{
		Mapping: i.Mapping, Server: i.Server, Key: key, Client: client, Paths: i.Paths, DryRun: i.DryRun,
		ErrorsFile: i.Errors, Out: std.out, Terminal: isTerminal(std.out),
	})
	mapping, wrong := errors.AsType[*importing.MappingError](err)
	switch {
	case wrong:
		return usage(mapping)
	case err != nil:
		return err
	case summary.Rejected > 0:
		return &exitError{exitRejected, fmt.Errorf("%d of %d rows were rejected; see %s", summary.Rejected, summary.Rows, i.Errors)}
	}
	return nil
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
