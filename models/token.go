package models

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Token is the row of a JWT that was issued.
type Token struct {
	ID        string // the JWT's jti
	SessionID string
	UserID    string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Identity is whom a token speaks for.
type Identity struct {
	TokenID   string
	IssuedAt  time.Time
	ExpiresAt time.Time // when the token ends
	SessionID string
	UserID    string
	Username  string
}

// Tokens is the store of the tokens table.
type Tokens struct {
	find  *sql.Stmt
	turns chan struct{} // as many as there are connections
}

// newTokens prepares the one question that every request asks, past gorm, whose
// reflection would cost more than the question itself. It has connections of its own.
func newTokens(ctx context.Context, connections *sql.DB) (Tokens, error) {
	// With a bare ? in the place of +?, SQLite would think that another value may want another plan, and compile
	// the statement anew each time.
	find, err := connections.PrepareContext(ctx, `
		SELECT t.id, t.issued_at, t.expires_at, t.session_id, t.user_id, u.username
		FROM tokens t
		JOIN sessions s ON s.id = t.session_id AND s.ended_at IS NULL AND s.expires_at > ?
		JOIN users u ON u.id = t.user_id AND u.disabled_at IS NULL
		WHERE t.id = +?`)
	return Tokens{find, make(chan struct{}, connections.Stats().MaxOpenConnections)}, err
}

// Find returns whom the token with this id speaks for. ErrNotFound: it was never
// issued, or its session has ended, or its user is disabled or gone.
func (s Tokens) Find(ctx context.Context, id string, now time.Time) (Identity, error) {
	if err := ctx.Err(); err != nil {
		return Identity{}, translate(err)
	}
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return Identity{}, translate(ctx.Err())
	}
	var who Identity
	// Neither driver needs to be interrupted in a look-up this short, and to be ready for it costs a goroutine.
	// So the wait is above.
	err := s.find.QueryRowContext(context.WithoutCancel(ctx), now.UTC(), id).
		Scan(&who.TokenID, &who.IssuedAt, &who.ExpiresAt, &who.SessionID, &who.UserID, &who.Username)
	if errors.Is(err, sql.ErrNoRows) {
		return Identity{}, ErrNotFound
	}
	return who, translate(err)
}
