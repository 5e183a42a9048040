package models

import (
	"context"
	"time"
)

// sweepKeeps is how long a row outlives its end: a token is good for a few
// seconds more, as clocks differ.
const sweepKeeps = time.Minute

// Sweep deletes what has expired. A session stays while a token of it could still
// be shown, so that every token not yet expired has its row.
func (db *DB) Sweep(ctx context.Context, now time.Time) error {
	before := now.Add(-sweepKeeps).UTC()
	for _, statement := range []string{
		"DELETE FROM tickets WHERE expires_at < ?",
		"DELETE FROM tokens WHERE expires_at < ?",
		"DELETE FROM login_attempts WHERE expires_at < ?",
		`DELETE FROM sessions WHERE coalesce(ended_at, expires_at) < ?
			AND NOT EXISTS (SELECT 1 FROM tokens WHERE tokens.session_id = sessions.id)`,
	} {
		if _, err := db.writer.ExecContext(ctx, statement, before); err != nil {
			return translate(err)
		}
	}
	return nil
}
