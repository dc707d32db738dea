package main

import (
	"context"
	"errors"
	"fmt"

	"crm/eventstore/embedded"
)

// nodeAcceptLoss is `crm node accept-loss`.
type nodeAcceptLoss struct {
	Yes bool `help:"Do it. Without, it is only said what would be accepted."`
	dataFolder
	logging
}

// Run goes on with what an event store that went back still has.
func (a *nodeAcceptLoss) Run(ctx context.Context, std streams) error {
	if err := a.mustHaveEvents(); err != nil {
		return err
	}
	report, err := embedded.CheckStopped(ctx, a.events(), embedded.CheckConfig{})
	if err != nil {
		return err
	}
	if report.Loss.What == "" && report.Damages > 0 {
		return fmt.Errorf("%s is damaged, which accepting a loss does not mend: %s", a.events(), report.Findings[0])
	}
	if report.Loss.What == "" {
		_, err := fmt.Fprintf(std.out, "nothing is lost: %s has what its floor promises; nothing was changed\n", a.events())
		return err
	}
	if _, err := fmt.Fprintf(std.out, "%s: %s\n", a.events(), report.Loss.What); err != nil {
		return err
	}
	if !a.Yes {
		return errors.New("nothing was changed. A backup brings the events back: crm node restore. " +
			"To go on without them, for good, say it again with --yes")
	}
	loss, err := embedded.AcceptLoss(embedded.Config{Dir: a.events(), Log: a.logger(std.err)})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, `accepted: the event store ends at position %d and is a new instance
Read models may hold what it does not: %s.
`, loss.Found, rebuildAdvice(a.Data))
	return err
}
