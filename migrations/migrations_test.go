package migrations_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/handshake/migrations"
	"example.com/handshake/models"
)

// withDB runs fn with a connection to a new, empty database.
func withDB(t *testing.T, fn func(db *sql.DB)) {
	t.Helper()
	inDB(t, filepath.Join(t.TempDir(), "test.db"), fn)
}

// inDB lets models.Open make the connection, as which driver it is depends on how this is built.
func inDB(t *testing.T, path string, fn func(db *sql.DB)) {
	t.Helper()
	accept := func(context.Context, *sql.DB) error { return nil }
	db, err := models.Open(t.Context(), path, accept, func(ctx context.Context, db *sql.DB) error {
		fn(db)
		return migrations.Apply(ctx, db) // models.Open needs the tables
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func apply(t *testing.T, db *sql.DB) {
	t.Helper()
	if err := migrations.Apply(t.Context(), db); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// column returns the first column of what the query gives.
func column(t *testing.T, db *sql.DB, query string, args ...any) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

// sources are the names of the SQL files, in order.
func sources(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("the SQL files are %q (%v)", names, err)
	}
	return names
}

func TestFilesAreNumberedWithoutAGap(t *testing.T) {
	for i, name := range sources(t) {
		if !regexp.MustCompile(fmt.Sprintf(`^%05d_[a-z_]+\.sql$`, i+1)).MatchString(name) {
			t.Errorf("%s should be number %05d", name, i+1)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(content), "-- +goose Up\n") {
			t.Errorf("%s does not begin with -- +goose Up", name)
		}
	}
}

func TestApplyBringsAnEmptyDatabaseUpToDate(t *testing.T) {
	withDB(t, func(db *sql.DB) {
		apply(t, db)
		applied := column(t, db, "SELECT version_id FROM goose_db_version WHERE version_id > 0 ORDER BY id")
		var want []string
		for i := range sources(t) {
			want = append(want, fmt.Sprint(i+1))
		}
		if !slices.Equal(applied, want) {
			t.Errorf("applied were %q, want %q", applied, want)
		}
		for _, table := range []string{"users", "sessions", "tokens", "tickets", "login_attempts"} {
			if n := column(t, db, "SELECT count(*) FROM "+table); !slices.Equal(n, []string{"0"}) {
				t.Errorf("%s has %q rows, want none", table, n)
			}
		}
	})
}

func TestApplyTwiceDoesNothing(t *testing.T) {
	withDB(t, func(db *sql.DB) {
		apply(t, db)
		execute(t, db, "INSERT INTO users (id, username, username_key, password_hash, created_at) VALUES ('1', 'a', 'a', '', '')")
		state := func() []string {
			return slices.Concat(
				column(t, db, "SELECT name || coalesce(sql, '') FROM sqlite_master ORDER BY name"),
				column(t, db, "SELECT id || ' ' || version_id || ' ' || tstamp FROM goose_db_version ORDER BY id"),
				column(t, db, "SELECT id FROM users"),
			)
		}
		before := state()
		apply(t, db)
		if after := state(); !slices.Equal(before, after) {
			t.Errorf("it was\n%q\nand is\n%q", before, after)
		}
	})
}

func TestCheckLetsInWhatApplyCanBringUpToDate(t *testing.T) {
	withDB(t, func(db *sql.DB) {
		expect := func(what string) {
			t.Helper()
			if err := migrations.Check(t.Context(), db); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		expect("an empty database")
		apply(t, db)
		expect("the newest schema")
		newest := len(sources(t))
		execute(t, db, "DELETE FROM goose_db_version WHERE version_id = ?", newest)
		expect("an older schema")
		execute(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", newest)
	})
}

func TestCheckRefusesANewerSchema(t *testing.T) {
	withDB(t, func(db *sql.DB) {
		apply(t, db)
		execute(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
		err := migrations.Check(t.Context(), db)
		if err == nil {
			t.Fatal("it was let in")
		}
		for _, says := range []string{"99999", fmt.Sprint("up to ", len(sources(t)))} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("the error is %q, want %q in it", err, says)
			}
		}
		execute(t, db, "DELETE FROM goose_db_version WHERE version_id = 99999")
	})
}

// models.Open shows the database to Check through a connection that cannot write.
func TestCheckNeedsOnlyToRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	inDB(t, path, func(*sql.DB) {})
	checked := false
	check := func(ctx context.Context, db *sql.DB) error {
		checked = true
		if _, err := db.ExecContext(ctx, "DELETE FROM users"); err == nil {
			t.Error("the connection can write")
		}
		return migrations.Check(ctx, db)
	}
	db, err := models.Open(t.Context(), path, check, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if !checked {
		t.Error("an existing file was not checked")
	}
}

// Deleting a user deletes what hangs on them. Without an index on the foreign key
// SQLite reads the whole table for each row that goes.
func TestEveryForeignKeyHasAnIndex(t *testing.T) {
	withDB(t, func(db *sql.DB) {
		apply(t, db)
		keys := column(t, db, `
			SELECT m.name || '.' || k."from" FROM sqlite_master m, pragma_foreign_key_list(m.name) k WHERE m.type = 'table'`)
		indexed := column(t, db, `
			SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_info(i.name) c
			WHERE m.type = 'table' AND c.seqno = 0`)
		if len(keys) == 0 {
			t.Fatal("there is no foreign key, so this shows nothing")
		}
		for _, key := range keys {
			if !slices.Contains(indexed, key) {
				t.Errorf("%s has no index", key)
			}
		}
	})
}
