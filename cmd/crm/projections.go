package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"crm/projections"
)

// modelTools is `crm projections`.
type modelTools struct {
	List     modelsList     `cmd:"" help:"List the read models: every set of tables, what part of the log it holds, and who writes it. Changes nothing: a role does that may read the schema crm."`
	Rebuild  modelsRebuild  `cmd:"" help:"Build read models anew, from the start of the log, beside those that are read, and swap them in. Interrupted, it goes on where it was when it is run again."`
	Verify   modelsVerify   `cmd:"" help:"Build read models anew beside, and compare them with what is read, row by row. Exit 1 when they differ."`
	Diff     modelsDiff     `cmd:"" help:"Tell which rows of a read model are other ones in another version of it. Exit 1 when there are any."`
	Rollback modelsRollback `cmd:"" help:"Read the tables again that were read before the last swap. Twice undoes it."`
	Parked   modelsParked   `cmd:"" help:"List the streams that a read model stands still for, because it cannot apply one of their events."`
	Retry    modelsRetry    `cmd:"" help:"Have what is parked applied. The request is an event in the log: servers act when they meet it, also in a rebuild."`
	Skip     modelsSkip     `cmd:"" help:"Have a read model go on without the event at which a stream is parked. The request is an event in the log, with its reason."`
	Cancel   modelsCancel   `cmd:"" help:"Drop what rebuilds and verifications have begun; those under way end."`
}

// rebuilding is what looks after read models: this process, or a server.
type rebuilding interface {
	Builds(ctx context.Context) ([]projections.BuildStatus, error)
	Rebuild(ctx context.Context, names []string, keep bool, tell func(projections.Progress)) error
	Verify(ctx context.Context, names []string, keys int, tell func(projections.Progress)) ([]projections.Comparison, error)
	Diff(ctx context.Context, name string, before, after, keys int, tell func(projections.Progress)) (projections.Comparison, error)
	Rollback(ctx context.Context, name string, tell func(projections.Progress)) (version int, err error)
	Cancel(ctx context.Context, name string) (dropped int, err error)
}

// modelsList is `crm projections list`.
type modelsList struct{ modelsTarget }

// Run prints a table.
func (l *modelsList) Run(ctx context.Context, std streams) error {
	return l.reading(ctx, std, func(r rebuilding) error {
		all, err := r.Builds(ctx)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			_, err := fmt.Fprintln(std.out, "there are no tables yet; crm up, crm serve and crm projections rebuild make them")
			return err
		}
		table := newTable(std.out, "NAME", "VERSION", "STATE", "BUILD", "POSITION", "DONE", "EVENTS", "RECORDED", "WRITTEN BY")
		for _, b := range all {
			recorded, leader, done := "", "", ""
			if b.Done != nil {
				done = fmt.Sprintf("%.0f %%", math.Floor(100**b.Done))
			}
			if b.RecordedAt != nil {
				recorded = b.RecordedAt.Format(time.RFC3339)
			}
			if b.Led {
				leader = b.Leader
			}
			state := b.State
			if b.Purpose != "serve" {
				state += ", " + b.Purpose
			}
			table.row(b.Name, b.Version, state, b.Build, b.Position, done, b.Events, recorded, leader)
		}
		return table.Flush()
	})
}

// modelsRebuild is `crm projections rebuild`.
type modelsRebuild struct {
	Names     []string `arg:"" optional:"" name:"name" help:"Read models, as crm projections list names them; all, when none is named. They are built from one reading of the log."`
	NoSwap    bool     `help:"Do not swap: keep the new tables beside, complete, for crm projections diff. The next rebuild goes on with them."`
	ToVersion int      `placeholder:"N" help:"Refuse unless this program builds version N of the read models."`
	modelsTarget
}

