package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/handlers/hub"
	"example.com/handshake/middleware"
	"example.com/handshake/models"
)

// maxUserAgent is how much of a User-Agent header is kept, in bytes.
const maxUserAgent = 256

// sessions has the routes that start and end a login on a device.
type sessions struct {
	users    models.Users
	sessions models.Sessions
	bearer   *middleware.Bearer
	hub      *hub.Hub
	life     time.Duration
	now      func() time.Time
}

type tokenReply struct {
	AccessToken string    `json:"access_token"`
	TokenType   string    `json:"token_type"`
	ExpiresIn   int       `json:"expires_in"` // seconds
	ExpiresAt   time.Time `json:"expires_at"`
	SessionID   string    `json:"session_id"`
}

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
	session := models.Session{
		ID:         models.NewID(),
		UserID:     user.ID,
		UserAgent:  c.Request.UserAgent()[:min(maxUserAgent, len(c.Request.UserAgent()))],
		IP:         c.ClientIP(),
		CreatedAt:  now,
		LastUsedAt: now,
		ExpiresAt:  now.Add(s.life),
	}
	raw, token, err := s.bearer.Sign(user.ID, session.ID)
	if err != nil {
		return err
	}
	if err := s.sessions.Start(c.Request.Context(), session, token); err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, tokenReply{
		AccessToken: raw,
		TokenType:   "Bearer",
		ExpiresIn:   int(token.ExpiresAt.Sub(token.IssuedAt.Truncate(time.Second)) / time.Second),
		ExpiresAt:   token.ExpiresAt,
		SessionID:   session.ID,
	})
	return nil
}

// authenticate tells nobody whether it was the name or the password that is wrong,
// by word or by time: an unknown name costs one hash, as a known one does.
func (s sessions) authenticate(c *gin.Context, in credentials) (models.User, error) {
	user, err := s.users.ByName(c.Request.Context(), in.Username)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return models.User{}, err
	}
	hash := user.PasswordHash
	if hash == "" {
		hash = models.NobodysHash
	}
	right, err := models.CheckPassword(c.Request.Context(), hash, in.Password)
	if err != nil {
		return models.User{}, err
	}
	if !right || user.DisabledAt != nil {
		return models.User{}, errBadCredentials
	}
	return user, nil
}

// logout ends the session that the request's token belongs to, and its sockets.
func (s sessions) logout(c *gin.Context) error {
	who := middleware.CurrentSession(c)
	err := s.sessions.End(c.Request.Context(), who.UserID, who.SessionID, s.now())
	if err != nil && !errors.Is(err, models.ErrNotFound) { // ended meanwhile: that is what was asked for
		return err
	}
	s.hub.EndSession(who.SessionID, hub.SessionEnded)
	c.Status(http.StatusNoContent)
	return nil
}
