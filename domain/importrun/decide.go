package importrun

import "crm/domain"

// Decider is the run.
var Decider = domain.Decider[State, Command, Event]{Initial: initial, Decide: decide, Evolve: evolve}

// The refusals of a run.
var (
	ErrUnknown        = &domain.Error{Code: domain.NotFound, Slug: "import-unknown", Detail: "There is no such import."}
	ErrAlreadyCreated = &domain.Error{Code: domain.Conflict, Slug: "import-already-created", Detail: "An import with this id exists already."}
	ErrNotDraft       = &domain.Error{Code: domain.Conflict, Slug: "import-already-started", Detail: "The import was started. Files are added before that; for more files create another import."}
	ErrNoFiles        = &domain.Error{Code: domain.Conflict, Slug: "import-without-files", Detail: "The import has no files. Upload some first."}
	ErrNotRunning     = &domain.Error{Code: domain.Conflict, Slug: "import-not-running", Detail: "The import does not run, so this cannot be asked of it now."}
	ErrRunning        = &domain.Error{Code: domain.Conflict, Slug: "import-running", Detail: "The import runs, or is being undone. Wait for its end, or cancel it first."}
	ErrNotStarted     = &domain.Error{Code: domain.Conflict, Slug: "import-not-started", Detail: "The import was never started. Start it first."}
	ErrOver           = &domain.Error{Code: domain.Conflict, Slug: "import-over", Detail: "The import is over. Create another one."}
	ErrUndone         = &domain.Error{Code: domain.Conflict, Slug: "import-undone", Detail: "The import was undone, and an undo is not undone. Create another import and upload the files again: it brings again what was taken back."}
	ErrForgotten      = &domain.Error{Code: domain.Conflict, Slug: "import-files-deleted", Detail: "The files of the import were deleted. Create another one and upload them again."}
)

func decide(s State, command Command) ([]Event, error) {
	if _, creates := command.(Create); !creates && s.Status == "" {
		return nil, ErrUnknown
	}
	switch c := command.(type) {
	case Create:
		return create(s, c)
	case AddFile:
		return addFile(s, c)
	case Start:
		return start(s)
	case Resume:
		return resume(s)
	case Cancel:
		return cancel(s)
	case Finish:
		return finish(s, c)
	case Fail:
		return fail(s, c)
	case Undo:
		return undo(s)
	case FinishUndo:
		return finishUndo(s, c)
	case ForgetFiles:
		return forgetFiles(s)
	}
	panic("importrun: command without a decision: " + command.CommandName())
}

func create(s State, c Create) ([]Event, error) {
	switch {
	case s.Status != "":
		return nil, ErrAlreadyCreated
	case !domain.IsSlug(c.Mapping.Name):
		return nil, domain.ErrInvalid.At("/mapping", "A mapping's name is 1 to 64 of a-z, 0-9, _ and -.")
	case !isSHA256(c.Mapping.SHA256):
		return nil, domain.ErrInvalid.At("/mapping", "The hash of the mapping is not a SHA-256.")
	}
	return []Event{Created(c)}, nil
}

func addFile(s State, c AddFile) ([]Event, error) {
	switch {
	case s.Forgotten:
		return nil, ErrForgotten
	case s.Status != Draft:
		return nil, ErrNotDraft
	case domain.Blank(c.File.Name):
		return nil, domain.ErrInvalid.At("/name", "A file has a name.")
	case c.File.Size < 0:
		return nil, domain.ErrInvalid.At("/size", "A size is not negative.")
	case !isSHA256(c.File.SHA256):
		return nil, domain.ErrInvalid.At("/sha256", "That is not a SHA-256.")
	}
	if err := domain.CheckText("/name", c.File.Name, domain.ShortText); err != nil {
		return nil, err
	}
	switch i := s.file(c.File.Name); {
	case i >= 0 && s.Files[i] == c.File:
		return nil, nil
	case i < 0 && len(s.Files) >= MaxFiles:
		return nil, domain.ErrInvalid.At("/name", "An import has %d files at most.", MaxFiles)
	}
	return []Event{FileAdded(c)}, nil
}

func start(s State) ([]Event, error) {
	switch {
	case s.Status == Running:
		return nil, nil
	case s.Status == IsUndone || s.Status == Undoing:
		return nil, ErrUndone
	case s.Status == IsFinished:
		return nil, ErrOver
	case s.Status != Draft:
		return nil, ErrNotRunning.At("", "The import was ended. Resume it.")
	case s.Forgotten:
		return nil, ErrForgotten
	case len(s.Files) == 0:
		return nil, ErrNoFiles
	}
	return []Event{Started{}}, nil
}

func resume(s State) ([]Event, error) {
	switch {
	case s.Status == Running:
		return nil, nil
	case s.Status == IsUndone || s.Status == Undoing:
		return nil, ErrUndone
	case !s.Started:
		return nil, ErrNotStarted
	case s.Status == IsFinished:
		return nil, ErrOver
	case s.Forgotten:
		return nil, ErrForgotten
	}
	return []Event{Resumed{}}, nil
}

func cancel(s State) ([]Event, error) {
	switch s.Status {
	case Draft, Running:
		return []Event{Cancelled{}}, nil
	case IsCancelled, IsFailed:
		return nil, nil
	case Undoing:
		return nil, ErrRunning
	case IsUndone:
		return nil, ErrUndone
	default:
		return nil, ErrOver
	}
}

func finish(s State, c Finish) ([]Event, error) {
	switch {
	case s.Status == IsFinished:
		return nil, nil
	case s.Status != Running:
		return nil, ErrNotRunning
	case min(c.Rows.Read, c.Rows.Rejected, c.Rows.Updated) < 0:
		return nil, domain.ErrInvalid.At("/rows", "Rows are not negative.")
	}
	return []Event{Finished(c)}, nil
}

func fail(s State, c Fail) ([]Event, error) {
	switch {
	case !c.Why.valid():
		return nil, domain.ErrInvalid.At("/why", "%q is not a failure.", string(c.Why))
	case s.Status == IsFailed:
		return nil, nil
	case s.Status != Running:
		return nil, ErrNotRunning
	}
	return []Event{Failed(c)}, nil
}

func undo(s State) ([]Event, error) {
	switch {
	case s.Status == Undoing:
		return nil, nil
	case s.Status == IsUndone:
		return nil, ErrUndone
	case s.Status == Running:
		return nil, ErrRunning
	case !s.Started:
		return nil, ErrNotStarted
	}
	return []Event{UndoRequested{}}, nil
}

func finishUndo(s State, c FinishUndo) ([]Event, error) {
	switch {
	case s.Status == IsUndone:
		return nil, nil
	case s.Status != Undoing:
		return nil, ErrNotRunning
	case min(c.Undone.Restored, c.Undone.Ended, c.Undone.Kept) < 0:
		return nil, domain.ErrInvalid.At("/undone", "Streams are not negative.")
	}
	return []Event{Undid(c)}, nil
}

func forgetFiles(s State) ([]Event, error) {
	switch {
	case s.Status == Running || s.Status == Undoing:
		return nil, ErrRunning
	case s.Forgotten:
		return nil, nil
	}
	return []Event{FilesForgotten{}}, nil
}
