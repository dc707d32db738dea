package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"crm/projections"
)

// wentBack is an event store that lacks what it had acknowledged: what was found,
// and the two ways on.
func wentBack(err error, restore, accept string) error {
	return &exitError{exitWentBack, fmt.Errorf("%w. %s. %s", err, restore, accept)}
}

// What to do when the event store does not have what its own floor promises.
const (
	restoreNode = "Nothing was changed. To have the events back, put this folder aside and restore a backup: crm node restore"
	acceptLoss  = "To go on without them, for good: crm node accept-loss --data %s --yes, and then rebuild the read models"
)

// checkpointsPatience is how long Postgres may take to say how far the read models
// are, before the server starts without having asked.
const checkpointsPatience = 3 * time.Second

// checkLog refuses to start on an event store that ends before what the read
// models have seen: it was restored from before, or lost its end. To go on would be
// to show what never happened, and to leave out what happens next. Where Postgres
// is away, each read model finds out by itself when that is back, and stops.
func (a *app) checkLog(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, checkpointsPatience)
	defer cancel()
	checkpoints, err := projections.Checkpoints(within, a.pool)
	if err != nil {
		a.log.WarnContext(ctx, "the read models' checkpoints cannot be compared with the log yet", slog.Any("error", err))
		return nil
	}
	farthest := ""
	for name, position := range checkpoints {
		if checkpoints[farthest].Before(position) {
			farthest = name
		}
	}
	position := checkpoints[farthest]
	there, err := a.store.Reaches(ctx, position)
	if err != nil || there {
		return err
	}
	return wentBack(
		fmt.Errorf("the event store went back: read model %s has seen position %s, which is beyond the end of the log", farthest, position),
		"Nothing was changed. Restore a newer backup of the event store",
		"Or, if those events may be missing for good, "+a.rebuild)
}
