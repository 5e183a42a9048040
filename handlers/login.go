package handlers

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/middleware"
	"example.com/handshake/models"
)

// maxUserAgent is how many bytes of the header are kept with a session.
const maxUserAgent = 256

// settleWait is how long a login that was tried waits to be counted.
const settleWait = 5 * time.Second

var errBadCredentials = refusal("bad_credentials", "The username or the password is not right.")

func (s sessions) login(c *gin.Context) error {
	var in credentials
	if err := readBody(c, &in); err != nil {
		return err
	}
	user, err := s.authenticate(c, in)
	if err != nil {
		return err
	}
	now := s.now().UTC()
	agent := c.Request.UserAgent()
	agent = strings.ToValidUTF8(agent[:min(maxUserAgent, len(agent))], "")
	session := models.Session{
		ID:         models.NewID(),
		UserID:     user.ID,
		UserAgent:  agent,
		IP:         c.ClientIP(),
		CreatedAt:  now,
		LastUsedAt: now,
		ExpiresAt:  s.expiry(now, now),
	}
	refresh := session.FirstRefreshToken()
	raw, token, err := s.bearer.Sign(user.ID, session.ID)
	if err != nil {
		return err
	}
	if err := s.sessions.Start(c.Request.Context(), session, token); err != nil {
		return err
	}
	s.reply(c, session, refresh, raw, token)
	return nil
}

// authenticate tells nobody whether it was the name or the password that is wrong,
// by word or by time: an unknown name costs one hash, as a known one does.
func (s sessions) authenticate(c *gin.Context, in credentials) (models.User, error) {
	ctx, address := c.Request.Context(), c.ClientIP()
	wait, err := s.attempts.Wait(ctx, in.Username, address, s.now())
	if err != nil {
		return models.User{}, err
	}
	if wait > 0 {
		return models.User{}, tooManyAttempts(wait)
	}
	user, err := s.users.ByName(ctx, in.Username)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return models.User{}, err
	}
	hash := user.PasswordHash
	if hash == "" {
		hash = models.NobodysHash
	}
	right, err := models.CheckPassword(ctx, hash, in.Password)
	if err != nil {
		return models.User{}, err
	}
	right = right && user.DisabledAt == nil
	// It is counted though the client may have gone: it must not get out of the throttle by that.
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWait)
	defer cancel()
	wait, err = s.attempts.Settle(settle, in.Username, address, right, s.now())
	switch {
	case err != nil:
		return models.User{}, err
	case wait > 0:
		return models.User{}, tooManyAttempts(wait)
	case !right:
		return models.User{}, errBadCredentials
	}
	return user, nil
}

func tooManyAttempts(wait time.Duration) error {
	return &middleware.Refusal{Code: "too_many_attempts", Detail: "There were too many attempts. Wait, then try again.", RetryAfter: wait}
}
