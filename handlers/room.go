package handlers

import (
	"errors"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"

	"example.com/handshake/handlers/hub"
	"example.com/handshake/middleware"
)

var roomPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// rooms has the route of the socket. All is decided before the upgrade, because
// afterwards there is no status to answer with.
type rooms struct {
	hub      *hub.Hub
	upgrader *websocket.Upgrader
}

func newRooms(h *hub.Hub) rooms {
	return rooms{hub: h, upgrader: &websocket.Upgrader{
		Subprotocols: []string{middleware.Subprotocol},
		// middleware.Origin has decided. The default compares with the Host header, which the client chose.
		CheckOrigin: func(*http.Request) bool { return true },
		// What gorilla has to say goes to the caller as an error, and is told as all errors are.
		Error: func(http.ResponseWriter, *http.Request, int, error) {},
		// Small buffers of its own, so that net/http's larger ones are let go.
		ReadBufferSize:  512,
		WriteBufferSize: 512,
		WriteBufferPool: new(sync.Pool),
	}}
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

// validRoom refuses a name that no room can have before a ticket is spent on it.
func validRoom(c *gin.Context) error { return validateRoom(c.Param("room")) }

// join opens the socket, or tells one who only asks that it would have.
func (r rooms) join(c *gin.Context) error {
	who := middleware.CurrentSession(c)
	if err := r.hub.Reserve(who.UserID); err != nil {
		return noSeat(err)
	}
	if !middleware.IsUpgrade(c) {
		r.hub.Release(who.UserID)
		c.Header("Upgrade", "websocket")
		return refusal("upgrade_required", "This handshake would be let in. Ask again with Upgrade: websocket.")
	}
	c.Status(http.StatusSwitchingProtocols) // for the access log
	conn, err := r.upgrader.Upgrade(c.Writer, c.Request, nil)
	if err != nil {
		r.hub.Release(who.UserID)
		return refusal("bad_handshake", "The handshake could not be completed: "+err.Error())
	}
	r.hub.Join(conn, c.Param("room"), hub.Member{
		UserID:    who.UserID,
		Username:  who.Username,
		SessionID: who.SessionID,
		Via:       middleware.Via(c),
		ExpiresAt: who.ExpiresAt,
	})
	return nil
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
		return &middleware.Refusal{Code: "shutting_down", Detail: "The server is going away. Try again.", RetryAfter: time.Second}
	}
}
