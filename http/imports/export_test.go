package imports

import "context"

// Tidy does what Run does every ten minutes.
func Tidy(j *Jobs, ctx context.Context) error { return j.tidy(ctx) }
