package answers

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
)

// Postgres is the table crm.answers.
type Postgres struct{ Pool *pgxpool.Pool }

// Find is part of [Table].
func (p Postgres) Find(ctx context.Context, commands []uuid.UUID, keep time.Duration) ([]Answer, error) {
	rows, err := p.Pool.Query(ctx, `
		SELECT command, fingerprint, status, revision, position_commit, position_prepare, events, problem, words
		FROM crm.answers
		WHERE command = ANY ($1) AND answered_at > now() - $2::interval`, commands, keep)
	if err != nil {
		return nil, fmt.Errorf("find answers: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Answer, error) {
		var a Answer
		var fingerprint []byte
		var commit, prepare int64
		err := row.Scan(&a.Command, &fingerprint, &a.Status, &a.Receipt.Revision, &commit, &prepare, &a.Receipt.Events, &a.Problem, &a.Words)
		a.Fingerprint = hex.EncodeToString(fingerprint)
		a.Receipt.Position = domain.Position{Commit: uint64(commit), Prepare: uint64(prepare)}
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("find answers: %w", err)
	}
	return list, nil
}

// Add is part of [Table]. Rows are written in the order of their keys, so that two
// servers which write the same ones do not lock each other out.
func (p Postgres) Add(ctx context.Context, list []Answer, keep time.Duration) error {
	n := len(list)
	commands, fingerprints, words := make([]uuid.UUID, n), make([][]byte, n), make([][]byte, n)
	statuses, events := make([]int32, n), make([]int32, n)
	revisions, commits, prepares := make([]int64, n), make([]int64, n), make([]int64, n)
	problems := make([]string, n)
	for i, a := range list {
		fingerprint, err := hex.DecodeString(a.Fingerprint)
		if err != nil {
			return fmt.Errorf("keep answers: the fingerprint of %s: %w", a.Command, err)
		}
		commands[i], fingerprints[i], problems[i], words[i] = a.Command, fingerprint, a.Problem, a.Words
		statuses[i], events[i] = int32(a.Status), int32(a.Receipt.Events)
		revisions[i] = int64(a.Receipt.Revision)
		commits[i], prepares[i] = int64(a.Receipt.Position.Commit), int64(a.Receipt.Position.Prepare)
	}
	both := &pgx.Batch{} // in one transaction
	both.Queue(`
		INSERT INTO crm.answers AS kept
			(command, fingerprint, answered_at, status, revision, position_commit, position_prepare, events, problem, words)
		SELECT DISTINCT ON (command)
			command, fingerprint, now(), status, revision, position_commit, position_prepare, events, problem, words
		FROM set_config('synchronous_commit', 'off', true),
			unnest($1::uuid[], $2::bytea[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[], $8::text[], $9::bytea[])
			AS new (command, fingerprint, status, revision, position_commit, position_prepare, events, problem, words)
		ORDER BY command
		ON CONFLICT (command) DO UPDATE SET
			fingerprint = excluded.fingerprint, answered_at = excluded.answered_at, status = excluded.status, revision = excluded.revision,
			position_commit = excluded.position_commit, position_prepare = excluded.position_prepare, events = excluded.events,
			problem = excluded.problem, words = excluded.words
		WHERE kept.answered_at <= now() - $10::interval`,
		commands, fingerprints, statuses, revisions, commits, prepares, events, problems, words, keep)
	both.Queue("SELECT pg_notify($1, text) FROM unnest($2::text[]) AS text", channel, notifications(commands))
	err := p.Pool.SendBatch(ctx, both).Close()
	if err != nil {
		return fmt.Errorf("keep answers: %w", err)
	}
	return nil
}

// Prune is part of [Table]. Several servers may do it at once.
func (p Postgres) Prune(ctx context.Context, keep time.Duration, limit int) (int, error) {
	done, err := p.Pool.Exec(ctx, `
		DELETE FROM crm.answers WHERE command IN (
			SELECT command FROM crm.answers WHERE answered_at <= now() - $1::interval
			LIMIT $2 FOR UPDATE SKIP LOCKED)`, keep, limit)
	if err != nil {
		return 0, fmt.Errorf("prune answers: %w", err)
	}
	return int(done.RowsAffected()), nil
}
