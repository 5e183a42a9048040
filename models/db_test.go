package models

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/handshake/migrations"
)

// noon is the present of these tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newDB is a database of its own, through the real migrations.
func newDB(t testing.TB) *DB {
	t.Helper()
	return openDB(t, filepath.Join(t.TempDir(), "test.db"))
}

func openDB(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, migrations.Check, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// addUser registers somebody whose password nobody needs.
func addUser(t testing.TB, db *DB, username string) User {
	t.Helper()
	user, err := db.Users.Create(t.Context(), username, NobodysHash, noon)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// addLogin is a session of an hour with a token of a quarter of one.
func addLogin(t testing.TB, db *DB, user User) (Session, Token) {
	t.Helper()
	session := Session{ID: NewID(), RefreshFamily: NewID(), UserID: user.ID, CreatedAt: noon, LastUsedAt: noon, ExpiresAt: noon.Add(time.Hour)}
	token := Token{ID: NewID(), SessionID: session.ID, UserID: user.ID, IssuedAt: noon, ExpiresAt: noon.Add(15 * time.Minute)}
	if err := db.Sessions.Start(t.Context(), session, token); err != nil {
		t.Fatal(err)
	}
	return session, token
}

// change is for what no store does yet.
func change(t testing.TB, db *DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.writer.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// ask returns the one value that the query gives.
func ask[T any](t *testing.T, db *sql.DB, query string, args ...any) (value T) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestPragmasHoldOnEveryConnection(t *testing.T) {
	db := newDB(t)
	common := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"}
	pools := []struct {
		name      string
		pool      *sql.DB
		queryOnly string
	}{
		{"writer", db.writer, "0"},
		{"reader", db.reader, "1"},
	}
	for _, p := range pools {
		t.Run(p.name, func(t *testing.T) {
			want := maps.Clone(common)
			want["query_only"] = p.queryOnly
			// Holding every connection at once makes the pool open as many as it may.
			for range p.pool.Stats().MaxOpenConnections {
				conn, err := p.pool.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				for pragma, value := range want {
					var got string
					if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != value {
						t.Errorf("%s is %q (%v), want %q", pragma, got, err, value)
					}
				}
			}
		})
	}
}

func TestThereIsOneWriterAndSeveralReaders(t *testing.T) {
	db := newDB(t)
	if n := db.writer.Stats().MaxOpenConnections; n != 1 {
		t.Errorf("%d writers", n)
	}
	if n := db.reader.Stats().MaxOpenConnections; n < 4 {
		t.Errorf("%d readers", n)
	}
	if _, err := db.reader.ExecContext(t.Context(), "DELETE FROM users"); err == nil {
		t.Error("a reader could write")
	}
}

// A transaction that begins as a reader fails at once when another connection has
// written meanwhile, so every transaction of the writer takes the lock as it begins.
func TestWriteTransactionTakesTheLockAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, other := openDB(t, path), openDB(t, path)
	tx, err := db.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()

	conn, err := other.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	if second, err := conn.BeginTx(t.Context(), nil); err == nil {
		_ = second.Rollback()
		t.Error("two write transactions began at once")
	}
}

func TestFilesAreReadableByTheirOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	folder := filepath.Join(t.TempDir(), "a", "b")
	addUser(t, openDB(t, filepath.Join(folder, "test.db")), "alice")
	err := filepath.WalkDir(filepath.Dir(folder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnyPathIsJustAPath(t *testing.T) {
	for _, name := range []string{"with space", "what?mode=ro", "sharp#1", "100%", "per%20cent", "a&b=c;d", "ümläut"} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(name, "?") {
				t.Skip("no such file on Windows")
			}
			folder := t.TempDir()
			path := filepath.Join(folder, name, name+".db")
			db := openDB(t, path)
			addUser(t, db, "alice")
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if got, want := slices.Sorted(maps.Keys(contents(t, folder))), []string{filepath.Join(name, name+".db")}; !slices.Equal(got, want) {
				t.Errorf("the files are %q, want %q", got, want)
			}
			if _, err := openDB(t, path).Users.ByName(t.Context(), "alice"); err != nil {
				t.Errorf("what was written is not there: %v", err)
			}
		})
	}
}

func TestRelativePathIsOfTheWorkingFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	openDB(t, "data/test.db")
	if _, err := os.Stat("data/test.db"); err != nil {
		t.Error(err)
	}
}

