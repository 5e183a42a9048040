package middleware

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

const upgradeKey = "upgrade"

// Handshake refuses a malformed opening handshake (RFC 6455, section 4.2.1)
// before anything is asked of the database. A request without Upgrade is let through: it
// asks how the handshake would end, and the room answers that.
func Handshake(c *gin.Context) {
	if !hasToken(c.Request.Header, "Upgrade", "websocket") {
		return
	}
	c.Set(upgradeKey, true)
	if fault := handshakeFault(c.Request); fault != "" {
		c.Header("Connection", "close")
		c.Header("Sec-WebSocket-Version", "13")
		refuse(c, &Refusal{Code: "bad_handshake", Detail: fault})
	}
}

// IsUpgrade tells whether the request wants a socket, and not only to know whether it would get one.
func IsUpgrade(c *gin.Context) bool { return c.GetBool(upgradeKey) }

func handshakeFault(r *http.Request) string {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	switch {
	case !r.ProtoAtLeast(1, 1):
		return "A handshake needs HTTP/1.1. In nginx that is proxy_http_version 1.1."
	case !hasToken(r.Header, "Connection", "upgrade"):
		return "The header Connection: Upgrade is missing. A proxy in between may have dropped it."
	case len(r.Header.Values("Sec-WebSocket-Version")) != 1 || r.Header.Get("Sec-WebSocket-Version") != "13":
		return "Sec-WebSocket-Version must be 13."
	case len(r.Header.Values("Sec-WebSocket-Key")) != 1 || err != nil || len(key) != 16:
		return "Sec-WebSocket-Key must be 16 bytes in base64."
	default:
		return ""
	}
}

// hasToken looks for a word in a header that is a list of words, without regard to case.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for word := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(word, " \t"), token) {
				return true
			}
		}
	}
	return false
}
