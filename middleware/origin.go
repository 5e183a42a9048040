package middleware

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// Origin refuses a handshake from a page of another origin. Browsers send a
// handshake to any host that a page names, so the page's own origin is compared,
// exactly, with those allowed, and never with the Host header, which is foreign
// too when a name was rebound to this address. Other programs need send
// none: no way in is ambient, as a cookie would be.
func Origin(allowed []string, log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		origins := c.Request.Header.Values("Origin")
		if len(origins) == 0 || len(origins) == 1 && slices.Contains(allowed, origins[0]) {
			return
		}
		advice := "no setting allows one like this"
		if len(origins) == 1 && strings.HasPrefix(origins[0], "http") {
			advice = "to allow it, add it to ALLOWED_ORIGINS"
		}
		log.Warn("origin refused: "+advice, "origin", origins, "request_id", RequestID(c))
		refuse(c, &Refusal{Code: "origin_not_allowed", Detail: "This origin may not open sockets here. The server's log says which setting would allow it, if one would. A program that is no browser need not send an Origin."})
	}
}
