package importrun

import "crm/domain"

// Command is what may be asked of a run.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Create prepares a run, which files are added to.
	Create struct{ Mapping Mapping }

	// AddFile adds a file, or puts it in the place of the one of that name.
	AddFile struct{ File File }

	// Start has the files imported.
	Start struct{}

	// Resume has the rows imported that were not, when a run failed or was cancelled.
	Resume struct{}

	// Cancel ends a run; what it has stored stays.
	Cancel struct{}

	// Finish says that every row was stored or rejected.
	Finish struct{ Rows Rows }

	// Fail says that the run cannot go on by itself.
	Fail struct{ Why Failure }

	// Undo has what the run has changed taken back. It takes a reason.
	Undo struct{}

	// FinishUndo says that what could be taken back was.
	FinishUndo struct{ Undone Undone }

	// ForgetFiles says that the files and what became of their rows are deleted.
	ForgetFiles struct{}
)

func (Create) CommandName() string      { return "import.create" }
func (AddFile) CommandName() string     { return "import.add_file" }
func (Start) CommandName() string       { return "import.start" }
func (Resume) CommandName() string      { return "import.resume" }
func (Cancel) CommandName() string      { return "import.cancel" }
func (Finish) CommandName() string      { return "import.finish" }
func (Fail) CommandName() string        { return "import.fail" }
func (Undo) CommandName() string        { return "import.undo" }
func (FinishUndo) CommandName() string  { return "import.finish_undo" }
func (ForgetFiles) CommandName() string { return "import.forget_files" }

// TakesReason says that nobody may ask this without saying why.
func (Undo) TakesReason() {}

func (Create) command()      {}
func (AddFile) command()     {}
func (Start) command()       {}
func (Resume) command()      {}
func (Cancel) command()      {}
func (Finish) command()      {}
func (Fail) command()        {}
func (Undo) command()        {}
func (FinishUndo) command()  {}
func (ForgetFiles) command() {}
