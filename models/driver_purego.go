//go:build !cgo

package models

import (
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Without a C compiler, SQLite comes translated to Go. It spells its settings
// differently; _time_format makes it write times as the other driver does, so
// that either program can open the other's file.
const driverName = "sqlite"

const (
	everyConnection = "_pragma=busy_timeout(5000)&_pragma=foreign_keys(on)&_pragma=synchronous(FULL)&_time_format=sqlite"
	writeConnection = everyConnection + "&_pragma=journal_mode(WAL)&_txlock=immediate"
	readConnection  = everyConnection + "&_pragma=query_only(on)"
)

func isUniqueViolation(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
