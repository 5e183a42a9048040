// Package models holds the rows of the database and the questions asked of them.
//
// It knows gorm and SQL, and nothing of HTTP. A store method takes the context
// first and returns the errors of errors.go. Times come in from the caller, so
// that a test can set the clock. Read user.go next, then session.go and token.go.
package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// DB is the database with its stores.
type DB struct {
	Users    Users
	Sessions Sessions
	Tokens   Tokens
	Tickets  Tickets
	Attempts Attempts

	reader, writer, gate *sql.DB // gate: for the look-up of a token alone
}

// pools are the two ways to the same file. SQLite has one writer at a time: a
// second one would poll for the lock, so writers queue for a single connection,
// in Go, in order. Readers never wait for a writer.
type pools struct{ read, write *gorm.DB }

// Open opens the SQLite file at path, and makes it, with its folder and readable
// by its owner only, where there is none. An existing file is first shown to
// check through a connection that cannot write; then migrate brings it up to date,
// and is to check again, as a file with a rollback journal beside it is not shown before.
// An error names the file and says what is wrong. A file that check refuses stays as it was.
func Open(ctx context.Context, path string, check, migrate func(context.Context, *sql.DB) error) (*DB, error) {
	file, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	if err := inspect(ctx, file, check); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db, err := connect(ctx, uriOf(file), migrate)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, nil
}

func connect(ctx context.Context, uri string, migrate func(context.Context, *sql.DB) error) (_ *DB, err error) {
	db := &DB{}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	var p pools
	if p.write, db.writer, err = pool(uri+"?"+writeConnection, 1); err != nil {
		return nil, err
	}
	if err := migrate(ctx, db.writer); err != nil {
		return nil, fmt.Errorf("could not bring the schema up to date: %w", err)
	}
	if p.read, db.reader, err = pool(uri+"?"+readConnection, max(4, runtime.NumCPU())); err != nil {
		return nil, err
	}
	db.Users, db.Attempts = Users{p}, Attempts{p}
	if db.Sessions, err = newSessions(ctx, p, db.reader); err != nil {
		return nil, err
	}
	if _, db.gate, err = pool(uri+"?"+readConnection, max(4, runtime.NumCPU())); err != nil {
		return nil, err
	}
	if db.Tokens, err = newTokens(ctx, db.gate); err != nil {
		return nil, err
	}
	db.Tickets, err = newTickets(ctx, p, db.reader, db.writer)
	return db, err
}

// pool opens up to size connections, which stay open.
func pool(dsn string, size int) (*gorm.DB, *sql.DB, error) {
	db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: driverName, DSN: dsn}), &gorm.Config{
		SkipDefaultTransaction: true,           // one statement is a transaction already
		Logger:                 logger.Discard, // it would print values; errors are returned, and logged once
	})
	if err != nil {
		return nil, nil, err
	}
	connections, err := db.DB()
	if err != nil {
		return nil, nil, err
	}
	connections.SetMaxOpenConns(size)
	connections.SetMaxIdleConns(size)
	return db, connections, nil
}

// prepareFile makes an empty file where there is none, and returns where it really is:
// beside that, and not beside a link to it, SQLite has its other files.
func prepareFile(path string) (file string, err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(absolute), 0o700); err != nil {
		return "", err
	}
	f, err := os.OpenFile(absolute, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

// uriOf returns the file as an SQLite URI.
func uriOf(file string) string {
	path := filepath.ToSlash(file)
	if path[0] != '/' { // C:/…
		path = "/" + path
	}
	return "file://" + (&url.URL{Path: path}).EscapedPath()
}

// inspect shows the file to check and changes nothing about it, which opening it
// for writing would: that sets the journal mode.
func inspect(ctx context.Context, file string, check func(context.Context, *sql.DB) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	const magic = "SQLite format 3\x00"
	header := make([]byte, len(magic))
	if n, _ := io.ReadFull(f, header); n > 0 && string(header) != magic {
		return errors.New("this is not an SQLite database")
	}
	if exists(file + "-journal") {
		return nil // half a change may be in the file; migrate checks, once it is rolled back
	}
	options := "?mode=ro"
	if !exists(file + "-wal") {
		options += "&immutable=1" // no other files are made beside it
	}
	db, err := sql.Open(driverName, uriOf(file)+options)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return check(ctx, db)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Ping returns ErrUnavailable unless the database answers a question.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	return translate(db.reader.QueryRowContext(ctx, "SELECT 1 FROM sqlite_master LIMIT 1").Scan(&one))
}

// Close closes every connection. The file is then complete by itself.
func (db *DB) Close() error {
	var errs []error
	for _, connections := range []*sql.DB{db.reader, db.gate, db.writer} {
		if connections != nil {
			errs = append(errs, connections.Close())
		}
	}
	return errors.Join(errs...)
}

// NewID returns random text of 130 bits, for ids and for secrets.
func NewID() string { return rand.Text() }

// hash is how a secret is stored. A fast hash serves, as a secret is random and long. The names and addresses
// that it is also used for can be guessed: of these it makes keys of one length, and hides nothing.
func hash(raw string) string {
	sum := sha256.Sum256([]byte(raw))
	return hex.EncodeToString(sum[:])
}
