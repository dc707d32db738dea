package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"crm/eventstore/embedded"
)

// nodeBackup is `crm node backup`.
type nodeBackup struct {
	Target string `arg:"" name:"dir" type:"path" help:"Folder for the backup; it must not exist, or be empty."`
	dataFolder
}

// Run backs up, while the store is served or not.
func (b *nodeBackup) Run(ctx context.Context, std streams) (err error) {
	began := time.Now()
	frozen, release, err := b.freeze(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	tell, done := progress(std.err)
	m, err := embedded.Backup(ctx, frozen, b.Target, tell)
	done()
	if err != nil {
		return interrupted(ctx, err)
	}
	_, err = fmt.Fprintf(std.out, `backed up %d events, to position %d, %s in %d files, in %.1f s: %s
It is a copy as true as the disk it was read from; to have every event in it read: crm node check --backup %s
`, m.Events, m.Position, inMiB(m.Bytes()), len(m.Files), time.Since(began).Seconds(), b.Target, shellWord(b.Target))
	return err
}

// nodeRestore is `crm node restore`.
type nodeRestore struct {
	Backup string `arg:"" name:"backup" type:"path" help:"Folder that crm node backup wrote."`
	dataFolder
}

// Run restores, into a data folder without events.
func (r *nodeRestore) Run(ctx context.Context, std streams) error {
	began := time.Now()
	tell, done := progress(std.err)
	m, report, err := embedded.Restore(ctx, r.Backup, r.events(), tell)
	done()
	if err != nil {
		return interrupted(ctx, err)
	}
	_, err = fmt.Fprintf(std.out, `restored %d events of %d streams, to position %d, as of %s, in %.1f s: %s
Read models that are ahead of position %d hold what this store does not, and crm refuses to start with them:
%s.
`, m.Events, report.Streams, m.Position, m.Taken.Format(time.RFC3339), time.Since(began).Seconds(), r.events(), m.Position, rebuildAdvice(r.Data))
	return err
}

// rebuildAdvice says how read models are derived anew.
func rebuildAdvice(data string) string {
	return "with crm up, remove " + shellWord(filepath.Join(data, "postgres")) +
		" and start again; with crm serve, give it an empty database. They are rebuilt from the log"
}

// interrupted replaces what came of an interruption by its cause.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted; what was written has been removed")
	}
	return err
}

func inMiB(bytes uint64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
