package imports

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"crm/commands/undo"
	"crm/domain"
	"crm/http/importing"
)

// pasts are those of the streams that undos have changed. Which may be is known of the
// undos; what they did, and whether it still is so, the streams themselves tell.
func (j *Jobs) pasts(ctx context.Context, streams []domain.Stream) (importing.Pasts, error) {
	rows, err := j.cfg.Pool.Query(ctx, `
		SELECT DISTINCT s.stream FROM crm.import_streams AS s JOIN crm.imports AS i ON i.id = s.import
		WHERE s.stream = ANY($1) AND i.status IN ('undoing', 'undone') AND s.outcome <> 'untouched'`, streams)
	if err != nil {
		return nil, err
	}
	undone, err := pgx.CollectRows(rows, pgx.RowTo[domain.Stream])
	if err != nil {
		return nil, err
	}
	all := make(importing.Pasts, len(undone))
	for _, stream := range undone {
		history, err := j.cfg.Load(ctx, stream, domain.NoStream)
		if err != nil {
			return nil, err
		}
		mark, has := undo.MarkOf(history)
		if !has {
			continue
		}
		past := importing.Past{Mark: "undone at " + strconv.FormatInt(int64(mark.Revision), 10)}
		if mark.Back != nil {
			past.Back = mark.Back.CommandName()
		}
		all[stream] = past
	}
	return all, nil
}
