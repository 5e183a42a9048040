// Package migrations holds the schema as numbered SQL files, and applies those
// that a database has not seen yet.
//
// A file is frozen once it has landed: to change the schema, add the next
// number. Migrations know no models, so an old one means the same for ever.
// Read the SQL next, then package models.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"

	"github.com/pressly/goose/v3"
)

//go:embed *.sql
var files embed.FS

// Check returns an error if a newer version of the program made the schema. It only reads.
func Check(ctx context.Context, db *sql.DB) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version

	var migrated int
	const table = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'"
	if err := db.QueryRowContext(ctx, table).Scan(&migrated); err != nil {
		return err
	}
	if migrated == 0 {
		return nil
	}
	var found int64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&found); err != nil {
		return err
	}
	if found > newest {
		return fmt.Errorf("its schema has version %d, and this program knows versions up to %d: start the newer program, or name another file", found, newest)
	}
	return nil
}

// Apply brings the schema up to the newest version, each file in one transaction,
// unless Check has something against it.
func Apply(ctx context.Context, db *sql.DB) error {
	if err := Check(ctx, db); err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
