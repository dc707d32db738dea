package imports

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/importrun"
)

// Import is an import as it stands.
type Import struct {
	ID        uuid.UUID        `json:"id" format:"uuid"`
	Status    importrun.Status `json:"status" enum:"draft,running,finished,failed,cancelled,undoing,undone"`
	Mapping   string           `json:"mapping" doc:"The mapping's name." example:"vcard"`
	Actor     string           `json:"actor" doc:"Who has created it. Its rows are imported in the name of whoever has started it, or resumed it last."`
	CreatedAt time.Time        `json:"created_at"`
	StartedAt *time.Time       `json:"started_at,omitempty"`
	EndedAt   *time.Time       `json:"ended_at,omitempty"`
	Progress  Headway          `json:"progress"`
	Files     []File           `json:"files" nullable:"false" doc:"In the order of their upload."`
	Failure   string           `json:"failure,omitempty" doc:"Why it has failed, and what to do."`
	Forgotten bool             `json:"files_deleted" doc:"The files, and what became of each row, are deleted."`
	Undo      *Undo            `json:"undo,omitempty" doc:"Of an import that is being undone, or was."`

	Revision domain.Revision `json:"-"`
}

// Working reports whether there is something to do.
func (i *Import) Working() bool {
	return i.Status == importrun.Running || i.Status == importrun.Undoing
}

// Headway is how far an import is.
type Headway struct {
	Rows      int64          `json:"rows" doc:"Read and done with."`
	Rejected  int64          `json:"rejected" doc:"Of these, rejected at least in part."`
	Updated   int64          `json:"updated" doc:"Of these, that changed what an earlier import had brought."`
	Commands  map[string]int `json:"commands" doc:"Accepted, by name; with those that say what was already so."`
	Bytes     int64          `json:"bytes" doc:"Of the files, read so far. A file that the mapping reads twice counts twice."`
	BytesOf   int64          `json:"bytes_of" doc:"Of the files."`
	rowsBelow int64          // done, with what happens once
}

// Undo is how far an undo is, in streams: customers, deals, customers' consents ….
type Undo struct {
	Streams  int64 `json:"streams" doc:"That the import may have written."`
	Done     int64 `json:"done"`
	Restored int64 `json:"restored" doc:"Are as they would be without it."`
	Ended    int64 `json:"ended" doc:"Were created by it and are put away: archived, void, expired, retired."`
	Kept     int64 `json:"kept" doc:"Are at least in part as it left them, because of later changes or because it cannot be taken back."`
}

// File is a file of an import.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size" doc:"In bytes."`
	SHA256 string `json:"sha256"`

	id int64
}

const importColumns = `id, status, mapping, actor, created_at, started_at, ended_at, rows_read, rows_rejected, rows_updated,
		commands, bytes_read, done, failure, forgotten, revision`

// scanImport reads importColumns, and what follows them into more.
func scanImport(row pgx.CollectableRow, more ...any) (Import, error) {
	var i Import
	p := &i.Progress
	err := row.Scan(append([]any{
		&i.ID, &i.Status, &i.Mapping, &i.Actor, &i.CreatedAt, &i.StartedAt, &i.EndedAt, &p.Rows, &p.Rejected, &p.Updated,
		&p.Commands, &p.Bytes, &p.rowsBelow, &i.Failure, &i.Forgotten, &i.Revision,
	}, more...)...)
	return i, err
}

// querier is a pool or a connection.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Find gives an import. It returns importrun.ErrUnknown for a strange id.
func (j *Jobs) Find(ctx context.Context, id uuid.UUID) (Import, error) {
	return find(ctx, j.cfg.Pool, id)
}

func find(ctx context.Context, db querier, id uuid.UUID) (Import, error) {
	rows, err := db.Query(ctx, "SELECT "+importColumns+" FROM crm.imports WHERE id = $1", id)
	if err != nil {
		return Import{}, err
	}
	found, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Import, error) { return scanImport(row) })
	if errors.Is(err, pgx.ErrNoRows) {
		return Import{}, importrun.ErrUnknown
	}
	if err != nil {
		return Import{}, err
	}
	return complete(ctx, db, found)
}

// complete adds what stands in other tables.
func complete(ctx context.Context, db querier, i Import) (Import, error) {
	rows, err := db.Query(ctx, "SELECT id, name, size, sha256 FROM crm.import_files WHERE import = $1 AND complete ORDER BY id", i.ID)
	if err != nil {
		return i, err
	}
	i.Files, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f File, err error) {
		return f, row.Scan(&f.id, &f.Name, &f.Size, &f.SHA256)
	})
	if err != nil {
		return i, err
	}
	if i.Files == nil {
		i.Files = []File{}
	}
	for _, f := range i.Files {
		i.Progress.BytesOf += f.Size
	}
	if i.Status != importrun.Undoing && i.Status != importrun.IsUndone {
		return i, nil
	}
	rows, err = db.Query(ctx, `
		SELECT count(*), count(*) FILTER (WHERE outcome <> ''), count(*) FILTER (WHERE outcome = 'restored'),
			count(*) FILTER (WHERE outcome = 'ended'), count(*) FILTER (WHERE outcome = 'kept')
		FROM crm.import_streams WHERE import = $1`, i.ID)
	if err != nil {
		return i, err
	}
	undo, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (u Undo, err error) {
		return u, row.Scan(&u.Streams, &u.Done, &u.Restored, &u.Ended, &u.Kept)
	})
	i.Undo = &undo
	return i, err
}

// Created notes a new import and the text of its mapping. Noted twice it is noted once.
func (j *Jobs) Created(ctx context.Context, id uuid.UUID, actor, mapping string, text []byte) error {
	_, err := j.cfg.Pool.Exec(ctx, `
		INSERT INTO crm.imports (id, revision, status, mapping, mapping_text, actor) VALUES ($1, 0, 'draft', $2, $3, $4)
		ON CONFLICT (id) DO NOTHING`, id, mapping, text, actor)
	return err
}

// Changed brings what is shown of an import up to what the log says. It is asked
// after each command about it, and asked again it changes nothing.
func (j *Jobs) Changed(ctx context.Context, id uuid.UUID) error {
	stream := domain.ImportStream(domain.ImportID{UUID: id})
	history, err := j.cfg.Load(ctx, stream, domain.NoStream)
	if err != nil || len(history) == 0 {
		return err
	}
	state := importrun.Decider.Initial()
	var started, ended *time.Time
	for _, recorded := range history {
		event, ok := recorded.Event.(importrun.Event)
		if !ok {
			return errors.New(string(stream) + " holds what is no event of an import")
		}
		state = importrun.Decider.Evolve(state, event)
		at := recorded.RecordedAt
		switch event.(type) {
		case importrun.Started:
			started = &at
		case importrun.Resumed, importrun.UndoRequested:
			ended = nil
		case importrun.Finished, importrun.Failed, importrun.Cancelled, importrun.Undid:
			ended = &at
		case importrun.Created, importrun.FileAdded, importrun.FilesForgotten:
		}
	}
	_, err = j.cfg.Pool.Exec(ctx, `
		UPDATE crm.imports SET status = $2, revision = $3, started_at = $4, ended_at = $5, forgotten = $6,
			failure = CASE WHEN $2 = 'failed' THEN failure ELSE '' END
		WHERE id = $1 AND revision <= $3`,
		id, state.Status, history[len(history)-1].Revision, started, ended, state.Forgotten)
	if state.Status == importrun.Running || state.Status == importrun.Undoing {
		j.wake()
	}
	return err
}
