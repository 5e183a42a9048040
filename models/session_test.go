package models

import (
	"errors"
	"testing"
	"time"
)

func TestSessionStartsWithItsTokenOrNotAtAll(t *testing.T) {
	db := newDB(t)
	alice := addUser(t, db, "alice")
	_, first := addLogin(t, db, alice)

	second := Session{ID: NewID(), RefreshFamily: NewID(), UserID: alice.ID, ExpiresAt: noon.Add(time.Hour)}
	taken := Token{ID: first.ID, SessionID: second.ID, UserID: alice.ID, ExpiresAt: noon.Add(time.Hour)}
	if err := db.Sessions.Start(t.Context(), second, taken); !errors.Is(err, ErrConflict) {
		t.Errorf("with the id of another token: %v", err)
	}
	ownerless := Token{ID: NewID(), SessionID: second.ID, UserID: "nobody", ExpiresAt: noon.Add(time.Hour)}
	if err := db.Sessions.Start(t.Context(), second, ownerless); !errors.Is(err, ErrUnavailable) {
		t.Errorf("with the token of nobody: %v", err)
	}
	if n := ask[int](t, db.reader, "SELECT count(*) FROM sessions"); n != 1 {
		t.Errorf("there are %d sessions, want the first alone", n)
	}
}

func TestSessionOfNobodyIsRefused(t *testing.T) {
	db := newDB(t)
	session := Session{ID: NewID(), RefreshFamily: NewID(), UserID: "nobody"}
	if err := db.Sessions.Start(t.Context(), session, Token{ID: NewID(), SessionID: session.ID, UserID: "nobody"}); err == nil {
		t.Error("foreign keys are not enforced")
	}
}

func TestSessionEndsOnceAndByItsOwnerOnly(t *testing.T) {
	db := newDB(t)
	alice, bob := addUser(t, db, "alice"), addUser(t, db, "bob")
	ending, endingToken := addLogin(t, db, alice)
	_, otherToken := addLogin(t, db, alice)

	if err := db.Sessions.End(t.Context(), bob.ID, ending.ID, noon); !errors.Is(err, ErrNotFound) {
		t.Errorf("by another user: %v", err)
	}
	if err := db.Sessions.End(t.Context(), alice.ID, "unknown", noon); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
	if _, err := db.Tokens.Find(t.Context(), endingToken.ID, noon); err != nil {
		t.Errorf("its token before the end: %v", err)
	}
	if err := db.Sessions.End(t.Context(), alice.ID, ending.ID, noon); err != nil {
		t.Errorf("by its owner: %v", err)
	}
	if err := db.Sessions.End(t.Context(), alice.ID, ending.ID, noon); !errors.Is(err, ErrNotFound) {
		t.Errorf("a second time: %v", err)
	}
	if _, err := db.Tokens.Find(t.Context(), endingToken.ID, noon); !errors.Is(err, ErrNotFound) {
		t.Errorf("its token after the end: %v", err)
	}
	if _, err := db.Tokens.Find(t.Context(), otherToken.ID, noon); err != nil {
		t.Errorf("the token of another session: %v", err)
	}
}
