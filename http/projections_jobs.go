package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"crm/http/access"
	"crm/projections"
)

// everyModel stands for all read models where a path names some.
const everyModel = "all"

// ModelsInPath is which read models a job is about. It and its like are exported
// because huma passes over what is not.
type ModelsInPath struct {
	Names string `path:"name" maxLength:"1000" pattern:"^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$" doc:"A read model, several with commas, or all. Several are built from one reading of the log." example:"customers"`
}

func (m ModelsInPath) list() []string {
	if m.Names == everyModel {
		return nil
	}
	return strings.Split(m.Names, ",")
}

// ModelInPath is which read model is meant.
type ModelInPath struct {
	Name string `path:"name" maxLength:"56" doc:"A read model." example:"customers"`
}

// KeysShown is how much of a difference a job tells.
type KeysShown struct {
	Keys int `query:"keys" minimum:"0" maximum:"1000" default:"5" doc:"How many rows are told of each table that differs, with the values in both."`
}

// accepted is the answer to what goes on after it.
type accepted struct {
	Location string `header:"Location" doc:"Where the job tells how far it is."`
	Body     projections.Job
}

// jobQueries registers what looks after read models.
func (s *Server) jobQueries() {
	do := func(id, path, summary, description string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: "/v1/projections" + path, Summary: summary,
			Description: description, Tags: []string{"projections"}, DefaultStatus: http.StatusAccepted,
		}
	}
	const comeBack = " The answer comes at once; the job tells how far it is, and what it has found."
	register(s, do("projection.rebuild", "/{name}/rebuild", "Build read models anew, and swap them in",
		"They are built from the start of the log beside those that are read, which nobody waits for. Asked again after an interruption, it goes on where it was."+comeBack), access.ProjectionsManage, s.rebuild)
	register(s, do("projection.verify", "/{name}/verify", "Compare read models with what the log says",
		"They are built anew beside and compared with what is read, row by row; nothing is changed."+comeBack), access.ProjectionsManage, s.verify)
	register(s, do("projection.diff", "/{name}/diff", "Compare two versions of a read model",
		"One that has no tables is built beside, if the server can, and dropped again; nothing is changed."+comeBack), access.ProjectionsManage, s.diff)
	register(s, do("projection.rollback", "/{name}/rollback", "Read the tables again that were read before the last swap",
		"They first catch up with the log. Twice undoes it."+comeBack), access.ProjectionsManage, s.rollback)
	at := do("projection.cancel", "/{name}/cancel", "Drop what rebuilds and verifications of a read model have begun", "Those under way end, on whatever server. What is read stays as it is.")
	at.DefaultStatus = http.StatusOK
	register(s, at, access.ProjectionsManage, s.cancel)

	ask := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: "/v1/projections" + path, Summary: summary, Tags: []string{"projections"}}
	}
	register(s, ask("projection.builds", "/builds", "Every set of tables of the read models"), access.ProjectionsRead, admitted(s, s.builds))
	register(s, ask("projection.jobs", "/jobs", "The jobs of this server, the newest first"), access.ProjectionsRead, admitted(s, s.listJobs))
	register(s, ask("projection.job", "/jobs/{id}", "How far a job is, and what it has found"), access.ProjectionsRead, admitted(s, s.job))
	stream := ask("projection.job.events", "/jobs/{id}/events", "The same, whenever it changes, as server-sent events")
	stream.Description = "Events are called job; the data of each is the job as it is then, and after its end the stream ends. It also ends after half a minute: come back."
	stream.Responses = map[string]*huma.Response{"200": {
		Description: "Server-sent events.",
		Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[projections.Job](), true, "")},
		},
	}}
	register(s, stream, access.ProjectionsRead, s.followJob) // told from memory: who watches a rebuild does so through an overload, too
}

var errNoJobs = errors.New("http: Config.Jobs is missing")

// jobs are the server's, if it has any.
func (s *Server) jobs() (*projections.Jobs, error) {
	if s.cfg.Jobs == nil {
		return nil, errNoJobs
	}
	return s.cfg.Jobs, nil
}

