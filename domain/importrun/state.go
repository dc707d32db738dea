package importrun

import (
	"slices"

	"crm/domain"
)

// State is a run folded from its history.
type State struct {
	Status    Status // empty before it is created
	Mapping   Mapping
	Files     []File // in the order they were first added
	Started   bool   // it has ever been
	Forgotten bool   // the files are gone
	Rows      Rows   // of a finished run
	Undone    Undone // of an undone run
	Why       Failure
}

func initial() State { return State{} }

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Created:
		s.Status, s.Mapping = Draft, e.Mapping
	case FileAdded:
		if i := s.file(e.File.Name); i >= 0 {
			s.Files[i] = e.File
		} else {
			s.Files = append(s.Files, e.File)
		}
	case Started:
		s.Status, s.Started = Running, true
	case Resumed:
		s.Status, s.Why = Running, ""
	case Cancelled:
		s.Status = IsCancelled
	case Finished:
		s.Status, s.Rows = IsFinished, e.Rows
	case Failed:
		s.Status, s.Why = IsFailed, e.Why
	case UndoRequested:
		s.Status = Undoing
	case Undid:
		s.Status, s.Undone = IsUndone, e.Undone
	case FilesForgotten:
		s.Forgotten = true
	}
	return s
}

func (s State) file(name domain.Personal) int {
	return slices.IndexFunc(s.Files, func(f File) bool { return f.Name == name })
}
