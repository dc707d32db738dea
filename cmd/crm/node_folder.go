package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode"

	"crm/eventstore/embedded"
)

// dataFolder is the folder whose event store is looked after.
type dataFolder struct {
	Data string `default:".crm" env:"CRM_DATA" type:"path" placeholder:"DIR" help:"Data folder, the same as of crm up and crm node. Default .crm."`
}

// Validate is called with what was parsed.
func (d *dataFolder) Validate() error {
	if d.Data == "" {
		return errors.New("--data is empty")
	}
	return nil
}

func (d *dataFolder) events() string { return filepath.Join(d.Data, "events") }

func (d *dataFolder) socket() string { return filepath.Join(d.Data, "node.sock") }

// mustHaveEvents keeps a typing error from making a new, empty event store.
func (d *dataFolder) mustHaveEvents() error {
	exists, err := embedded.Exists(d.events())
	if err == nil && !exists {
		err = usage(fmt.Errorf("%s holds no event store", d.Data))
	}
	return err
}

// advise tells, when the event store went back, what to do.
func (d *dataFolder) advise(err error) error {
	if errors.Is(err, embedded.ErrWentBack) {
		return wentBack(err, restoreNode, fmt.Sprintf(acceptLoss, shellWord(d.Data)))
	}
	return err
}

// shellWord is a path as it may be typed, or pasted, in a shell.
func shellWord(path string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+,:@%", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// freeze takes the event store as it is now: from the process that serves it or,
// when none does, by opening it until release is called.
func (d *dataFolder) freeze(ctx context.Context) (_ *embedded.Frozen, release func() error, err error) {
	if err := d.mustHaveEvents(); err != nil {
		return nil, nil, err
	}
	frozen, err := embedded.FreezeServed(ctx, d.socket())
	if err == nil {
		return frozen, frozen.Close, nil
	}
	if !errors.Is(err, embedded.ErrNotServed) {
		return nil, nil, err
	}
	n, err := embedded.Open(embedded.Config{Dir: d.events()})
	if err != nil {
		return nil, nil, d.advise(err)
	}
	if frozen, err = n.Freeze(ctx); err != nil {
		return nil, nil, errors.Join(err, n.Close())
	}
	return frozen, func() error { return errors.Join(frozen.Close(), n.Close()) }, nil
}

// progress shows, on a terminal, how far something is. done clears the line.
func progress(out io.Writer) (tell func(embedded.Progress), done func()) {
	if !isTerminal(out) {
		return nil, func() {}
	}
	const clear = "\r\x1b[K"
	return func(p embedded.Progress) {
		if p.Total > 0 {
			_, _ = fmt.Fprintf(out, "%s%s: %d %%", clear, p.Doing, 100*p.Done/p.Total)
		}
	}, func() { _, _ = fmt.Fprint(out, clear) }
}
