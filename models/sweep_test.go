package models

import (
	"testing"
	"time"
)

func TestSweepDeletesWhatHasExpiredAndNothingElse(t *testing.T) {
	db := newDB(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ctx := t.Context()
	user, err := db.Users.Create(ctx, "alice", "hash", now)
	if err != nil {
		t.Fatal(err)
	}
	start := func(sessionLife, tokenLife time.Duration) Session {
		session := Session{ID: NewID(), RefreshFamily: NewID(), UserID: user.ID, CreatedAt: now, LastUsedAt: now, ExpiresAt: now.Add(sessionLife)}
		token := Token{ID: NewID(), SessionID: session.ID, UserID: user.ID, IssuedAt: now, ExpiresAt: now.Add(tokenLife)}
		if err := db.Sessions.Start(ctx, session, token); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Tickets.Issue(ctx, token.ID, "lobby", now.Add(30*time.Second)); err != nil {
			t.Fatal(err)
		}
		return session
	}
	start(time.Minute, time.Minute)           // gone after an hour
	start(24*time.Hour, time.Minute)          // its token and ticket are
	ended := start(24*time.Hour, 2*time.Hour) // ended, and its token could still be shown
	if err := db.Sessions.End(ctx, user.ID, ended.ID, now); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Attempts.Settle(ctx, "alice", "192.0.2.1", false, now); err != nil {
		t.Fatal(err)
	}

	for _, step := range []struct {
		after                                      time.Duration
		users, sessions, tokens, tickets, attempts int
	}{
		{time.Minute + 10*time.Second, 1, 3, 3, 3, 3}, // a token just expired may still be shown
		{time.Hour, 1, 2, 1, 0, 1},
		{3 * time.Hour, 1, 1, 0, 0, 1},
		{48 * time.Hour, 1, 0, 0, 0, 0},
	} {
		if err := db.Sweep(ctx, now.Add(step.after)); err != nil {
			t.Fatal(err)
		}
		for table, want := range map[string]int{
			"users": step.users, "sessions": step.sessions, "tokens": step.tokens, "tickets": step.tickets, "login_attempts": step.attempts,
		} {
			var got int
			if err := db.reader.QueryRow("SELECT count(*) FROM " + table).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("after %v: %d %s, want %d", step.after, got, table, want)
			}
		}
	}
}
