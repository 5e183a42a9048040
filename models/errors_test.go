package models

import (
	"context"
	"errors"
	"testing"
)

// everyCall is each store method, once.
func everyCall(db *DB) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Users.Create": func(ctx context.Context) error {
			_, err := db.Users.Create(ctx, "alice", NobodysHash, noon)
			return err
		},
		"Users.ByName": func(ctx context.Context) error {
			_, err := db.Users.ByName(ctx, "alice")
			return err
		},
		"Users.ByID": func(ctx context.Context) error {
			_, err := db.Users.ByID(ctx, "id")
			return err
		},
		"Sessions.Start": func(ctx context.Context) error {
			return db.Sessions.Start(ctx, Session{ID: "session"}, Token{ID: "token"})
		},
		"Sessions.End": func(ctx context.Context) error {
			return db.Sessions.End(ctx, "user", "session", noon)
		},
		"Sessions.Refresh": func(ctx context.Context) error {
			_, _, err := db.Sessions.Refresh(ctx, "session.raw", noon, func(*Session) (Token, error) { return Token{}, nil })
			return err
		},
		"Sessions.List": func(ctx context.Context) error {
			_, err := db.Sessions.List(ctx, "user", noon)
			return err
		},
		"Sessions.Dead": func(ctx context.Context) error {
			_, err := db.Sessions.Dead(ctx, []string{"session"}, noon)
			return err
		},
		"Sessions.EndAll": func(ctx context.Context) error {
			return db.Sessions.EndAll(ctx, "user", noon)
		},
		"Tokens.Find": func(ctx context.Context) error {
			_, err := db.Tokens.Find(ctx, "token", noon)
			return err
		},
		"Tickets.Issue": func(ctx context.Context) error {
			_, err := db.Tickets.Issue(ctx, "token", "lobby", noon)
			return err
		},
		"Tickets.Spend": func(ctx context.Context) error {
			return db.Tickets.Spend(ctx, "raw", "lobby", noon)
		},
		"Tickets.Peek": func(ctx context.Context) error {
			_, err := db.Tickets.Peek(ctx, "raw", "lobby", noon)
			return err
		},
		"Attempts.Wait": func(ctx context.Context) error {
			_, err := db.Attempts.Wait(ctx, "alice", "127.0.0.1", noon)
			return err
		},
		"Attempts.Settle": func(ctx context.Context) error {
			_, err := db.Attempts.Settle(ctx, "alice", "127.0.0.1", false, noon)
			return err
		},
		"Attempts.Register": func(ctx context.Context) error {
			_, err := db.Attempts.Register(ctx, "127.0.0.1", noon)
			return err
		},
		"Sweep": func(ctx context.Context) error { return db.Sweep(ctx, noon) },
		"Ping":  db.Ping,
	}
}

// A database that is gone must never look like a row that is not there: the
// client would be told that its token is bad.
func TestClosedDatabaseIsUnavailable(t *testing.T) {
	db := newDB(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range everyCall(db) {
		t.Run(name, func(t *testing.T) {
			if err := call(t.Context()); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotFound) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestEndedContextIsUnavailable(t *testing.T) {
	db := newDB(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range everyCall(db) {
		t.Run(name, func(t *testing.T) {
			if err := call(ended); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
