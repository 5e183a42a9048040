package models

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// reuseGrace is how long after a rotation the refresh token before it may still
// arrive without ending the session: two tabs can use one at the same time.
const reuseGrace = 10 * time.Second

// ErrReused means that a refresh token came that is of a session, but is not its newest.
// Two people may have it, so the session has been ended.
var ErrReused = errors.New("the refresh token was used before")

// Session is one login on one device.
type Session struct {
	ID                  string
	UserID              string
	RefreshFamily       string // hash of what all its refresh tokens begin with
	RefreshHash         string
	PreviousRefreshHash *string
	RotatedAt           *time.Time
	UserAgent           string
	IP                  string
	CreatedAt           time.Time
	LastUsedAt          time.Time // the login, or the last refresh
	ExpiresAt           time.Time
	EndedAt             *time.Time
}

// Sessions is the store of the sessions table.
type Sessions struct {
	pools
	alive *sql.Stmt
}

// aliveAtOnce is how many sessions one statement is asked about.
const aliveAtOnce = 500

func newSessions(ctx context.Context, p pools, reader *sql.DB) (Sessions, error) {
	alive, err := reader.PrepareContext(ctx,
		"SELECT id FROM sessions WHERE "+liveSession+" AND id IN (?"+strings.Repeat(",?", aliveAtOnce-1)+")")
	return Sessions{pools: p, alive: alive}, err
}

// FirstRefreshToken gives a new session its first refresh token, and returns it.
func (session *Session) FirstRefreshToken() (raw string) {
	family := NewID()
	session.RefreshFamily = hash(family)
	return session.nextRefreshToken(family)
}

// nextRefreshToken returns another of the family. One that is no longer stored
// still tells, by the family, which session it was of.
func (session *Session) nextRefreshToken(family string) (raw string) {
	raw = family + "." + NewID()
	session.RefreshHash = hash(raw)
	return raw
}

// Start stores a new session together with its first token: both or neither.
func (s Sessions) Start(ctx context.Context, session Session, token Token) error {
	return translate(s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := gorm.G[Session](tx).Create(ctx, &session); err != nil {
			return err
		}
		return gorm.G[Token](tx).Create(ctx, &token)
	}))
}

// Owner returns the id of the live session that a refresh token is of, even where it has
// been exchanged for another. ErrNotFound: there is none.
func (s Sessions) Owner(ctx context.Context, raw string, now time.Time) (id string, err error) {
	family, _, _ := strings.Cut(raw, ".")
	session, err := gorm.G[Session](s.read).Select("id").
		Where(liveSession, now.UTC()).Where("refresh_family = ?", hash(family)).Take(ctx)
	return session.ID, translate(err)
}

// Refresh exchanges a refresh token for the next one, and stores the access token
// that renew returns: all or nothing. renew also sets when the session expires.
// ErrNotFound: the token is no good. ErrReused: the session is ended by this.
func (s Sessions) Refresh(ctx context.Context, raw string, now time.Time, renew func(*Session) (Token, error)) (session Session, next string, err error) {
	now = now.UTC()
	id, err := s.Owner(ctx, raw, now)
	if err != nil {
		return session, "", err // nonsense does not wait for the writer
	}
	reused := false
	err = s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		if session, err = gorm.G[Session](tx).Where(liveSession, now).Where("id = ?", id).Take(ctx); err != nil {
			return err
		}
		presented := hash(raw)
		if presented != session.RefreshHash {
			if session.rotatedJustNow(presented, now) {
				return gorm.ErrRecordNotFound
			}
			reused = true
			_, err = gorm.G[Session](tx).Where("id = ?", session.ID).Update(ctx, "ended_at", now)
			return err
		}
		token, err := renew(&session)
		if err != nil {
			return err
		}
		family, _, _ := strings.Cut(raw, ".")
		next = session.nextRefreshToken(family)
		session.PreviousRefreshHash, session.RotatedAt, session.LastUsedAt = &presented, &now, now
		err = oneRow(gorm.G[Session](tx).Where("id = ? AND refresh_hash = ?", session.ID, presented).Updates(ctx, session))
		if err != nil {
			return err
		}
		return gorm.G[Token](tx).Create(ctx, &token)
	})
	if reused && err == nil {
		return session, "", ErrReused
	}
	return session, next, translate(err)
}

func (session *Session) rotatedJustNow(presented string, now time.Time) bool {
	return session.PreviousRefreshHash != nil && *session.PreviousRefreshHash == presented &&
		now.Sub(*session.RotatedAt).Abs() < reuseGrace // the clock may have been put back
}

// liveSession is true of the sessions that are neither ended nor expired, of users who are not disabled.
const liveSession = `sessions.ended_at IS NULL AND sessions.expires_at > ?
	AND EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND users.disabled_at IS NULL)`

// List returns a user's live sessions, the newest first.
func (s Sessions) List(ctx context.Context, userID string, now time.Time) ([]Session, error) {
	list, err := gorm.G[Session](s.read).Where(liveSession, now.UTC()).
		Where("user_id = ?", userID).Order("created_at DESC").Find(ctx)
	return list, translate(err)
}

// Dead returns those of the sessions that are not live. It is asked often, about
// every session that has a socket open.
func (s Sessions) Dead(ctx context.Context, ids []string, now time.Time) ([]string, error) {
	alive := map[string]bool{}
	for some := range slices.Chunk(ids, aliveAtOnce) {
		args := make([]any, 1+aliveAtOnce) // what is not filled is NULL, which no id is
		args[0] = now.UTC()
		for i, id := range some {
			args[1+i] = id
		}
		if err := s.addAlive(ctx, alive, args); err != nil {
			return nil, translate(err)
		}
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return alive[id] }), nil
}

func (s Sessions) addAlive(ctx context.Context, alive map[string]bool, args []any) error {
	rows, err := s.alive.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		alive[id] = true
	}
	return rows.Err()
}

// End ends a session, and with it every token and ticket it gave out.
// ErrNotFound: this user has no such session, or it has ended.
func (s Sessions) End(ctx context.Context, userID, id string, now time.Time) error {
	return oneRow(gorm.G[Session](s.write).Where(liveSession, now.UTC()).
		Where("id = ? AND user_id = ?", id, userID).
		Update(ctx, "ended_at", now.UTC()))
}

// EndAll ends every session of a user.
func (s Sessions) EndAll(ctx context.Context, userID string, now time.Time) error {
	_, err := gorm.G[Session](s.write).
		Where("user_id = ? AND ended_at IS NULL", userID).
		Update(ctx, "ended_at", now.UTC())
	return translate(err)
}
