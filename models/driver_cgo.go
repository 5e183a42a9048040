//go:build cgo

package models

import (
	"errors"

	"github.com/mattn/go-sqlite3"
)

// With a C compiler, SQLite itself is compiled in.
const driverName = "sqlite3"

const (
	everyConnection = "_busy_timeout=5000&_foreign_keys=on&_synchronous=FULL"
	writeConnection = everyConnection + "&_journal_mode=WAL&_txlock=immediate"
	readConnection  = everyConnection + "&_query_only=on"
)

func isUniqueViolation(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) &&
		(e.ExtendedCode == sqlite3.ErrConstraintUnique || e.ExtendedCode == sqlite3.ErrConstraintPrimaryKey)
}
