package imports

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/importrun"
	"crm/http/importing"
)

// The refusals of a dry run.
var (
	// ErrBusy is a dry run while the server is at another one.
	ErrBusy = &domain.Error{
		Code: domain.Unavailable, Slug: "import-dry-run-busy",
		Detail: "The server is at another dry run. Try again.",
	}
	// ErrFileUnfit is a file that the mapping cannot read.
	ErrFileUnfit = &domain.Error{
		Code: domain.Conflict, Slug: "import-file-unfit",
		Detail: "A file is not one that the mapping is for, or cannot be read.",
	}
)

// DryRun reads the files of an import and says what each would become.
func (j *Jobs) DryRun(ctx context.Context, id uuid.UUID) ([]importing.Glance, error) {
	if !j.drying.TryLock() {
		return nil, ErrBusy
	}
	defer j.drying.Unlock()
	found, err := j.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case found.Forgotten:
		return nil, importrun.ErrForgotten
	case len(found.Files) == 0:
		return nil, importrun.ErrNoFiles
	}
	plan, err := j.plan(ctx, found)
	if err != nil {
		return nil, err
	}
	all, err := plan.DryRun(ctx, j.files(ctx, found), nil)
	_, isStore := errors.AsType[*storeError](err)
	if bad, ok := errors.AsType[*importing.FileError](err); ok && !isStore && ctx.Err() == nil {
		return nil, ErrFileUnfit.At("", "%s", bad)
	}
	return all, err
}

// plan is the mapping of an import.
func (j *Jobs) plan(ctx context.Context, of Import) (*importing.Plan, error) {
	text := ""
	if err := j.cfg.Pool.QueryRow(ctx, "SELECT mapping_text FROM crm.imports WHERE id = $1", of.ID).Scan(&text); err != nil {
		return nil, err
	}
	return importing.Parse(of.Mapping, []byte(text))
}