// Run rebuilds, and says what became of each.
func (m *modelsRebuild) Run(ctx context.Context, std streams) error {
	return m.with(ctx, std, func(r rebuilding) error {
		if err := m.checkVersion(r); err != nil {
			return err
		}
		d := newDisplay(std.err)
		began := time.Now()
		err := r.Rebuild(ctx, m.Names, m.NoSwap, d.tell)
		last := d.close()
		for _, p := range last.Models {
			switch p.Phase {
			case projections.Swapped:
				_, _ = fmt.Fprintf(std.out, "%s: version %d is read now, with %d events; the swap held its writer up for %.0f ms, and no reader\n",
					p.Name, p.Version, p.Events, 1000*p.SwapSeconds)
			case projections.Ready:
				_, _ = fmt.Fprintf(std.out, "%s: version %d is ready beside, with %d events, at position %s\n", p.Name, p.Version, p.Events, p.Position)
			default: // the error tells
				continue
			}
			if p.Parked > 0 {
				_, _ = fmt.Fprintf(std.out, "%s: the new tables have parked %d of its streams, which are not all there\n", p.Name, p.Parked)
			}
		}
		switch {
		case ctx.Err() != nil && m.Server != "":
			return errors.New("interrupted; the server goes on with it. crm projections list tells how far it is, and crm projections cancel ends it")
		case ctx.Err() != nil:
			return errors.New("interrupted; what was not swapped is read as it was. Run it again and it goes on where it was, or drop what it has begun: crm projections cancel")
		case err != nil:
			return err
		}
		took := time.Since(began)
		_, err = fmt.Fprintf(std.out, "rebuilt in %s: %d events read, %.0f/s\n", took.Round(time.Millisecond), last.Events, float64(last.Events)/took.Seconds())
		return err
	})
}

func (m *modelsRebuild) checkVersion(r rebuilding) error {
	local, ok := r.(*projections.Rebuilder)
	switch {
	case m.ToVersion == 0:
		return nil
	case !ok:
		return usage(errors.New("--to-version is about this program, and --server builds with its own"))
	case len(m.Names) == 0:
		return usage(errors.New("--to-version needs a read model: each has versions of its own"))
	}
	for _, name := range m.Names {
		if has := local.Version(name); has != m.ToVersion && has != 0 {
			return usage(fmt.Errorf("this program builds version %d of %s, not %d", has, name, m.ToVersion))
		}
	}
	return nil
}

// modelsVerify is `crm projections verify`.
type modelsVerify struct {
	Names []string `arg:"" optional:"" name:"name" help:"Read models; all, when none is named."`
	shown
	modelsTarget
}

// shown is how much of a difference is shown.
type shown struct {
	Keys int `default:"5" placeholder:"N" help:"How many rows are shown of each table that differs, with the values in both; 0 to 1000. Default ${default}."`
}

func (s *shown) check() error {
	if s.Keys < 0 || s.Keys > 1000 {
		return fmt.Errorf("--keys %d is not within 0 to 1000", s.Keys)
	}
	return nil
}

// Validate is called with what was parsed.
func (v *modelsVerify) Validate() error {
	return errors.Join(v.check(), v.modelsTarget.Validate())
}

// Run compares, and fails where something differs.
func (v *modelsVerify) Run(ctx context.Context, std streams) error {
	return v.with(ctx, std, func(r rebuilding) error {
		d := newDisplay(std.err)
		began := time.Now()
		found, err := r.Verify(ctx, v.Names, v.Keys, d.tell)
		d.close()
		if ctx.Err() != nil {
			return errors.New("interrupted; nothing was changed")
		}
		var differ []string
		rows := int64(0)
		for _, c := range found {
			if !c.Equal() {
				differ = append(differ, c.Name)
			}
			for _, t := range c.Tables {
				rows += t.Before.Rows
			}
			if err := printComparison(std.out, c, "read", "rebuilt"); err != nil {
				return err
			}
		}
		switch {
		case len(differ) > 0:
			return errors.Join(fmt.Errorf("not what the log says: %s", strings.Join(differ, ", ")), err)
		case err != nil:
			return err
		}
		_, err = fmt.Fprintf(std.out, "verified in %s: %d rows are what the log says\n", time.Since(began).Round(time.Millisecond), rows)
		return err
	})
}

// modelsDiff is `crm projections diff`.
type modelsDiff struct {
	Name     string `arg:"" help:"Read model."`
	Versions string `required:"" placeholder:"3,4" help:"The version before and the one after. One that has no tables is built beside, if it is this program's and the role may write, and dropped again."`
	shown
	modelsTarget
}

// Validate is called with what was parsed.
func (d *modelsDiff) Validate() error {
	if _, _, ok := d.versions(); !ok {
		return fmt.Errorf("--versions %s is not two versions such as 3,4", d.Versions)
	}
	return errors.Join(d.check(), d.modelsTarget.Validate())
}

// versions are the one before and the one after.
func (d *modelsDiff) versions() (before, after int, ok bool) {
	one, other, _ := strings.Cut(d.Versions, ",")
	before, err := strconv.Atoi(one)
	if err != nil {
		return 0, 0, false
	}
	after, err = strconv.Atoi(other)
	return before, after, err == nil && before > 0 && after > 0 && before != after
}

