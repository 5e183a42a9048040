package models

import (
	"errors"
	"testing"
)

func TestUsernameIsTakenInWhateverCase(t *testing.T) {
	db := newDB(t)
	addUser(t, db, "Alice")
	for _, name := range []string{"Alice", "alice", "ALICE"} {
		if _, err := db.Users.Create(t.Context(), name, NobodysHash, noon); !errors.Is(err, ErrConflict) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	addUser(t, db, "alice2")
}

func TestUserIsFoundInWhateverCase(t *testing.T) {
	db := newDB(t)
	alice := addUser(t, db, "Alice")
	addUser(t, db, "bob")
	for _, name := range []string{"Alice", "alice", "aLICE"} {
		found, err := db.Users.ByName(t.Context(), name)
		if err != nil || found.ID != alice.ID || found.Username != "Alice" || found.PasswordHash != NobodysHash || !found.CreatedAt.Equal(noon) {
			t.Errorf("%s: found %+v, %v", name, found, err)
		}
	}
	if found, err := db.Users.ByID(t.Context(), alice.ID); err != nil || found.Username != "Alice" {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestUnknownUserIsNotFound(t *testing.T) {
	db := newDB(t)
	addUser(t, db, "alice")
	for _, name := range []string{"", "bob", "alic", "alice ", "%", "' OR 1 = 1 --"} {
		if found, err := db.Users.ByName(t.Context(), name); !errors.Is(err, ErrNotFound) {
			t.Errorf("by the name %q: %+v, %v", name, found, err)
		}
		if found, err := db.Users.ByID(t.Context(), name); !errors.Is(err, ErrNotFound) {
			t.Errorf("by the id %q: %+v, %v", name, found, err)
		}
	}
}

func TestNewDatabaseHasNoUser(t *testing.T) {
	if n := ask[int](t, newDB(t).reader, "SELECT count(*) FROM users"); n != 0 {
		t.Errorf("there are %d", n)
	}
}
