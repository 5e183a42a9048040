package models

import (
	"context"
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
type Tickets struct{ pools }

// Issue stores a new ticket and returns it. Only its hash is kept.
func (s Tickets) Issue(ctx context.Context, tokenID, room string, expires time.Time) (raw string, err error) {
	raw = NewID()
	ticket := Ticket{Hash: hash(raw), TokenID: tokenID, Room: room, ExpiresAt: expires.UTC()}
	return raw, translate(gorm.G[Ticket](s.write).Create(ctx, &ticket))
}

// Spend uses the ticket up and returns the id of the token it stands for. It is one
// conditional statement, so of a hundred who try at once one succeeds.
// ErrNotFound: there is no such ticket for this room, or it has expired or was spent.
func (s Tickets) Spend(ctx context.Context, raw, room string, now time.Time) (tokenID string, err error) {
	var spent []Ticket
	err = s.write.WithContext(ctx).Raw(
		"DELETE FROM tickets WHERE hash = ? AND room = ? AND expires_at > ? RETURNING token_id",
		hash(raw), room, now.UTC()).Scan(&spent).Error
	if err != nil {
		return "", translate(err)
	}
	if len(spent) == 0 {
		return "", ErrNotFound
	}
	return spent[0].TokenID, nil
}

// Peek is Spend that leaves the ticket as it is.
func (s Tickets) Peek(ctx context.Context, raw, room string, now time.Time) (tokenID string, err error) {
	ticket, err := gorm.G[Ticket](s.read).
		Where("hash = ? AND room = ? AND expires_at > ?", hash(raw), room, now.UTC()).Take(ctx)
	return ticket.TokenID, translate(err)
}
