package middleware

import "github.com/gin-gonic/gin"

// contentPolicy lets a page load its own files and nothing else, run no script
// or style that is written into the page, and be framed by nobody.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// SecurityHeaders tells browsers what replies of this app may do. With https, they
// are told to come by https alone for a year.
func SecurityHeaders(https bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Content-Security-Policy", contentPolicy)
		c.Header("X-Content-Type-Options", "nosniff")
		c.Header("Referrer-Policy", "no-referrer")
		c.Header("Cross-Origin-Opener-Policy", "same-origin")
		c.Header("Cross-Origin-Resource-Policy", "same-origin")
		if https {
			c.Header("Strict-Transport-Security", "max-age=31536000")
		}
	}
}