// contents reads every file below the folder.
func contents(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		found[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// makeNewer makes a database as a newer version of the program would leave it.
func makeNewer(t *testing.T, path, journalMode string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, migrations.Check, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	change(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	closeReaders(t, db)
	if mode := ask[string](t, db.writer, "PRAGMA journal_mode = "+journalMode); mode != journalMode {
		t.Fatalf("the journal mode is %q", mode)
	}
	return db
}

// closeReaders is for a change of the journal mode, which is possible only where nobody else looks.
func closeReaders(t *testing.T, db *DB) {
	t.Helper()
	if err := errors.Join(db.reader.Close(), db.gate.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestFileThatIsNotOursIsLeftUntouched(t *testing.T) {
	const notADatabase, newer = "not an SQLite database", "start the newer program"
	write := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	newerSchema := func(journalMode string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := makeNewer(t, path, journalMode).Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		says string
	}{
		{"a word", write("hello\n"), notADatabase},
		{"a long text", write(strings.Repeat("hello\n", 10_000)), notADatabase},
		{"zeros", write(strings.Repeat("\x00", 8192)), notADatabase},
		{"the header of a database and nothing else", write("SQLite format 3\x00" + strings.Repeat("x", 84)), "not a database"},
		{"a newer schema", newerSchema("wal"), newer},
		{"a newer schema with a rollback journal", newerSchema("delete"), newer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "test.db")
			test.make(t, path)
			before := contents(t, folder)
			expectRefused(t, path, test.says)
			expectSame(t, before, contents(t, folder))
		})
	}
}

// A newer program that was killed leaves its last writes in the -wal file.
func TestNewerSchemaInAWALIsLeftUntouched(t *testing.T) {
	live, killed := t.TempDir(), t.TempDir()
	db := makeNewer(t, filepath.Join(live, "test.db"), "wal")
	copyFiles(t, live, killed)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before := contents(t, killed)
	if len(before["test.db-wal"]) == 0 {
		t.Fatal("there is nothing in the -wal file, so this shows nothing")
	}
	path := filepath.Join(t.TempDir(), "link.db") // SQLite has its other files beside the file itself
	if err := os.Symlink(filepath.Join(killed, "test.db"), path); err != nil {
		t.Skip(err) // Windows lets not everybody make one
	}
	expectRefused(t, path, "start the newer program")
	after := contents(t, killed)
	delete(before, "test.db-shm") // an index of the -wal file, which any reader makes anew
	delete(after, "test.db-shm")
	expectSame(t, before, after)
}

// What was stored is there after a kill -9, in the -wal file or not yet in it. A
// new file has a rollback journal for a moment, before it is switched to a WAL.
func TestFileOfAKilledProgramIsOpened(t *testing.T) {
	for _, journalMode := range []string{"wal", "delete"} {
		t.Run(journalMode, func(t *testing.T) {
			live, killed := t.TempDir(), t.TempDir()
			db := openDB(t, filepath.Join(live, "test.db"))
			addUser(t, db, "alice")
			closeReaders(t, db)
			ask[string](t, db.writer, "PRAGMA journal_mode = "+journalMode)
			change(t, db, "PRAGMA cache_size = 2") // so that the transaction reaches the file before its end
			change(t, db, "BEGIN IMMEDIATE")
			for range 200 {
				change(t, db, "INSERT INTO users (id, username, username_key, password_hash, created_at) VALUES (?, '', ?, ?, '')",
					NewID(), NewID(), strings.Repeat("x", 3000))
			}
			copyFiles(t, live, killed)
			if len(contents(t, killed)) < 2 {
				t.Fatal("there is no journal, so this shows nothing")
			}
			again := openDB(t, filepath.Join(killed, "test.db"))
			if n := ask[int](t, again.reader, "SELECT count(*) FROM users"); n != 1 {
				t.Errorf("there are %d users, want the one that was stored", n)
			}
		})
	}
}

// copyFiles takes what is in the files at this moment, as a crash would leave it.
func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	for name, content := range contents(t, from) {
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func expectRefused(t *testing.T, path, says string) {
	t.Helper()
	db, err := Open(t.Context(), path, migrations.Check, migrations.Apply)
	if err == nil {
		_ = db.Close()
		t.Fatal("it was opened")
	}
	if !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
		t.Errorf("the error is %q, want the path and %q", err, says)
	}
}

func expectSame(t *testing.T, before, after map[string][]byte) {
	t.Helper()
	if got, want := slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)); !slices.Equal(got, want) {
		t.Errorf("the files are %q, and were %q", got, want)
	}
	for name := range before {
		if !bytes.Equal(before[name], after[name]) {
			t.Errorf("%s has changed", name)
		}
	}
}

func TestOpenSaysWhatIsWrongWithThePath(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"a folder": folder, "below a file": filepath.Join(file, "test.db")} {
		t.Run(name, func(t *testing.T) {
			db, err := Open(t.Context(), path, migrations.Check, migrations.Apply)
			if err == nil {
				_ = db.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), folder) || !strings.Contains(err.Error(), "directory") {
				t.Errorf("the error is %q", err)
			}
		})
	}
}

func TestEmptyFileBecomesADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	addUser(t, openDB(t, path), "alice")
}

// A failed migration must not leave a connection, or a half-made schema, behind.
func TestOpenClosesWhatItOpenedWhenMigratingFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	fault := errors.New("no")
	var used *sql.DB
	_, err := Open(t.Context(), path, migrations.Check, func(_ context.Context, db *sql.DB) error {
		used = db
		return fault
	})
	if !errors.Is(err, fault) || !strings.Contains(err.Error(), path) {
		t.Errorf("the error is %v", err)
	}
	if err := used.PingContext(t.Context()); err == nil {
		t.Error("the connection is still open")
	}
	addUser(t, openDB(t, path), "alice")
}

func TestCloseLeavesOneCompleteFile(t *testing.T) {
	folder := t.TempDir()
	db := openDB(t, filepath.Join(folder, "test.db"))
	addUser(t, db, "alice")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if files := slices.Collect(maps.Keys(contents(t, folder))); !slices.Equal(files, []string{"test.db"}) {
		t.Errorf("the files are %q", files)
	}
}

func TestPing(t *testing.T) {
	db := newDB(t)
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("closed, it answers %v", err)
	}
}

// Both drivers must write a time as the same text: SQLite compares times as texts,
// and a database may be opened with cgo today and without it tomorrow.
func TestTimesHaveOneFormatOnDisk(t *testing.T) {
	db := newDB(t)
	berlin := time.FixedZone("", 2*60*60)
	for moment, want := range map[time.Time]string{
		noon:                                     "2026-03-01 12:00:00+00:00",
		noon.Add(123456789):                      "2026-03-01 12:00:00.123456789+00:00",
		noon.Add(500 * time.Millisecond):         "2026-03-01 12:00:00.5+00:00",
		noon.Add(time.Nanosecond).In(berlin):     "2026-03-01 12:00:00.000000001+00:00",
		time.Date(999, 1, 2, 3, 4, 5, 0, berlin): "0999-01-02 01:04:05+00:00",
	} {
		user, err := db.Users.Create(t.Context(), NewID(), NobodysHash, moment)
		if err != nil {
			t.Fatal(err)
		}
		// The cast hides from the driver that this is a time.
		if got := ask[string](t, db.reader, "SELECT CAST(created_at AS TEXT) FROM users WHERE id = ?", user.ID); got != want {
			t.Errorf("%v is stored as %q, want %q", moment, got, want)
		}
		if got := ask[string](t, db.reader, "SELECT typeof(created_at) FROM users WHERE id = ?", user.ID); got != "text" {
			t.Errorf("%v is stored as %s", moment, got)
		}
		if read, err := db.Users.ByID(t.Context(), user.ID); err != nil || !read.CreatedAt.Equal(moment) {
			t.Errorf("%v is read as %v (%v)", moment, read.CreatedAt, err)
		}
	}
}

// Texts of different length must still sort as their times do.
func TestTimesCompareAsTexts(t *testing.T) {
	db := newDB(t)
	moments := []time.Time{
		noon.Add(-time.Nanosecond), noon, noon.Add(1), noon.Add(10), noon.Add(500 * time.Millisecond),
		noon.Add(510 * time.Millisecond), noon.Add(time.Second), noon.Add(10 * time.Hour),
	}
	for i, earlier := range moments {
		for _, later := range moments[i+1:] {
			if !ask[bool](t, db.reader, "SELECT ? < ?", earlier, later) {
				t.Errorf("%v does not come before %v", earlier, later)
			}
		}
	}
}

func TestIDsAreLongAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if len(id) < 26 || seen[id] { // of an alphabet of 32: 130 bits
			t.Fatalf("the id %q", id)
		}
		seen[id] = true
	}
}
