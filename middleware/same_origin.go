package middleware

import (
	"log/slog"
	"slices"

	"github.com/gin-gonic/gin"
)

// SameOrigin refuses what a page of another origin sends, for a route that goes by
// a cookie. SameSite=Strict keeps the cookie from other sites; this also keeps out
// other origins of the same site. A program that is no browser says neither, and
// has the cookie because it is the cookie's owner.
func SameOrigin(own []string, log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		header := c.Request.Header
		site, origins := header.Get("Sec-Fetch-Site"), header.Values("Origin")
		foreignSite := site != "" && site != "same-origin"
		foreignOrigin := len(origins) > 1 || len(origins) == 1 && !slices.Contains(own, origins[0])
		if foreignSite || foreignOrigin {
			log.Warn("foreign page refused: where it is the app's own, PUBLIC_URL must name its address",
				"origin", origins, "request_id", RequestID(c))
			refuse(c, &Refusal{Code: "cross_origin", Detail: "Only this app's own pages may do this."})
		}
	}
}
