package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/importrun"
	"crm/http/access"
	"crm/http/importing"
	"crm/http/imports"
)

// How long files may take. A client is cut off that sends nothing for a while, not one
// that is slow.
const (
	fileWithin = 15 * time.Minute
	fileStalls = 30 * time.Second
)

// importQueries registers what is read of imports, and their files.
func (s *Server) importQueries(r chi.Router) {
	ask := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/v1/imports" + path, Summary: summary, Tags: []string{"imports"}}
	}
	serveQuery(s, query{"import.list", access.ImportsRun, "/imports", "imports", "The imports, the newest first", nil}, s.listImports)
	s.describeList("/imports", imports.Listed)
	register(s, ask("import.get", http.MethodGet, "/{id}", "An import and how far it is"), access.ImportsRun, admitted(s, s.readImport))
	stream := ask("import.events", http.MethodGet, "/{id}/events", "The same, whenever it changes, as server-sent events")
	stream.Responses = map[string]*huma.Response{"200": {
		Description: "Server-sent events.",
		Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[imports.Import](), true, "")},
		},
	}}
	register(s, stream, access.ImportsRun, s.followImport)
	dry := ask("import.dry_run", http.MethodPost, "/{id}/dry-run", "What the files would become; nothing is stored")
	register(s, dry, access.ImportsRun, s.dryRun)

	plain := func(op huma.Operation, handler http.HandlerFunc) {
		op.Security = security(access.ImportsRun)
		s.api.OpenAPI().AddOperation(&op)
		s.takes(op.Method, op.Path, access.ImportsRun)
		r.Method(op.Method, op.Path, handler)
	}
	text := &huma.Schema{Type: huma.TypeString}
	id := &huma.Param{Ref: "#/components/parameters/id"}
	upload := ask("import.add_file", http.MethodPut, "/{id}/files/{name}", "Upload a file")
	upload.Parameters = []*huma.Param{
		id,
		{Name: "name", In: "path", Required: true, Schema: text, Description: "The file's name, which says what the mapping makes of it; a folder's / is written %2F.", Example: "people.csv"},
		{Ref: "#/components/parameters/correlationId"},
	}
	upload.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}
	upload.Responses = s.responses("200", "It is there, or was already.", reflect.TypeFor[ReceiptBody](), map[string]*huma.Param{
		"ETag": {Ref: "#/components/headers/etag"}, "Crm-Position": {Ref: "#/components/headers/position"},
	})
	plain(upload, s.uploadFile)
	for _, results := range []struct{ name, summary string }{
		{imports.Successful, "The rows that are stored, with the ids of what they are about, as CSV"},
		{imports.Failed, "The rows that are rejected, and why, as CSV"},
		{imports.Undone, "What the undo of an import has come to, as CSV"},
	} {
		op := ask("import."+results.name, http.MethodGet, "/{id}/"+results.name, results.summary)
		op.Parameters = []*huma.Param{id}
		if results.name != imports.Undone {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: "file", In: "query", Schema: text, Description: "The rows of one file, with its own columns. Default: of all files, each row as one text.",
			})
		}
		op.Responses = map[string]*huma.Response{"200": {
			Description: "RFC 4180. A text that a spreadsheet would take for a formula has a ' in front.",
			Content:     map[string]*huma.MediaType{"text/csv": {Schema: text}},
		}}
		plain(op, func(w http.ResponseWriter, r *http.Request) { s.downloadRows(w, r, results.name) })
	}
}

// importOf is the import of a path.
func importOf(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(chi.URLParam(r, "id"))
	if err != nil || id == uuid.Nil {
		return id, &parameterFault{"id", "The id is not a UUID."}
	}
	return id, nil
}

// uploadFile takes a file in, as slowly as its sender likes.
func (s *Server) uploadFile(w http.ResponseWriter, r *http.Request) {
	receipt, id, err := s.upload(w, r)
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("ETag", etag(receipt.Revision))
	w.Header().Set("Crm-Position", receipt.Position.String())
	answer(w, http.StatusOK, ReceiptBody{ID: id, Revision: receipt.Revision, Position: receipt.Position.String(), Events: receipt.Events})
}

