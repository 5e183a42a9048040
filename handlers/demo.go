package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/middleware"
	"example.com/handshake/models"
)

// demo has what the page needs to show how each way in ends. It is mounted
// outside release alone; a fork that needs none of it deletes Options.Demo, this
// file, middleware/witness.go and saw.go, and then all that named them.
type demo struct {
	witness *middleware.Witness
	past    *middleware.Bearer // signs what has already expired
}

// newDemo returns nil in release.
func newDemo(o Options, tokens models.Tokens) (*demo, error) {
	if o.Demo == nil {
		return nil, nil
	}
	longAgo := func() time.Time { return o.Now().Add(-o.AccessTokenTTL - time.Hour) }
	past, err := middleware.NewBearer(o.JWTSecret, o.AccessTokenTTL, o.PublicURL, tokens, longAgo)
	return &demo{middleware.NewWitness(o.Demo), past}, err
}

// handshake tells what the server saw of the caller's handshake into a room that
// the caller made up for it.
func (d demo) handshake(c *gin.Context) error {
	seen, err := d.witness.Take(c.Request.Context(), c.Param("room"), middleware.CurrentSession(c).UserID)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, seen)
	return nil
}

// expiredToken signs a token of the caller's that expired an hour ago. No row is
// stored for it, so it is worth nothing even to one who could turn back the clock.
func (d demo) expiredToken(c *gin.Context) error {
	who := middleware.CurrentSession(c)
	raw, _, err := d.past.Sign(who.UserID, who.SessionID)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusCreated, gin.H{"access_token": raw})
	return nil
}
