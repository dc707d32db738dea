package imports

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/importrun"
	"crm/http/importing"
)

// ErrNotAllowed is a sender's word that whoever has started the import, or resumed it
// last, may not do so any more.
var ErrNotAllowed = errors.New("imports: the actor may not import any more")

// errEnded ends the work on an import that was cancelled meanwhile.
var errEnded = errors.New("imports: the import was ended")

// run imports from the first row of which no result is recorded.
func (j *Jobs) run(ctx context.Context, conn *pgx.Conn, of Import) error {
	plan, err := j.plan(ctx, of)
	if bad, ok := errors.AsType[*importing.MappingError](err); ok {
		return j.fail(ctx, of, importrun.BadMapping, bad.Error())
	}
	if err != nil {
		return err
	}
	by, err := j.requested(ctx, of.ID, func(e domain.Event) bool {
		switch e.(type) {
		case importrun.Started, importrun.Resumed:
			return true
		}
		return false
	})
	if err != nil {
		return err
	}
	// What was noted ahead of a crash may be sent twice, which the keys make harmless.
	work := &importing.Work{
		Plan: plan, Files: j.files(ctx, of), Sender: j.cfg.Sender(of, by.actor), Done: of.Progress.rowsBelow,
		Before: func(ctx context.Context, streams []domain.Stream) (importing.Pasts, error) {
			if err := j.note(ctx, of.ID, streams); err != nil {
				return nil, err
			}
			return j.pasts(ctx, streams)
		},
	}
	total := of.Progress
	work.After = func(ctx context.Context, results importing.Results) error {
		return record(ctx, conn, of.ID, &total, work.Bytes(), results)
	}
	err = work.Do(ctx)
	badFile, isFile := errors.AsType[*importing.FileError](err)
	_, isStore := errors.AsType[*storeError](err)
	switch {
	case err == nil:
		rows := importrun.Rows{Read: total.Rows, Rejected: total.Rejected, Updated: total.Updated}
		return j.say(ctx, of.ID, of.Revision, importrun.Finish{Rows: rows})
	case errors.Is(err, errEnded):
		return nil
	case errors.Is(err, ErrNotAllowed):
		return j.fail(ctx, of, importrun.Refused, "Whoever has started the import, or resumed it last, may not import any more. Have somebody resume it who may.")
	case isFile && !isStore && ctx.Err() == nil:
		return j.fail(ctx, of, importrun.BadFile, badFile.Error())
	}
	return err // it is gone on with soon, here or elsewhere
}

// fail ends an import that cannot go on by itself, and says why.
func (j *Jobs) fail(ctx context.Context, of Import, why importrun.Failure, text string) error {
	if _, err := j.cfg.Pool.Exec(ctx, "UPDATE crm.imports SET failure = $2 WHERE id = $1", of.ID, text); err != nil {
		return err
	}
	return j.say(ctx, of.ID, of.Revision, importrun.Fail{Why: why})
}

// note notes the streams that are about to be written, so that an undo finds them
// whatever happens in between.
func (j *Jobs) note(ctx context.Context, id uuid.UUID, streams []domain.Stream) error {
	_, err := j.cfg.Pool.Exec(ctx, `
		INSERT INTO crm.import_streams (import, stream) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`, id, streams)
	return err
}

// record keeps what became of rows, and how far the import is with them, at once.
func record(ctx context.Context, conn *pgx.Conn, id uuid.UUID, total *Headway, bytes int64, results importing.Results) error {
	next := *total
	next.Commands = map[string]int{}
	maps.Copy(next.Commands, total.Commands)
	for name, n := range results.Accepted {
		next.Commands[name] += n
	}
	rows := results.Rows
	for _, row := range rows {
		next.rowsBelow = row.Number + 1
		if row.File >= 0 {
			next.Rows++
		}
		switch row.Outcome {
		case importing.Rejected:
			next.Rejected++
		case importing.Updated:
			next.Updated++
		}
	}
	counts, err := json.Marshal(next.Commands)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// The results of a crash are as durable as the next ones: their rows are sent again.
		tag, err := tx.Exec(ctx, `
			UPDATE crm.imports SET done = $2, rows_read = $3, rows_rejected = $4, rows_updated = $5, bytes_read = $6, commands = $7
			WHERE id = $1 AND status = 'running' AND done = $8`,
			id, next.rowsBelow, next.Rows, next.Rejected, next.Updated, max(bytes, total.Bytes), counts, total.rowsBelow)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return errEnded
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"crm", "import_rows"}, []string{"import", "number", "outcome", "reasons", "targets"},
			pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
				return []any{id, rows[i].Number, rows[i].Outcome, texts(rows[i].Reasons), ids(rows[i].Targets)}, nil
			}))
		return err
	})
	if err == nil {
		*total = next
	}
	return err
}

// texts are reasons as Postgres can keep them.
func texts(reasons []string) []string {
	kept := make([]string, len(reasons))
	for i, reason := range reasons {
		kept[i] = printable(reason)
	}
	return kept
}

func ids(targets []uuid.UUID) []uuid.UUID {
	if targets == nil {
		return []uuid.UUID{}
	}
	return targets
}
