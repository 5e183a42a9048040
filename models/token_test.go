package models

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFindTellsWhomATokenSpeaksFor(t *testing.T) {
	db := newDB(t)
	alice := addUser(t, db, "Alice")
	addLogin(t, db, addUser(t, db, "bob"))
	session, token := addLogin(t, db, alice)
	who, err := db.Tokens.Find(t.Context(), token.ID, noon)
	if err != nil {
		t.Fatal(err)
	}
	if who.TokenID != token.ID || !who.ExpiresAt.Equal(token.ExpiresAt) || who.SessionID != session.ID || who.UserID != alice.ID || who.Username != "Alice" {
		t.Errorf("it speaks for %+v, want %+v of %+v", who, token, alice)
	}
}

func TestFindRefuses(t *testing.T) {
	tests := []struct {
		name  string
		after func(t *testing.T, db *DB, user User, session Session)
		at    time.Time
	}{
		{"a session that has ended", func(t *testing.T, db *DB, user User, session Session) {
			if err := db.Sessions.End(t.Context(), user.ID, session.ID, noon); err != nil {
				t.Fatal(err)
			}
		}, noon},
		{"a session that has expired", nil, noon.Add(time.Hour)},
		{"a disabled user", func(t *testing.T, db *DB, user User, _ Session) {
			change(t, db, "UPDATE users SET disabled_at = ? WHERE id = ?", noon, user.ID)
		}, noon},
		{"a deleted user", func(t *testing.T, db *DB, user User, _ Session) {
			change(t, db, "DELETE FROM users WHERE id = ?", user.ID)
		}, noon},
		{"a deleted session", func(t *testing.T, db *DB, _ User, session Session) {
			change(t, db, "DELETE FROM sessions WHERE id = ?", session.ID)
		}, noon},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			db := newDB(t)
			alice, bob := addUser(t, db, "alice"), addUser(t, db, "bob")
			session, token := addLogin(t, db, alice)
			_, bobs := addLogin(t, db, bob)
			change(t, db, "UPDATE sessions SET expires_at = ? WHERE user_id = ?", noon.Add(2*time.Hour), bob.ID)
			if _, err := db.Tokens.Find(t.Context(), token.ID, noon); err != nil {
				t.Fatalf("before: %v", err)
			}
			if test.after != nil {
				test.after(t, db, alice, session)
			}
			if who, err := db.Tokens.Find(t.Context(), token.ID, test.at); !errors.Is(err, ErrNotFound) || who != (Identity{}) {
				t.Errorf("found %+v, %v", who, err)
			}
			if _, err := db.Tokens.Find(t.Context(), bobs.ID, test.at); err != nil {
				t.Errorf("another user's token: %v", err)
			}
		})
	}
}

// Where all connections are busy, who waits for one waits no longer than the request may take.
func TestFindWaitsNoLongerThanItsRequest(t *testing.T) {
	db := newDB(t)
	for range cap(db.Tokens.turns) {
		db.Tokens.turns <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := db.Tokens.Find(ctx, "any", noon); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// Who is let in must not hang on questions that take longer.
func TestFindWaitsForNoOtherQuestion(t *testing.T) {
	db := newDB(t)
	for range db.reader.Stats().MaxOpenConnections {
		conn, err := db.reader.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
	}
	found := make(chan error, 1)
	go func() {
		_, err := db.Tokens.Find(t.Context(), "any", noon)
		found <- err
	}()
	select {
	case err := <-found:
		if !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits")
	}
}

func TestFindRefusesWhatWasNeverIssued(t *testing.T) {
	db := newDB(t)
	session, _ := addLogin(t, db, addUser(t, db, "alice"))
	for _, id := range []string{"", "unknown", "%", session.ID} {
		if who, err := db.Tokens.Find(t.Context(), id, noon); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: found %+v, %v", id, who, err)
		}
	}
}

// This is asked for every request, so it must not slow down as the tables grow.
func TestFindUsesIndexesOnly(t *testing.T) {
	db := newDB(t)
	// database/sql keeps the text of a prepared statement to itself.
	query := reflect.ValueOf(db.Tokens.find).Elem().FieldByName("query").String()
	rows, err := db.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, noon, "id")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(steps) != 3 {
		t.Errorf("the plan has %d steps, want one for each table: %q", len(steps), steps)
	}
	for _, step := range steps {
		if !strings.Contains(step, "USING INDEX") && !strings.Contains(step, "USING COVERING INDEX") || strings.Contains(step, "SCAN") {
			t.Errorf("a table is read without an index: %s", step)
		}
	}
}
