package rollup

import (
	"context"
	"fmt"
)

// SetFormat makes rollups ones of another format.
func SetFormat(ctx context.Context, r *Rollups, version int) error {
	_, err := r.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}
