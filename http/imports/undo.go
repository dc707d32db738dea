package imports

import (
	"context"

	"github.com/jackc/pgx/v5"
)

func (j *Jobs) undo(ctx context.Context, conn *pgx.Conn, of Import) error { panic("not yet") }
