package models

import (
	"bytes"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// addTicket is a ticket of half a minute for the lobby.
func addTicket(t *testing.T, db *DB, token Token) (raw string) {
	t.Helper()
	raw, err := db.Tickets.Issue(t.Context(), token.ID, "lobby", noon.Add(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestTicketIsSpentOnce(t *testing.T) {
	db := newDB(t)
	_, token := addLogin(t, db, addUser(t, db, "alice"))
	raw, other := addTicket(t, db, token), addTicket(t, db, token)
	if raw == other {
		t.Fatal("two tickets are the same")
	}
	if err := db.Tickets.Spend(t.Context(), raw, "lobby", noon); err != nil {
		t.Errorf("first: %v", err)
	}
	if err := db.Tickets.Spend(t.Context(), raw, "lobby", noon); !errors.Is(err, ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if err := db.Tickets.Spend(t.Context(), other, "lobby", noon); err != nil {
		t.Errorf("the other: %v", err)
	}
}

// Some of the hundred come by a connection of another program.
func TestOneOfAHundredSpendsTheTicket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, other := openDB(t, path), openDB(t, path)
	_, token := addLogin(t, db, addUser(t, db, "alice"))
	raw := addTicket(t, db, token)

	var spent atomic.Int32
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i := range 100 {
		ready.Add(1)
		done.Go(func() {
			tickets := []Tickets{db.Tickets, other.Tickets}[i%2]
			ready.Done()
			<-begin
			err := tickets.Spend(t.Context(), raw, "lobby", noon)
			switch {
			case err == nil:
				spent.Add(1)
			case !errors.Is(err, ErrNotFound):
				t.Error(err)
			}
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	if n := spent.Load(); n != 1 {
		t.Errorf("it was spent %d times", n)
	}
}

func TestTicketThatIsRefusedIsNotSpent(t *testing.T) {
	db := newDB(t)
	_, token := addLogin(t, db, addUser(t, db, "alice"))
	raw := addTicket(t, db, token)
	tests := []struct {
		name, raw, room string
		at              time.Time
	}{
		{"another room", raw, "kitchen", noon},
		{"the room in another case", raw, "Lobby", noon},
		{"no room", raw, "", noon},
		{"expired", raw, "lobby", noon.Add(30 * time.Second)},
		{"long expired", raw, "lobby", noon.Add(time.Hour)},
		{"another ticket", "AAAAAAAAAAAAAAAAAAAAAAAAAA", "lobby", noon},
		{"none", "", "lobby", noon},
		{"its hash, as one who has read the database would try", hash(raw), "lobby", noon},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if id, err := db.Tickets.Peek(t.Context(), test.raw, test.room, test.at); !errors.Is(err, ErrNotFound) || id != "" {
				t.Errorf("peek: %q, %v", id, err)
			}
			if err := db.Tickets.Spend(t.Context(), test.raw, test.room, test.at); !errors.Is(err, ErrNotFound) {
				t.Errorf("spend: %v", err)
			}
		})
	}
	if err := db.Tickets.Spend(t.Context(), raw, "lobby", noon.Add(30*time.Second-1)); err != nil {
		t.Errorf("the right way, in its last moment: %v", err)
	}
}

func TestPeekLeavesTheTicket(t *testing.T) {
	db := newDB(t)
	_, token := addLogin(t, db, addUser(t, db, "alice"))
	raw := addTicket(t, db, token)
	for range 3 {
		if id, err := db.Tickets.Peek(t.Context(), raw, "lobby", noon); err != nil || id != token.ID {
			t.Errorf("peek: %q, %v", id, err)
		}
	}
	if err := db.Tickets.Spend(t.Context(), raw, "lobby", noon); err != nil {
		t.Errorf("spend: %v", err)
	}
	if id, err := db.Tickets.Peek(t.Context(), raw, "lobby", noon); !errors.Is(err, ErrNotFound) {
		t.Errorf("peek when it is spent: %q, %v", id, err)
	}
}

func TestTicketOfNoTokenIsRefused(t *testing.T) {
	if _, err := newDB(t).Tickets.Issue(t.Context(), "unknown", "lobby", noon); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the error is %v", err)
	}
}

func TestTicketEndsWithItsUser(t *testing.T) {
	db := newDB(t)
	alice := addUser(t, db, "alice")
	_, token := addLogin(t, db, alice)
	raw := addTicket(t, db, token)
	change(t, db, "DELETE FROM users WHERE id = ?", alice.ID)
	if err := db.Tickets.Spend(t.Context(), raw, "lobby", noon); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// Whoever reads the database, or a backup of it, must not get in with it.
func TestTicketItselfIsNotInTheFile(t *testing.T) {
	folder := t.TempDir()
	db := openDB(t, filepath.Join(folder, "test.db"))
	_, token := addLogin(t, db, addUser(t, db, "alice"))
	raw := addTicket(t, db, token)
	stored := false
	for name, content := range contents(t, folder) {
		if bytes.Contains(content, []byte(raw)) {
			t.Errorf("it is in %s", name)
		}
		stored = stored || bytes.Contains(content, []byte(hash(raw)))
	}
	if !stored {
		t.Error("its hash is in no file, so the search shows nothing")
	}
}
