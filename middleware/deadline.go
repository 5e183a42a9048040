package middleware

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"
)

// Deadline ends the context of a request after life, so that whoever waits for a
// core, or to write to the database, gets an answer while the connection can still carry it.
func Deadline(life time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), life)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}
