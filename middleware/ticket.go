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

// FindTicket looks up the ticket that TokenSource found, if it found one, and leaves
// it as it is: what comes after may still refuse the handshake.
func FindTicket(tickets models.Tickets, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		raw := c.GetString(ticketKey)
		if raw == "" {
			return
		}
		tokenID, err := tickets.Peek(c.Request.Context(), raw, c.Param("room"), now())
		if err != nil {
			refuse(c, ticketError(err))
			return
		}
		c.Set(ticketTokenKey, tokenID)
	}
}

// SpendTicket uses up the ticket that the request came in by, if it came in by one.
// Of many with one ticket, one passes. After it only the seat is taken.
func SpendTicket(c *gin.Context, tickets models.Tickets, now time.Time) error {
	raw := c.GetString(ticketKey)
	if raw == "" {
		return nil
	}
	return ticketError(tickets.Spend(c.Request.Context(), raw, c.Param("room"), now))
}

func ticketError(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return errInvalidTicket
	}
	return err
}