func (s *Server) upload(w http.ResponseWriter, r *http.Request) (receipt domain.Receipt, id uuid.UUID, err error) {
	jobs, err := s.importJobs()
	if err != nil {
		return receipt, id, err
	}
	if id, err = importOf(r); err != nil {
		return receipt, id, err
	}
	for parameter := range r.URL.Query() {
		return receipt, id, &parameterFault{parameter, "An upload takes no query parameters."}
	}
	name := chi.URLParam(r, "name")
	if r.URL.RawPath != "" { // chi has matched the path as it was sent
		if name, err = url.PathUnescape(name); err != nil {
			return receipt, id, &parameterFault{"name", "The name is not percent-encoded rightly."}
		}
	}
	if err := imports.CheckName(name); err != nil {
		return receipt, id, &parameterFault{"name", "That is no name of a file: a relative path of at most 500 characters, without . and .. in it."}
	}
	meta, err := requestMeta(r)
	if err != nil {
		return receipt, id, err
	}
	meta.OccurredAt = s.cfg.Now().UTC().Truncate(time.Microsecond)
	meta.Command.ID = uuid.New() // the same bytes under the same name leave no second event
	if r.ContentLength > imports.MaxFile {
		return receipt, id, imports.ErrFileTooLarge
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), fileWithin)
	defer cancel()
	control := http.NewResponseController(w)
	body := http.MaxBytesReader(w, r.Body, imports.MaxFile+1)
	err = jobs.Upload(ctx, id, name, &patient{body, control}, func(file importrun.File) error {
		var err error
		receipt, err = s.cfg.Commands.Do(ctx, commands.Ask{Target: id, Command: importrun.AddFile{File: file}, Meta: meta})
		return err
	})
	_ = control.SetWriteDeadline(time.Now().Add(fileStalls)) // a recorder in a test has none
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok && tooLarge != nil {
		err = imports.ErrFileTooLarge
	}
	if cut, ok := errors.AsType[*cutOff](err); ok {
		err = ErrMalformed.At("", "The file did not arrive to its end: %s.", cut.why())
	}
	if err != nil {
		return receipt, id, err
	}
	return receipt, id, jobs.Changed(ctx, id)
}

// patient gives a sender time as long as something arrives.
type patient struct {
	from    io.Reader
	control *http.ResponseController
}

func (p *patient) Read(into []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(fileStalls)) // a recorder in a test has none
	n, err := p.from.Read(into)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); err != nil && !errors.Is(err, io.EOF) && (!ok || tooLarge == nil) {
		err = &cutOff{err}
	}
	return n, err
}

// cutOff is a body that ended early.
type cutOff struct{ error }

func (c *cutOff) Unwrap() error { return c.error }

func (c *cutOff) why() string {
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](c.error); ok && timeout.Timeout() {
		return "nothing came for half a minute"
	}
	return "the connection was closed"
}

// dried is what files would become.
type dried struct {
	Files []importing.Glance `json:"files" nullable:"false" doc:"In the order in which they would be imported. A file that the mapping reads twice is there twice."`
}

func (s *Server) dryRun(ctx context.Context, in *importInPath) (*plain[dried], error) {
	jobs, err := s.importJobs()
	if err != nil {
		return nil, err
	}
	all, err := jobs.DryRun(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &plain[dried]{dried{all}}, nil
}

// downloadRows writes what became of rows. An error in the middle cuts the connection,
// so that a part does not pass for the whole.
func (s *Server) downloadRows(w http.ResponseWriter, r *http.Request, which string) {
	jobs, err := s.importJobs()
	if err != nil {
		fail(w, r, err)
		return
	}
	id, err := importOf(r)
	for parameter := range r.URL.Query() {
		if parameter != "file" || which == imports.Undone {
			err = errors.Join(err, &parameterFault{parameter, "There is no such parameter."})
		}
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), fileWithin)
	defer cancel()
	out := &patiently{ResponseWriter: w, control: http.NewResponseController(w)}
	if which == imports.Undone {
		err = jobs.Undone(ctx, id, out)
	} else {
		err = jobs.Results(ctx, id, which, r.URL.Query().Get("file"), out)
	}
	switch {
	case err == nil:
	case !out.begun:
		fail(w, r, err)
	default:
		exchangeOf(r.Context()).fault = err
		panic(http.ErrAbortHandler)
	}
}

// patiently writes CSV to a reader who may be slow.
type patiently struct {
	http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (p *patiently) Write(text []byte) (int, error) {
	if !p.begun {
		p.begun = true
		p.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
		p.Header().Set("Content-Disposition", "attachment")
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(fileStalls)) // a recorder in a test has none
	return p.ResponseWriter.Write(text)
}

// followImport tells how far an import is, whoever works on it. Each look at it is a read
// like others; between two, who follows keeps nobody out.
func (s *Server) followImport(ctx context.Context, in *importInPath) (*huma.StreamResponse, error) {
	read := admitted(s, s.readImport)
	found, err := read(ctx, in)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "text/event-stream")
		out := ctx.BodyWriter()
		flusher, _ := out.(http.Flusher)
		last := ""
		for {
			text, _ := json.Marshal(found.Body) // plain fields only
			if string(text) != last {
				if _, err := fmt.Fprintf(out, "event: import\ndata: %s\n\n", text); err != nil {
					return
				}
				last = string(text)
				if flusher != nil {
					flusher.Flush()
				}
			}
			if !found.Body.Working() {
				return
			}
			select {
			case <-time.After(followEvery):
			case <-ctx.Context().Done():
				return
			}
			next, err := read(ctx.Context(), in)
			switch {
			case err == nil:
				found = next
			case !errors.Is(err, ErrOverloaded): // else the next look may be let in
				return
			}
		}
	}}, nil
}