// Run compares, and fails where something differs.
func (d *modelsDiff) Run(ctx context.Context, std streams) error {
	return d.reading(ctx, std, func(r rebuilding) error {
		bar := newDisplay(std.err)
		before, after, _ := d.versions()
		found, err := r.Diff(ctx, d.Name, before, after, d.Keys, bar.tell)
		bar.close()
		if ctx.Err() != nil {
			return errors.New("interrupted; nothing was changed")
		}
		if err != nil {
			return err
		}
		if err := printComparison(std.out, found, "version "+strconv.Itoa(before), "version "+strconv.Itoa(after)); err != nil {
			return err
		}
		if !found.Equal() {
			return fmt.Errorf("%s: the versions differ", d.Name)
		}
		return nil
	})
}

// modelsRollback is `crm projections rollback`.
type modelsRollback struct {
	Name string `arg:"" help:"Read model."`
	modelsTarget
}

// Run rolls back.
func (m *modelsRollback) Run(ctx context.Context, std streams) error {
	return m.with(ctx, std, func(r rebuilding) error {
		bar := newDisplay(std.err)
		version, err := r.Rollback(ctx, m.Name, bar.tell)
		bar.close()
		switch {
		case err != nil && ctx.Err() != nil && m.Server != "":
			return errors.New("interrupted; the server goes on with it. crm projections list tells what is read")
		case err != nil && ctx.Err() != nil:
			return errors.New("interrupted; what is read is as it was. Run it again and it goes on where it was")
		case err != nil:
			return err
		}
		_, err = fmt.Fprintf(std.out, "%s: version %d is read again\n", m.Name, version)
		return err
	})
}

// modelsCancel is `crm projections cancel`.
type modelsCancel struct {
	Names []string `arg:"" name:"name" help:"Read models."`
	modelsTarget
}

// Run cancels.
func (m *modelsCancel) Run(ctx context.Context, std streams) error {
	return m.with(ctx, std, func(r rebuilding) error {
		for _, name := range m.Names {
			dropped, err := r.Cancel(ctx, name)
			if err != nil {
				return err
			}
			said := "nothing was begun"
			switch {
			case dropped == 1:
				said = "1 unfinished build dropped"
			case dropped > 1:
				said = strconv.Itoa(dropped) + " unfinished builds dropped"
			}
			if _, err := fmt.Fprintf(std.out, "%s: %s\n", name, said); err != nil {
				return err
			}
		}
		return nil
	})
}

// printComparison prints a line for each table, and below those that differ the
// first rows, with both values.
func printComparison(out io.Writer, c projections.Comparison, before, after string) error {
	var text strings.Builder
	word := "equal"
	if !c.Equal() {
		word = "DIFFERENT"
	}
	fmt.Fprintf(&text, "%s: %s, at position %s\n", c.Name, word, c.Before.Position)
	if c.Before.Position != c.After.Position {
		fmt.Fprintf(&text, "  %s is at position %s, %s at %s: what happened in between differs too\n", before, c.Before.Position, after, c.After.Position)
	}
	for _, t := range c.Tables {
		if t.Equal() {
			fmt.Fprintf(&text, "  %s: %d rows, equal\n", t.Table, t.Before.Rows)
			continue
		}
		fmt.Fprintf(&text, "  %s: %s rows %s, %s %s; %d changed, %d only %s, %d only %s\n", t.Table,
			rowsOf(t.Before), before, rowsOf(t.After), after, t.Changed, t.Removed, before, t.Added, after)
		for _, columns := range []struct {
			names []string
			side  string
		}{{t.OldColumns, before}, {t.NewColumns, after}} {
			if len(columns.names) > 0 {
				fmt.Fprintf(&text, "    columns only %s: %s\n", columns.side, strings.Join(columns.names, ", "))
			}
		}
		for _, row := range t.First {
			fmt.Fprintf(&text, "    %s\n      %s: %s\n      %s: %s\n", row.Key, before, orNone(row.Before), after, orNone(row.After))
		}
		if more := t.Added + t.Removed + t.Changed - int64(len(t.First)); more > 0 && len(t.First) > 0 {
			fmt.Fprintf(&text, "    and %d more\n", more)
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func rowsOf(c projections.Content) string {
	if c.Missing {
		return "no table, so no"
	}
	return strconv.FormatInt(c.Rows, 10)
}

func orNone(row string) string {
	if row == "" {
		return "none"
	}
	return row
}
