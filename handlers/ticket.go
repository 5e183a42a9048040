package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/middleware"
	"example.com/handshake/models"
)

// ticketLife is how long a ticket waits to be spent.
const ticketLife = 30 * time.Second

// tickets has the route that issues a ticket. Package middleware spends it.
type tickets struct {
	tickets models.Tickets
	now     func() time.Time
}

func (t tickets) issue(c *gin.Context) error {
	var in struct {
		Room string `json:"room"`
	}
	if err := readBody(c, &in); err != nil {
		return err
	}
	if err := validateRoom(in.Room); err != nil {
		return err
	}
	tokenID := middleware.CurrentSession(c).TokenID
	raw, err := t.tickets.Issue(c.Request.Context(), tokenID, in.Room, t.now().Add(ticketLife))
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusCreated, gin.H{"ticket": raw, "room": in.Room, "expires_in": int(ticketLife / time.Second)})
	return nil
}
