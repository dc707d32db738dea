package http

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/importrun"
	"crm/http/access"
	"crm/http/importing"
	"crm/http/imports"
	"crm/projections/readmodels"
)

// maxMapping is how long the text of a mapping may be, in bytes.
const maxMapping = 256 << 10

// createImportBody is what makes an import.
type createImportBody struct {
	NewID
	Mapping     string `json:"mapping,omitempty" doc:"A built-in mapping." example:"vcard"`
	MappingText string `json:"mapping_text,omitempty" maxLength:"262144" doc:"A mapping as YAML, in place of a built-in one. Its name is part of every id that the rows get."`
	Envelope
}

// plan is the mapping, and its text.
func (b *createImportBody) plan() (*importing.Plan, []byte, error) {
	switch {
	case b.Mapping != "" && b.MappingText != "":
		return nil, nil, domain.ErrInvalid.At("/mapping_text", "Give a mapping by its name or its text, not both.")
	case len(b.MappingText) > maxMapping:
		return nil, nil, domain.ErrInvalid.At("/mapping_text", "The text of a mapping has %d bytes at most.", maxMapping)
	case b.MappingText != "":
		plan, err := importing.Parse("mapping_text", []byte(b.MappingText))
		if err != nil {
			return nil, nil, domain.ErrInvalid.At("/mapping_text", "%s", err)
		}
		return plan, []byte(b.MappingText), nil
	}
	text, known := importing.Text(b.Mapping)
	if !known {
		return nil, nil, domain.ErrInvalid.At("/mapping", "There is no built-in mapping of that name; there are %q.", importing.Builtins())
	}
	plan, err := importing.Parse(b.Mapping, text)
	return plan, text, err
}

var importCommands = []*command{
	describe("import.create", access.ImportsRun, http.MethodPost, "/imports", "Prepare an import, which files are uploaded to",
		func(s *Server, at *place, b *createImportBody) (domain.Command, error) {
			plan, text, err := b.plan()
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(text)
			at.after = func(ctx context.Context, a *ask) error {
				if s.imports == nil {
					return nil
				}
				return s.imports.Created(ctx, a.Target, a.Meta.Actor, plan.Name, text)
			}
			return importrun.Create{Mapping: importrun.Mapping{Name: plan.Name, SHA256: hex.EncodeToString(sum[:])}}, nil
		}),
	aboutImport("import.start", "start", "Import the files", importrun.Start{}),
	aboutImport("import.resume", "resume", "Go on with an import that failed or was cancelled", importrun.Resume{}),
	aboutImport("import.cancel", "cancel", "End an import; what it has stored stays", importrun.Cancel{}),
	aboutImport("import.undo", "undo", "Take back what an import has changed; takes a reason", importrun.Undo{}),
}

// aboutImport is a command that needs no words.
func aboutImport(name, path, summary string, what importrun.Command) *command {
	return describe(name, access.ImportsRun, http.MethodPost, "/imports/{id}/"+path, summary,
		func(s *Server, at *place, _ *nothing) (domain.Command, error) {
			at.after = s.importChanged
			return what, nil
		})
}

// importChanged has an import shown as it is now, and worked on if there is something
// to do.
func (s *Server) importChanged(ctx context.Context, a *ask) error {
	if s.imports == nil {
		return nil
	}
	return s.imports.Changed(ctx, a.Target)
}

// settle does what follows a command that was carried out. When that fails, what was
// asked is in the log, and the same command sent again makes up for it.
func (a *ask) settle(ctx context.Context) error {
	if a.after == nil {
		return nil
	}
	return a.after(ctx, a)
}

var errNoImports = errors.New("http: Config.Imports is missing")

// importJobs are the server's imports, if it has any.
func (s *Server) importJobs() (*imports.Jobs, error) {
	if s.imports == nil {
		return nil, errNoImports
	}
	return s.imports, nil
}

// importInPath is which import is meant.
type importInPath struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Server) listImports(ctx context.Context, in *Listing) (*listed[imports.Import], error) {
	jobs, err := s.importJobs()
	if err != nil {
		return nil, err
	}
	return listFrom(ctx, imports.Listed, in.ask(readmodels.AsOf{}), func(asked readmodels.Asked) (found readmodels.Listed[imports.Import], err error) {
		found.Items, found.Next, err = jobs.List(ctx, asked.Query, asked.After, asked.Limit)
		return found, err
	}, func(i imports.Import) imports.Import { return i })
}

func (s *Server) readImport(ctx context.Context, in *importInPath) (*tagged[imports.Import], error) {
	jobs, err := s.importJobs()
	if err != nil {
		return nil, err
	}
	found, err := jobs.Find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &tagged[imports.Import]{ETag: etag(found.Revision), Body: found}, nil
}
