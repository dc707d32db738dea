package imports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/importrun"
	"crm/http/importing"
)

// Limits of files.
const (
	// MaxFile is how long a file may be, in bytes.
	MaxFile = 64 << 20
	// chunkSize is how much of a file is in memory, and in one row.
	chunkSize = 1 << 20
)

// ErrFileTooLarge is a file longer than [MaxFile].
var ErrFileTooLarge = &domain.Error{
	Code: domain.Invalid, Slug: "import-file-too-large",
	Detail: "A file of an import has 64 MiB at most. Pack it with gzip, or split it.",
}

// CheckName refuses a name that no file has.
func CheckName(name string) error {
	if name == "" || !utf8.ValidString(name) || path.Clean(name) != name || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "..") || name == "." {
		return domain.ErrInvalid.At("/name", "That is no name of a file: a relative path without . and .. in it.")
	}
	return domain.CheckText("/name", name, domain.ShortText)
}

// Upload takes in a file of an import and then tells add of it, which puts it on
// record. It reads a MiB at a time. A file whose bytes do not all arrive leaves
// nothing; one of the same name is replaced.
func (j *Jobs) Upload(ctx context.Context, id uuid.UUID, name string, from io.Reader, add func(importrun.File) error) (err error) {
	found, err := j.Find(ctx, id)
	if err != nil {
		return err
	}
	if found.Status != importrun.Draft {
		return importrun.ErrNotDraft
	}
	var number int64
	if err := j.cfg.Pool.QueryRow(ctx, "INSERT INTO crm.import_files (import, name) VALUES ($1, $2) RETURNING id", id, name).Scan(&number); err != nil {
		return err
	}
	defer func() {
		if err != nil { // the caller may have gone, and the bytes should not stay
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteWithin)
			defer cancel()
			_, _ = j.cfg.Pool.Exec(ctx, "DELETE FROM crm.import_files WHERE id = $1 AND NOT complete", number) // else tidy does
		}
	}()
	file := importrun.File{Name: domain.Personal(name)}
	sum := sha256.New()
	buffer := make([]byte, chunkSize)
	for chunk := 0; ; chunk++ {
		n, err := fill(from, buffer)
		if n > 0 {
			if file.Size += int64(n); file.Size > MaxFile {
				return ErrFileTooLarge
			}
			sum.Write(buffer[:n])
			if _, err := j.cfg.Pool.Exec(ctx, "INSERT INTO crm.import_chunks (file, number, bytes) VALUES ($1, $2, $3)", number, chunk, buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	file.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if err := add(file); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, j.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM crm.import_files WHERE import = $1 AND name = $2 AND complete", id, name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE crm.import_files SET complete = true, size = $2, sha256 = $3 WHERE id = $1", number, file.Size, file.SHA256)
		return err
	})
}

// fill reads until the buffer is full or something ends that. It is no io.ReadFull, which
// says [io.ErrUnexpectedEOF] of the last piece of a file as a connection does that breaks.
func fill(from io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var more int
		more, err = from.Read(buffer[n:])
		n += more
	}
	return n, err
}

// files are those of an import as importing reads them.
func (j *Jobs) files(ctx context.Context, of Import) []importing.File {
	all := make([]importing.File, len(of.Files))
	for i, f := range of.Files {
		all[i] = importing.File{Name: f.Name, Size: f.Size, Open: func() (io.ReadCloser, error) {
			return &chunks{ctx: ctx, db: j.cfg.Pool, file: f.id}, nil
		}}
	}
	return all
}

// chunks reads a file from its rows, one at a time.
type chunks struct {
	ctx  context.Context //nolint:containedctx // of the one reading it lives for
	db   rower
	file int64
	next int
	left []byte
}

type rower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Read gives the next bytes.
func (c *chunks) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		err := c.db.QueryRow(c.ctx, "SELECT bytes FROM crm.import_chunks WHERE file = $1 AND number = $2", c.file, c.next).Scan(&c.left)
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, &storeError{err}
		}
		c.next++
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

// Close lets it go.
func (c *chunks) Close() error { return nil }

// storeError is an error of our own database in the middle of a file, which is not the
// file's fault.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }
