package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"crm/domain/importrun"
	"crm/http/imports"
)

// importTools is `crm import`.
type importTools struct {
	Files  importFiles   `cmd:"" default:"withargs" help:"Import files through the API."`
	List   importsList   `cmd:"" help:"List the imports, the newest first."`
	Show   importsShow   `cmd:"" help:"Show an import: how far it is, its files, and what its undo has come to."`
	Undo   importsUndo   `cmd:"" help:"Take back what an import has changed, and wait for it. What others have changed since stays, and is told. The same files bring it again."`
	Resume importsResume `cmd:"" help:"Go on with an import that failed or was cancelled, and wait for it."`
	Cancel importsCancel `cmd:"" help:"End an import; what it has stored stays, until it is undone."`
}

// importsList is `crm import list`.
type importsList struct{ connection }

// Run prints a table.
func (l *importsList) Run(ctx context.Context, std streams) error {
	table := newTable(std.out, "RUN", "STATUS", "MAPPING", "FILES", "ROWS", "REJECTED", "UPDATED", "CREATED", "BY")
	for i, err := range pages[imports.Import](ctx, &l.connection, "/imports?limit=200") {
		if err != nil {
			return err
		}
		table.row(i.ID, i.Status, i.Mapping, len(i.Files), i.Progress.Rows, i.Progress.Rejected, i.Progress.Updated, i.CreatedAt.Format(time.RFC3339), i.Actor)
	}
	return table.Flush()
}

// oneImport is which import is meant, and where.
type oneImport struct {
	ID uuid.UUID `arg:"" name:"run" help:"The import, as crm import prints it and crm import list does."`
	connection
}

func (o *oneImport) path() string { return "/imports/" + o.ID.String() }

func (o *oneImport) find(ctx context.Context) (found imports.Import, err error) {
	return found, o.call(ctx, http.MethodGet, o.path(), nil, &found)
}

// follow waits until nothing is left to do. When ctx ends the server goes on.
func (o *oneImport) follow(ctx context.Context) (imports.Import, error) {
	for {
		found, err := o.find(ctx)
		if err == nil && !found.Working() {
			return found, nil
		}
		if err == nil {
			select {
			case <-time.After(importAskedEvery):
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if ctx.Err() != nil {
			return found, fmt.Errorf("interrupted; the server goes on with it. crm import show %s tells how far it is", o.ID)
		}
		return found, fmt.Errorf("%w; what was begun goes on, and crm import show %s tells how far it is", err, o.ID)
	}
}

// importAskedEvery is how often the server is asked how far it is.
const importAskedEvery = 250 * time.Millisecond

// importsShow is `crm import show`.
type importsShow struct{ oneImport }

// Run prints what is known, a line each.
func (s *importsShow) Run(ctx context.Context, std streams) error {
	i, err := s.find(ctx)
	if err != nil {
		return err
	}
	table := newTable(std.out)
	line := table.line
	line("run", "%s", i.ID)
	line("status", "%s", i.Status)
	if i.Failure != "" {
		line("failure", "%s", i.Failure)
	}
	line("mapping", "%s", i.Mapping)
	line("created", "%s by %s", i.CreatedAt.Format(time.RFC3339), i.Actor)
	line("started", "%s", orNever(i.StartedAt))
	if i.EndedAt != nil {
		line("ended", "%s", i.EndedAt.Format(time.RFC3339))
	}
	for _, f := range i.Files {
		line("file", "%s, %d bytes", f.Name, f.Size)
	}
	if i.Forgotten {
		line("files", "deleted")
	}
	line("read", "%d of %d bytes", i.Progress.Bytes, i.Progress.BytesOf)
	line("rows", "%d, of which %d rejected and %d updated", i.Progress.Rows, i.Progress.Rejected, i.Progress.Updated)
	if u := i.Undo; u != nil {
		line("undo", "%d of %d done: %d restored, %d put away, %d kept", u.Done, u.Streams, u.Restored, u.Ended, u.Kept)
	}
	return table.Flush()
}

// importsUndo is `crm import undo`.
type importsUndo struct {
	oneImport
	Reason string `required:"" help:"Why, for the history."`
}

// Run has it undone, and says what stays.
func (u *importsUndo) Run(ctx context.Context, std streams) error {
	var answer struct{}
	if err := u.call(ctx, http.MethodPost, u.path()+"/undo", because(u.Reason), &answer); err != nil {
		return err
	}
	i, err := u.follow(ctx)
	if err != nil {
		return err
	}
	if i.Undo == nil {
		return fmt.Errorf("the import is %s", i.Status)
	}
	_, _ = fmt.Fprintf(std.out, "undone: %d restored, %d put away, %d kept at least in part\n", i.Undo.Restored, i.Undo.Ended, i.Undo.Kept)
	if i.Undo.Kept == 0 {
		return nil
	}
	var rows bytes.Buffer
	if err := u.call(ctx, http.MethodGet, u.path()+"/undone", nil, &rows); err != nil {
		return err
	}
	_, err = rows.WriteTo(std.out)
	return err
}

// importsResume is `crm import resume`.
type importsResume struct{ oneImport }

// Run goes on with it, and says what it came to.
func (r *importsResume) Run(ctx context.Context, std streams) error {
	var answer struct{}
	if err := r.call(ctx, http.MethodPost, r.path()+"/resume", map[string]any{}, &answer); err != nil {
		return err
	}
	i, err := r.follow(ctx)
	if err != nil {
		return err
	}
	switch i.Status {
	case importrun.IsFinished:
	case importrun.IsFailed:
		return errors.New("the import failed: " + i.Failure)
	default:
		return fmt.Errorf("the import is %s: somebody else has ended it", i.Status)
	}
	_, _ = fmt.Fprintf(std.out, "finished: %d rows, %d rejected, %d updated\n", i.Progress.Rows, i.Progress.Rejected, i.Progress.Updated)
	if i.Progress.Rejected > 0 {
		return &exitError{exitRejected, fmt.Errorf("%d of %d rows were rejected; GET /v1%s/failed tells why", i.Progress.Rejected, i.Progress.Rows, r.path())}
	}
	return nil
}

// importsCancel is `crm import cancel`.
type importsCancel struct{ oneImport }

// Run ends it.
func (c *importsCancel) Run(ctx context.Context, std streams) error {
	var answer struct{ Events int }
	if err := c.call(ctx, http.MethodPost, c.path()+"/cancel", map[string]any{}, &answer); err != nil {
		return err
	}
	did := "cancelled; what it has stored stays, and crm import undo takes it back"
	if answer.Events == 0 {
		did = "it was over already"
	}
	_, err := fmt.Fprintln(std.out, did)
	return err
}
