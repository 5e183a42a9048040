package models

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gorm.io/gorm"
)

// Ticket is the row of a ticket that was issued and not yet spent.
type Ticket struct {
	Hash      string
	TokenID   string
	Room      string
	ExpiresAt time.Time
}

// Tickets is the store of the tickets table.
type Tickets struct {
	pools
	peek, spend *sql.Stmt
}

func newTickets(ctx context.Context, p pools, reader, writer *sql.DB) (Tickets, error) {
	const good = "hash = ? AND room = ? AND expires_at > ?"
	peek, err := reader.PrepareContext(ctx, "SELECT token_id FROM tickets WHERE "+good)
	if err != nil {
		return Tickets{}, err
	}
	spend, err := writer.PrepareContext(ctx, "DELETE FROM tickets WHERE "+good)
	return Tickets{pools: p, peek: peek, spend: spend}, err
}

// Issue stores a new ticket and returns it. Only its hash is kept.
func (s Tickets) Issue(ctx context.Context, tokenID, room string, expires time.Time) (raw string, err error) {
	raw = NewID()
	ticket := Ticket{Hash: hash(raw), TokenID: tokenID, Room: room, ExpiresAt: expires.UTC()}
	return raw, translate(gorm.G[Ticket](s.write).Create(ctx, &ticket))
}

// Peek returns the id of the token that the ticket stands for.
// ErrNotFound: there is no such ticket for this room, or it has expired or was spent.
func (s Tickets) Peek(ctx context.Context, raw, room string, now time.Time) (tokenID string, err error) {
	err = s.peek.QueryRowContext(ctx, hash(raw), room, now.UTC()).Scan(&tokenID)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	return tokenID, translate(err)
}

// Spend uses the ticket up. It is one conditional statement, so of a hundred who try
// at once one succeeds. ErrNotFound as of Peek.
func (s Tickets) Spend(ctx context.Context, raw, room string, now time.Time) error {
	result, err := s.spend.ExecContext(ctx, hash(raw), room, now.UTC())
	if err != nil {
		return translate(err)
	}
	deleted, err := result.RowsAffected()
	return oneRow(int(deleted), err)
}
