package middleware

import (
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/models"
)

// ticketTokenKey is where a request keeps the id of the token that its ticket stands for.
const ticketTokenKey = "ticket_token"

var errInvalidTicket error = &Refusal{
	Code:   "invalid_token",
	Detail: "The ticket is not valid for this room, or no longer: it can be used once, within 30 seconds. Ask for another.",
}

// SpendTicket uses up the ticket that TokenSource found, if it found one. A
// request that only asks how a handshake would end leaves the ticket as it is.
func SpendTicket(tickets models.Tickets, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		raw := c.GetString(ticketKey)
		if raw == "" {
			return
		}
		take := tickets.Spend
		if !IsUpgrade(c) {
			take = tickets.Peek
		}
		tokenID, err := take(c.Request.Context(), raw, c.Param("room"), now())
		if errors.Is(err, models.ErrNotFound) {
			err = errInvalidTicket
		}
		if err != nil {
			refuse(c, err)
			return
		}
		c.Set(ticketTokenKey, tokenID)
	}
}
