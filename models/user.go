package models

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"
)

// User is a person who registered.
type User struct {
	ID           string
	Username     string // as registered
	UsernameKey  string // in lower case
	PasswordHash string
	DisabledAt   *time.Time
	CreatedAt    time.Time
}

// Users is the store of the users table.
type Users struct{ pools }

// Create stores a new user. ErrConflict: the name is taken, in whatever case.
func (s Users) Create(ctx context.Context, username, passwordHash string, now time.Time) (User, error) {
	user := User{
		ID:           NewID(),
		Username:     username,
		UsernameKey:  strings.ToLower(username),
		PasswordHash: passwordHash,
		CreatedAt:    now.UTC(),
	}
	return user, translate(gorm.G[User](s.write).Create(ctx, &user))
}

// ByName finds a user by name, in whatever case, disabled or not. ErrNotFound: no such name.
func (s Users) ByName(ctx context.Context, username string) (User, error) {
	user, err := gorm.G[User](s.read).Where("username_key = ?", strings.ToLower(username)).Take(ctx)
	return user, translate(err)
}

// ByID finds a user, disabled or not. ErrNotFound: no such user.
func (s Users) ByID(ctx context.Context, id string) (User, error) {
	user, err := gorm.G[User](s.read).Where("id = ?", id).Take(ctx)
	return user, translate(err)
}
