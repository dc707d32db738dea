package modelbench

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"crm/cmd/crm/chronicle"
	"crm/domain"
	"crm/projections"
)

// recorded hands a chronicle to do as a log would, a batch at a time, without a log:
// for tables whose size matters and whose making does not.
func recorded(cfg chronicle.Config, size int, do func(domain.Batch) error) error {
	var batch domain.Batch
	for c := range chronicle.Commits(cfg) {
		for i, e := range c.Events {
			data, err := json.Marshal(e.Event)
			if err != nil {
				return err
			}
			at := batch.Through.Commit + 1
			batch.Through = domain.Position{Commit: at, Prepare: at}
			batch.Events = append(batch.Events, domain.Recorded{
				ID: e.ID, Stream: c.Stream, Revision: c.Expected + 1 + domain.Revision(i), Position: batch.Through,
				RecordedAt: e.Meta.OccurredAt.Add(time.Minute), Event: e.Event, Data: data, Meta: e.Meta,
			})
		}
		if len(batch.Events) >= size {
			if err := do(batch); err != nil {
				return err
			}
			batch = domain.Batch{After: batch.Through, Through: batch.Through}
		}
	}
	if len(batch.Events) == 0 {
		return nil
	}
	return do(batch)
}

// furnish builds read models of a chronicle.
func (b *bench) furnish(ctx context.Context, pool *pgxpool.Pool, cfg chronicle.Config, models ...projections.Projection) error {
	builders, closeAll, err := openBuilders(ctx, pool, models)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := recorded(cfg, b.Batch, func(batch domain.Batch) error {
		return each(ctx, builders, func(ctx context.Context, builder *projections.Builder) error { return builder.Apply(ctx, batch) })
	}); err != nil {
		return err
	}
	return each(ctx, builders, func(ctx context.Context, builder *projections.Builder) error { return builder.Finish(ctx) })
}

func openBuilders(ctx context.Context, pool *pgxpool.Pool, models []projections.Projection) (_ []*projections.Builder, closeAll func(), err error) {
	var builders []*projections.Builder
	closeAll = func() {
		for _, builder := range builders {
			builder.Close()
		}
	}
	for _, p := range models {
		builder, err := projections.OpenBuilder(ctx, pool, p)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		builders = append(builders, builder)
		if err := builder.Bulk(ctx); err != nil {
			closeAll()
			return nil, nil, err
		}
	}
	return builders, closeAll, nil
}

// each lets all builders do something at once, and waits.
func each(ctx context.Context, builders []*projections.Builder, do func(context.Context, *projections.Builder) error) error {
	working, ctx := errgroup.WithContext(ctx)
	for _, builder := range builders {
		working.Go(func() error { return do(ctx, builder) })
	}
	return working.Wait()
}
