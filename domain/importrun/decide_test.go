package importrun_test

import (
	"strconv"
	"strings"
	"testing"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/importrun"
)

type story = domaintest.Story[importrun.Command, importrun.Event]

func facts(events ...importrun.Event) []importrun.Event { return events }

var (
	mapping = importrun.Mapping{Name: "vcard", SHA256: strings.Repeat("0a", 32)}
	file    = importrun.File{Name: "cards.vcf", Size: 7, SHA256: strings.Repeat("0b", 32)}
	rows    = importrun.Rows{Read: 3, Rejected: 1, Updated: 1}
	undone  = importrun.Undone{Restored: 1, Ended: 1, Kept: 1}

	created   = importrun.Created{Mapping: mapping}
	added     = importrun.FileAdded{File: file}
	started   = importrun.Started{}
	cancelled = importrun.Cancelled{}
	failed    = importrun.Failed{Why: importrun.BadFile}
	finished  = importrun.Finished{Rows: rows}
	undoing   = importrun.UndoRequested{}
	undid     = importrun.Undid{Undone: undone}
	forgotten = importrun.FilesForgotten{}
)

// TestTransitions is the table of doc.go, cell by cell.
func TestTransitions(t *testing.T) {
	t.Parallel()
	commands := []importrun.Command{
		importrun.AddFile{File: file},
		importrun.Start{},
		importrun.Resume{},
		importrun.Cancel{},
		importrun.Finish{Rows: rows},
		importrun.Fail{Why: importrun.BadFile},
		importrun.Undo{},
		importrun.FinishUndo{Undone: undone},
		importrun.ForgetFiles{},
	}
	type cell any // the event it leaves, the error that refuses it, or nil where it stays quiet
	unknown, draft, over, idle := importrun.ErrUnknown, importrun.ErrNotDraft, importrun.ErrOver, importrun.ErrNotRunning
	gone, busy, never, lost, none := importrun.ErrUndone, importrun.ErrRunning, importrun.ErrNotStarted, importrun.ErrForgotten, importrun.ErrNoFiles
	resumed := importrun.Resumed{}
	begun := facts(created, added, started)
	and := func(more ...importrun.Event) []importrun.Event { return append(begun[:3:3], more...) }
	var stories []story
	for _, row := range []struct {
		from  string
		given []importrun.Event
		cells [9]cell // AddFile, Start, Resume, Cancel, Finish, Fail, Undo, FinishUndo, ForgetFiles
	}{
		{"(none)", nil, [9]cell{unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"empty draft", facts(created), [9]cell{added, none, never, cancelled, idle, idle, never, idle, forgotten}},
		{"draft", facts(created, added), [9]cell{nil, started, never, cancelled, idle, idle, never, idle, forgotten}},
		{"running", begun, [9]cell{draft, nil, nil, cancelled, finished, failed, busy, idle, busy}},
		{"finished", and(finished), [9]cell{draft, over, over, over, nil, idle, undoing, idle, forgotten}},
		{"failed", and(failed), [9]cell{draft, idle, resumed, nil, idle, nil, undoing, idle, forgotten}},
		{"cancelled", and(cancelled), [9]cell{draft, idle, resumed, nil, idle, idle, undoing, idle, forgotten}},
		{"cancelled draft", facts(created, added, cancelled), [9]cell{draft, idle, never, nil, idle, idle, never, idle, forgotten}},
		{"resumed", and(failed, resumed), [9]cell{draft, nil, nil, cancelled, finished, failed, busy, idle, busy}},
		{"undoing", and(finished, undoing), [9]cell{draft, gone, gone, busy, idle, idle, nil, undid, busy}},
		{"undone", and(finished, undoing, undid), [9]cell{draft, gone, gone, gone, idle, idle, gone, nil, forgotten}},
		{"forgotten draft", facts(created, added, forgotten), [9]cell{lost, lost, never, cancelled, idle, idle, never, idle, nil}},
		{"forgotten", and(cancelled, forgotten), [9]cell{lost, idle, lost, nil, idle, idle, undoing, idle, nil}},
	} {
		for i, command := range commands {
			s := story{Name: row.from + " " + command.CommandName(), Given: row.given, When: command}
			switch cell := row.cells[i].(type) {
			case importrun.Event:
				s.Then = facts(cell)
			case error:
				s.Refused = cell
			}
			stories = append(stories, s)
		}
	}
	domaintest.Run(t, importrun.Decider, stories)
}

func TestCreateAndAddFile(t *testing.T) {
	t.Parallel()
	newer := file
	newer.Size, newer.SHA256 = 8, strings.Repeat("0c", 32)
	full := facts(created)
	for i := range importrun.MaxFiles {
		next := file
		next.Name = domain.Personal(strconv.Itoa(i))
		full = append(full, importrun.FileAdded{File: next})
	}
	with := func(change func(*importrun.File)) importrun.AddFile {
		changed := file
		change(&changed)
		return importrun.AddFile{File: changed}
	}
	domaintest.Run(t, importrun.Decider, []story{
		{Name: "created", When: importrun.Create{Mapping: mapping}, Then: facts(created)},
		{Name: "created twice", Given: facts(created), When: importrun.Create{Mapping: mapping}, Refused: importrun.ErrAlreadyCreated},
		{Name: "without a mapping", When: importrun.Create{}, Refused: domain.ErrInvalid, At: "/mapping"},
		{Name: "without its hash", When: importrun.Create{Mapping: importrun.Mapping{Name: "vcard"}}, Refused: domain.ErrInvalid, At: "/mapping"},
		{Name: "a file of the same name replaces it", Given: facts(created, added), When: importrun.AddFile{File: newer}, Then: facts(importrun.FileAdded{File: newer})},
		{Name: "a file too many", Given: full, When: importrun.AddFile{File: file}, Refused: domain.ErrInvalid, At: "/name"},
		{Name: "a file without a name", Given: facts(created), When: with(func(f *importrun.File) { f.Name = " " }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "a file with a name of control", Given: facts(created), When: with(func(f *importrun.File) { f.Name = "a\x00" }), Refused: domain.ErrInvalid, At: "/name"},
		{Name: "a file of less than nothing", Given: facts(created), When: with(func(f *importrun.File) { f.Size = -1 }), Refused: domain.ErrInvalid, At: "/size"},
		{Name: "a file without a hash", Given: facts(created), When: with(func(f *importrun.File) { f.SHA256 = "" }), Refused: domain.ErrInvalid, At: "/sha256"},
		{Name: "finished with less than nothing", Given: facts(created, added, started), When: importrun.Finish{Rows: importrun.Rows{Read: -1}}, Refused: domain.ErrInvalid, At: "/rows"},
		{Name: "undone with less than nothing", Given: facts(created, added, started, finished, undoing), When: importrun.FinishUndo{Undone: importrun.Undone{Kept: -1}}, Refused: domain.ErrInvalid, At: "/undone"},
		{Name: "failed for no reason", Given: facts(created, added, started), When: importrun.Fail{Why: "bored"}, Refused: domain.ErrInvalid, At: "/why"},
	})
}
