package modelbench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/eventstore"
	"crm/projections"
	"crm/projections/readmodels"
)

func (b *bench) measureTimeline(ctx context.Context) error {
	return b.measureBuild(ctx, "timeline", readmodels.Timeline{})
}

func (b *bench) measurePair(ctx context.Context) error {
	return b.measureBuild(ctx, "customers and timeline", readmodels.Customers{}, readmodels.Timeline{})
}

func (b *bench) measureAll(ctx context.Context) error {
	return b.measureBuild(ctx, "all read models", readmodels.NewModels(nil).Projections()...)
}

// measureBuild builds read models in a database of their own.
func (b *bench) measureBuild(ctx context.Context, what string, models ...projections.Projection) error {
	pool, drop, err := b.cluster.fresh(ctx)
	if err != nil {
		return err
	}
	defer drop()
	var finishing time.Duration
	c, err := b.costOf(func() error {
		finishing, err = b.build(ctx, pool, models...)
		return err
	})
	if err == nil {
		b.row(what, b.events, c, fmt.Sprintf("the indexes took %.1f s", finishing.Seconds()))
	}
	return err
}

// build has read models built from the whole log, as crm projections rebuild does,
// and tells how long it took from when the first of them began with its indexes.
func (b *bench) build(ctx context.Context, pool *pgxpool.Pool, models ...projections.Projection) (time.Duration, error) {
	rebuilder := projections.NewRebuilder(pool, projections.RebuildConfig{
		Subscribe: func(_ string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
			return b.subscriber(checkpoint)
		},
		BatchOf: eventstore.BatchOf, Head: b.log.store.Head,
	}, models...)
	var indexing time.Time
	err := rebuilder.Rebuild(ctx, nil, false, func(p projections.Progress) {
		b.events = p.Events
		for _, m := range p.Models {
			if m.Phase == projections.Indexing && indexing.IsZero() {
				indexing = time.Now()
			}
		}
	})
	return time.Since(indexing), err
}

// measureCopy is what Postgres takes of the timeline's rows when nothing else is
// done: no reading of the log, no projection, one COPY.
func (b *bench) measureCopy(ctx context.Context) (err error) {
	pool, drop, err := b.cluster.fresh(ctx)
	if err != nil {
		return err
	}
	defer drop()
	if _, err := b.build(ctx, pool, readmodels.Timeline{}); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(b.Dir, "entries.copy"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	to := bufio.NewWriterSize(file, 1<<20)
	if _, err := conn.Conn().PgConn().CopyTo(ctx, to, "COPY timeline.entries TO STDOUT BINARY"); err != nil {
		return err
	}
	if err := to.Flush(); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE bare (LIKE timeline.entries); CHECKPOINT"); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var rows int64
	c, err := b.costOf(func() error {
		done, err := conn.Conn().PgConn().CopyFrom(ctx, bufio.NewReaderSize(file, 1<<20), "COPY bare FROM STDIN BINARY")
		rows = done.RowsAffected()
		return err
	})
	if err != nil {
		return err
	}
	b.row("bare COPY of the timeline's rows", rows, c, "")
	indexes, err := b.costOf(func() error {
		_, err := conn.Exec(ctx, `ALTER TABLE bare ADD PRIMARY KEY (position);
			CREATE INDEX ON bare (entity_id, occurred_at DESC, position DESC); ANALYZE bare`)
		return err
	})
	if err != nil {
		return err
	}
	b.row("… and its indexes", rows, cost{c.clock + indexes.clock, c.program + indexes.program, c.postgres + indexes.postgres}, "")
	return nil
}
