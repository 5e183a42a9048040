package handlers

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/handlers/hub"
	"example.com/handshake/middleware"
	"example.com/handshake/models"
)

const refreshCookie = "refresh_token"

// sessions has the routes that start, keep up and end a login on a device.
type sessions struct {
	users    models.Users
	sessions models.Sessions
	attempts models.Attempts
	bearer   *middleware.Bearer
	hub      *hub.Hub
	life     time.Duration // of a login, however much it is used
	idleLife time.Duration // of a login that is not used
	https    bool
	now      func() time.Time
}

type tokenReply struct {
	AccessToken string    `json:"access_token"`
	TokenType   string    `json:"token_type"`
	ExpiresIn   int       `json:"expires_in"` // seconds
	ExpiresAt   time.Time `json:"expires_at"`
	SessionID   string    `json:"session_id"`
}

type sessionReply struct {
	ID         string    `json:"id"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	UserAgent  string    `json:"user_agent"`
	IP         string    `json:"ip"`
	Current    bool      `json:"current"`
	Sockets    int       `json:"sockets"`
}

var errSessionEnded = refusal("session_ended", "There is no login to refresh, or no longer. Log in again.")

// refresh exchanges the cookie for a fresh token and the next cookie.
func (s sessions) refresh(c *gin.Context) error {
	cookie, err := c.Cookie(refreshCookie)
	if err != nil {
		return errSessionEnded
	}
	var raw string
	var token models.Token
	now := s.now().UTC()
	session, next, err := s.sessions.Refresh(c.Request.Context(), cookie, now, func(session *models.Session) (models.Token, error) {
		session.ExpiresAt = s.expiry(session.CreatedAt, now)
		var err error
		raw, token, err = s.bearer.Sign(session.UserID, session.ID)
		return token, err
	})
	switch {
	case errors.Is(err, models.ErrReused):
		s.hub.EndSessions([]string{session.ID}, hub.SessionEnded)
		s.clearCookie(c)
		return errSessionEnded
	case errors.Is(err, models.ErrNotFound): // the other of two tabs may have the cookie's successor, so it stays
		return errSessionEnded
	case err != nil:
		return err
	}
	s.reply(c, session, next, raw, token)
	return nil
}

// expiry is when a login ends that began at created and was used now.
func (s sessions) expiry(created, now time.Time) time.Time {
	absolute, idle := created.Add(s.life), now.Add(s.idleLife)
	if idle.Before(absolute) {
		return idle
	}
	return absolute
}

func (s sessions) reply(c *gin.Context, session models.Session, refresh, raw string, token models.Token) {
	s.setCookie(c, refresh, session.ExpiresAt.Sub(s.now()))
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, tokenReply{
		AccessToken: raw,
		TokenType:   "Bearer",
		ExpiresIn:   int(token.ExpiresAt.Sub(token.IssuedAt.Truncate(time.Second)) / time.Second),
		ExpiresAt:   token.ExpiresAt,
		SessionID:   session.ID,
	})
}

func (s sessions) setCookie(c *gin.Context, value string, life time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name:     refreshCookie,
		Value:    value,
		Path:     "/api",
		MaxAge:   int(life / time.Second),
		Secure:   s.https,
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
	})
}

func (s sessions) clearCookie(c *gin.Context) { s.setCookie(c, "", -time.Second) }

// list has the person's own logins.
func (s sessions) list(c *gin.Context) error {
	who := middleware.CurrentSession(c)
	found, err := s.sessions.List(c.Request.Context(), who.UserID, s.now())
	if err != nil {
		return err
	}
	sockets := s.hub.SocketsOf(who.UserID)
	list := make([]sessionReply, len(found))
	for i, session := range found {
		list[i] = sessionReply{
			ID:         session.ID,
			CreatedAt:  session.CreatedAt,
			LastUsedAt: session.LastUsedAt,
			ExpiresAt:  session.ExpiresAt,
			UserAgent:  session.UserAgent,
			IP:         session.IP,
			Current:    session.ID == who.SessionID,
			Sockets:    sockets[session.ID],
		}
	}
	c.JSON(http.StatusOK, gin.H{"sessions": list})
	return nil
}

// logout ends the session that the request's token belongs to.
func (s sessions) logout(c *gin.Context) error {
	who := middleware.CurrentSession(c)
	err := s.sessions.End(c.Request.Context(), who.UserID, who.SessionID, s.now())
	if err != nil && !errors.Is(err, models.ErrNotFound) { // it ended meanwhile: that is what was asked for
		return err
	}
	s.confirm(c, who.SessionID)
	return nil
}

// endOne ends one of the person's sessions. Another person's is as good as none.
func (s sessions) endOne(c *gin.Context) error {
	id := c.Param("id")
	if err := s.sessions.End(c.Request.Context(), middleware.CurrentSession(c).UserID, id, s.now()); err != nil {
		return err
	}
	s.confirm(c, id)
	return nil
}

// endAll ends every session of the person, this one too.
func (s sessions) endAll(c *gin.Context) error {
	who := middleware.CurrentSession(c)
	found, err := s.sessions.List(c.Request.Context(), who.UserID, s.now())
	if err != nil {
		return err
	}
	if err := s.sessions.EndAll(c.Request.Context(), who.UserID, s.now()); err != nil {
		return err
	}
	ids := make([]string, len(found))
	for i, session := range found {
		ids[i] = session.ID
	}
	s.confirm(c, ids...)
	return nil
}

// confirm tells the sockets of sessions that have ended, and the client.
func (s sessions) confirm(c *gin.Context, ended ...string) {
	s.hub.EndSessions(ended, hub.SessionEnded)
	if slices.Contains(ended, middleware.CurrentSession(c).SessionID) && !s.hasAnotherLogin(c) {
		s.clearCookie(c)
	}
	c.Status(http.StatusNoContent)
}

// hasAnotherLogin tells whether the cookie is of a login that goes on: somebody has logged in
// anew in another tab of this browser, which has one cookie for all of them.
func (s sessions) hasAnotherLogin(c *gin.Context) bool {
	cookie, err := c.Cookie(refreshCookie)
	if err != nil {
		return false
	}
	_, err = s.sessions.Owner(c.Request.Context(), cookie, s.now())
	return err == nil
}
