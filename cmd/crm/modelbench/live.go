package modelbench

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"crm/cmd/crm/chronicle"
	"crm/domain"
	"crm/eventstore"
	"crm/projections"
	"crm/projections/readmodels"
)

// measureLive appends events at each rate to the log, while an engine keeps all read
// models, with the whole log in them, up with it.
func (b *bench) measureLive(ctx context.Context) (err error) {
	pool, drop, err := b.cluster.fresh(ctx)
	if err != nil {
		return err
	}
	defer drop()
	models := readmodels.NewModels(pool).Projections()
	if _, err := b.build(ctx, pool, models...); err != nil {
		return err
	}
	engine := projections.NewEngine(pool, projections.Config{
		Subscribe: func(_ string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber {
			return eventstore.NewSubscriber(b.log.store, eventstore.SubscriberConfig{Checkpoint: checkpoint})
		},
		BatchOf: eventstore.BatchOf, Head: b.log.store.Head,
	}, models...)
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	defer func() { err = errors.Join(err, engine.Close(), <-ended) }()
	if err := visible(ctx, engine, b.head); err != nil {
		return err
	}
	for i, rate := range b.Rates {
		if err := b.appendAt(ctx, engine, rate, uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// visible waits until all read models show a position.
func visible(ctx context.Context, engine *projections.Engine, at domain.Position) error {
	for _, s := range engine.Status() {
		if err := engine.WaitFor(ctx, s.Name, at); err != nil {
			return err
		}
	}
	return nil
}

// appendAt appends so many events per second for a while. A commit's time counts from
// the store's answer until all read models show it.
func (b *bench) appendAt(ctx context.Context, engine *projections.Engine, rate int, run uint64) error {
	// A company of its own for each rate and start, so that no stream is there yet.
	cfg := b.Chronicle
	cfg.Seed = uint64(time.Now().UnixNano()) + run
	queues := make([]chan chronicle.Commit, writers)
	var mu sync.Mutex
	var took []time.Duration
	var failure error
	var working sync.WaitGroup
	for i := range queues {
		queues[i] = make(chan chronicle.Commit, 1000)
		working.Go(func() {
			for c := range queues[i] {
				receipt, err := b.log.store.Append(ctx, c.Stream, c.Expected, c.Events)
				answered := time.Now()
				working.Go(func() { // the stream's next commit does not wait
					if err == nil {
						err = visible(ctx, engine, receipt.Position)
					}
					mu.Lock()
					defer mu.Unlock()
					failure = errors.Join(failure, err)
					took = append(took, time.Since(answered))
				})
			}
		})
	}
	seed, began, events := maphash.MakeSeed(), time.Now(), 0
	for c := range chronicle.Commits(cfg) {
		if c.Stream.Category() == "pipeline" { // it is there
			continue
		}
		due := began.Add(time.Duration(float64(events) / float64(rate) * float64(time.Second)))
		if due.Sub(began) > b.Duration || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Until(due))
		queues[maphash.String(seed, string(c.Stream))%writers] <- c
		events += len(c.Events)
	}
	lasted := time.Since(began)
	for _, queue := range queues {
		close(queue)
	}
	working.Wait()
	if failure != nil || len(took) == 0 {
		return errors.Join(failure, ctx.Err())
	}
	b.print("live, %5d events/s asked, %5.0f done %31s\n", rate, float64(events)/lasted.Seconds(), latencies(took))
	return nil
}

// latencies are the middle, the worst of a hundred, and the worst.
func latencies(took []time.Duration) string {
	slices.Sort(took)
	at := func(percent int) string {
		return took[(len(took)-1)*percent/100].Round(10 * time.Microsecond).String()
	}
	return "p50 " + at(50) + "  p99 " + at(99) + "  max " + at(100)
}
