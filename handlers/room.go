package handlers

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/handlers/hub"
	"example.com/handshake/middleware"
	"example.com/handshake/models"
)

var roomPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// rooms has the route of the socket. All is decided before the upgrade, because
// afterwards there is no status to answer with.
type rooms struct {
	hub     *hub.Hub
	bearer  *middleware.Bearer
	tickets models.Tickets
	now     func() time.Time
}

func validateRoom(name string) error {
	if roomPattern.MatchString(name) {
		return nil
	}
	return &middleware.Refusal{
		Code: "invalid_input", Detail: "This is not the name of a room.",
		Fields: []middleware.FieldFault{{Field: "room", Detail: "Use 1 to 64 of the letters A-Z and a-z, digits, underscore and hyphen."}},
	}
}

// validRoom refuses a name that no room can have.
func validRoom(c *gin.Context) error { return validateRoom(c.Param("room")) }

// join opens the socket, or tells one who only asks that it would have.
func (r *rooms) join(c *gin.Context) error {
	who := middleware.CurrentSession(c)
	if err := r.hub.HasSeat(who.UserID); err != nil {
		return noSeat(err)
	}
	if !middleware.IsUpgrade(c) {
		c.Header("Connection", "Upgrade")
		c.Header("Upgrade", "websocket")
		return refusal("upgrade_required", "This handshake would be let in. Ask again with Upgrade: websocket.")
	}
	if err := middleware.SpendTicket(c, r.tickets, r.now()); err != nil {
		return err
	}
	if err := r.hub.Reserve(who.UserID); err != nil {
		return noSeat(err)
	}
	c.Status(http.StatusSwitchingProtocols) // for the access log
	// The name is part of the URL, which can hold a secret: a copy of it lets the URL be forgotten.
	room := strings.Clone(c.Param("room"))
	joining := member(who, middleware.Via(c))
	joining.Saw = middleware.SawOf(c)
	if err := r.hub.Join(c.Writer, c.Request, room, joining, r.renew); err != nil {
		return refusal("bad_handshake", "The handshake could not be completed: "+err.Error())
	}
	return nil
}

// renew checks a token that came by a frame, as the gate does one that came by a request.
func (r *rooms) renew(raw string) (hub.Member, error) {
	who, err := r.bearer.Check(context.Background(), raw)
	if refused, ok := errors.AsType[*middleware.Refusal](err); ok {
		if refused.Code == "token_expired" {
			return hub.Member{}, hub.ErrTokenExpired
		}
		return hub.Member{}, hub.ErrTokenInvalid
	}
	return member(who, ""), err
}

func member(who models.Identity, via string) hub.Member {
	return hub.Member{
		UserID:    who.UserID,
		Username:  who.Username,
		SessionID: who.SessionID,
		Via:       via,
		IssuedAt:  who.IssuedAt,
		ExpiresAt: who.ExpiresAt,
	}
}

func noSeat(err error) error {
	switch {
	case errors.Is(err, hub.ErrUserFull):
		return &middleware.Refusal{
			Code: "too_many_connections", Detail: "You have as many connections open as one user may have. Close one.", RetryAfter: 10 * time.Second,
		}
	case errors.Is(err, hub.ErrFull):
		return &middleware.Refusal{Code: "full", Detail: "The server has as many connections as it takes. Try again later.", RetryAfter: 10 * time.Second}
	default:
		return errShuttingDown
	}
}
