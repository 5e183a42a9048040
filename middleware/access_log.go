package middleware

import (
	"errors"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/models"
)

const (
	requestIDKey  = "request_id"
	accessMessage = "request" // of the one line that each request has
)

// RequestID is the word under which a reply and the log speak of the same request.
func RequestID(c *gin.Context) string { return c.GetString(requestIDKey) }

// AccessLog gives each request an id and writes one line when it has been
// answered. It names the route and not the URL, whose query can hold a secret.
func AccessLog(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		started := time.Now()
		id := models.NewID()
		c.Set(requestIDKey, id)
		c.Header("X-Request-Id", id)
		c.Next()

		route := c.FullPath()
		if route == "" {
			route = "(none)"
		}
		line := []slog.Attr{
			slog.String("method", c.Request.Method),
			slog.String("route", route),
			slog.Int("status", c.Writer.Status()),
			slog.Duration("took", time.Since(started)),
			slog.String("ip", c.ClientIP()),
			slog.String("request_id", id),
		}
		if via := Via(c); via != "" {
			line = append(line, slog.String("via", via))
		}
		if last := c.Errors.Last(); last != nil {
			if refusal, ok := errors.AsType[*Refusal](last.Err); ok {
				line = append(line, slog.String("code", refusal.Code))
			}
		}
		log.LogAttrs(c.Request.Context(), slog.LevelInfo, accessMessage, line...)
	}
}