// started answers with a job that goes on.
func (s *Server) started(start func(*projections.Jobs) (projections.Job, error)) (*accepted, error) {
	jobs, err := s.jobs()
	if err != nil {
		return nil, err
	}
	job, err := start(jobs)
	if err != nil {
		return nil, err
	}
	return &accepted{Location: "/v1/projections/jobs/" + job.ID.String(), Body: job}, nil
}

func (s *Server) rebuild(_ context.Context, in *struct {
	ModelsInPath
	NoSwap bool `query:"no_swap" doc:"Keep the new tables beside, complete, instead of swapping them in. The next rebuild goes on with them."`
},
) (*accepted, error) {
	return s.started(func(jobs *projections.Jobs) (projections.Job, error) { return jobs.Rebuild(in.list(), in.NoSwap) })
}

func (s *Server) verify(_ context.Context, in *struct {
	ModelsInPath
	KeysShown
},
) (*accepted, error) {
	return s.started(func(jobs *projections.Jobs) (projections.Job, error) { return jobs.Verify(in.list(), in.Keys) })
}

func (s *Server) diff(_ context.Context, in *struct {
	ModelInPath
	KeysShown
	Before int `query:"before" required:"true" minimum:"1" doc:"A version."`
	After  int `query:"after" required:"true" minimum:"1" doc:"Another version."`
},
) (*accepted, error) {
	if in.Before == in.After {
		return nil, &parameterFault{"after", "It is the same version as before."}
	}
	return s.started(func(jobs *projections.Jobs) (projections.Job, error) {
		return jobs.Diff(in.Name, in.Before, in.After, in.Keys)
	})
}

func (s *Server) rollback(_ context.Context, in *ModelInPath) (*accepted, error) {
	return s.started(func(jobs *projections.Jobs) (projections.Job, error) { return jobs.Rollback(in.Name) })
}

// cancelled is what a cancel has dropped.
type cancelled struct {
	Dropped int `json:"dropped" doc:"How many unfinished sets of tables there were."`
}

func (s *Server) cancel(ctx context.Context, in *ModelInPath) (*plain[cancelled], error) {
	jobs, err := s.jobs()
	if err != nil {
		return nil, err
	}
	dropped, err := jobs.Cancel(ctx, in.Name)
	return &plain[cancelled]{cancelled{dropped}}, err
}

func (s *Server) builds(ctx context.Context, _ *struct{}) (*plain[report[projections.BuildStatus]], error) {
	jobs, err := s.jobs()
	if err != nil {
		return nil, err
	}
	all, err := jobs.Builds(ctx)
	if err != nil {
		return nil, err
	}
	return reportOf(all, func(b projections.BuildStatus) projections.BuildStatus { return b }), nil
}

func (s *Server) listJobs(context.Context, *struct{}) (*plain[report[projections.Job]], error) {
	jobs, err := s.jobs()
	if err != nil {
		return nil, err
	}
	return reportOf(jobs.List(), func(j projections.Job) projections.Job { return j }), nil
}

// jobInPath is which job is meant.
type jobInPath struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Server) job(_ context.Context, in *jobInPath) (*plain[projections.Job], error) {
	jobs, err := s.jobs()
	if err != nil {
		return nil, err
	}
	job, _, err := jobs.Find(in.ID)
	return &plain[projections.Job]{job}, err
}

// followEvery is how often a job is told at most.
const followEvery = 200 * time.Millisecond

func (s *Server) followJob(_ context.Context, in *jobInPath) (*huma.StreamResponse, error) {
	jobs, err := s.jobs()
	if err != nil {
		return nil, err
	}
	if _, _, err := jobs.Find(in.ID); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "text/event-stream")
		out := ctx.BodyWriter()
		flusher, _ := out.(http.Flusher)
		for {
			job, changed, err := jobs.Find(in.ID)
			if err != nil { // it has been forgotten
				return
			}
			told, err := shown(ctx.Context(), job)
			if err != nil {
				return
			}
			text, _ := json.Marshal(told) // plain fields only
			if _, err := fmt.Fprintf(out, "event: job\ndata: %s\n\n", text); err != nil {
				return
			}
			if flusher != nil {
				flusher.Flush()
			}
			if job.State != projections.JobRunning {
				return
			}
			select {
			case <-changed:
			case <-ctx.Context().Done():
				return
			}
			select {
			case <-time.After(followEvery):
			case <-ctx.Context().Done():
				return
			}
		}
	}}, nil
}
