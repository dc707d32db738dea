package importrun

import "crm/domain"

// Event is what happened to a run.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

type (
	// Created records that a run was prepared.
	Created struct {
		Mapping Mapping `json:"mapping"`
	}

	// FileAdded records a file that is to be imported.
	FileAdded struct {
		File File `json:"file"`
	}

	// Started records that rows are imported from now on.
	Started struct{}

	// Resumed records that rows are imported again after a stop.
	Resumed struct{}

	// Cancelled records that someone has ended it.
	Cancelled struct{}

	// Finished records that every row was stored or rejected.
	Finished struct {
		Rows Rows `json:"rows"`
	}

	// Failed records that it could not go on.
	Failed struct {
		Why Failure `json:"why"`
	}

	// UndoRequested records that it is taken back from now on.
	UndoRequested struct{}

	// Undid records that what could be taken back was.
	Undid struct {
		Undone Undone `json:"undone"`
	}

	// FilesForgotten records that the files and the rows' results were deleted.
	FilesForgotten struct{}
)

func (Created) EventType() string        { return "import.created" }
func (FileAdded) EventType() string      { return "import.file_added" }
func (Started) EventType() string        { return "import.started" }
func (Resumed) EventType() string        { return "import.resumed" }
func (Cancelled) EventType() string      { return "import.cancelled" }
func (Finished) EventType() string       { return "import.finished" }
func (Failed) EventType() string         { return "import.failed" }
func (UndoRequested) EventType() string  { return "import.undo_requested" }
func (Undid) EventType() string          { return "import.undone" }
func (FilesForgotten) EventType() string { return "import.files_forgotten" }

func (Created) event()        {}
func (FileAdded) event()      {}
func (Started) event()        {}
func (Resumed) event()        {}
func (Cancelled) event()      {}
func (Finished) event()       {}
func (Failed) event()         {}
func (UndoRequested) event()  {}
func (Undid) event()          {}
func (FilesForgotten) event() {}
