package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// Session is one login on one device.
type Session struct {
	ID         string
	UserID     string
	UserAgent  string
	IP         string
	CreatedAt  time.Time
	LastUsedAt time.Time
	ExpiresAt  time.Time // the latest moment it can live to
	EndedAt    *time.Time
}

// Sessions is the store of the sessions table.
type Sessions struct{ pools }

// Start stores a new session together with its first token: both or neither.
func (s Sessions) Start(ctx context.Context, session Session, token Token) error {
	return translate(s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := gorm.G[Session](tx).Create(ctx, &session); err != nil {
			return err
		}
		return gorm.G[Token](tx).Create(ctx, &token)
	}))
}

// End ends a session, and with it every token and ticket it gave out.
// ErrNotFound: this user has no such session, or it has ended.
func (s Sessions) End(ctx context.Context, userID, id string, now time.Time) error {
	return oneRow(gorm.G[Session](s.write).
		Where("id = ? AND user_id = ? AND ended_at IS NULL", id, userID).
		Update(ctx, "ended_at", now.UTC()))
}
