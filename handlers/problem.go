package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/middleware"
	"example.com/handshake/models"
)

// statuses has every code that an error can have, and its HTTP status.
var statuses = map[string]int{
	"invalid_input":          http.StatusBadRequest,
	"invalid_request":        http.StatusBadRequest,
	"bad_handshake":          http.StatusBadRequest,
	"no_token":               http.StatusUnauthorized,
	"invalid_token":          http.StatusUnauthorized,
	"token_expired":          http.StatusUnauthorized,
	"bad_credentials":        http.StatusUnauthorized,
	"session_ended":          http.StatusUnauthorized,
	"cross_origin":           http.StatusForbidden,
	"origin_not_allowed":     http.StatusForbidden,
	"not_found":              http.StatusNotFound,
	"method_not_allowed":     http.StatusMethodNotAllowed,
	"username_taken":         http.StatusConflict,
	"content_too_large":      http.StatusRequestEntityTooLarge,
	"unsupported_media_type": http.StatusUnsupportedMediaType,
	"upgrade_required":       http.StatusUpgradeRequired,
	"too_many_attempts":      http.StatusTooManyRequests,
	"too_many_connections":   http.StatusTooManyRequests,
	"full":                   http.StatusServiceUnavailable,
	"shutting_down":          http.StatusServiceUnavailable,
	"internal":               http.StatusInternalServerError,
	"unavailable":            http.StatusServiceUnavailable,
}

// problem is the body of every error (RFC 9457).
type problem struct {
	Type      string                  `json:"type"`
	Title     string                  `json:"title"`
	Status    int                     `json:"status"`
	Detail    string                  `json:"detail"`
	Code      string                  `json:"code"`
	RequestID string                  `json:"request_id"`
	Errors    []middleware.FieldFault `json:"errors,omitempty"`
}

var (
	errNotFound    = refusal("not_found", "There is nothing here.")
	errInternal    = refusal("internal", "Something went wrong here. The server's log has it, under the request_id.")
	errUnavailable = &middleware.Refusal{
		Code: "unavailable", Detail: "The service cannot do this just now. Try again.", RetryAfter: time.Second,
	}
	errShuttingDown = &middleware.Refusal{
		Code: "shutting_down", Detail: "The server is going away. Try again.", RetryAfter: time.Second,
	}
)

func refusal(code, detail string) *middleware.Refusal {
	return &middleware.Refusal{Code: code, Detail: detail}
}

// handle makes a gin handler of one that returns an error, after which nothing
// else runs. Whoever returns one has written nothing.
func handle(fn func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := fn(c); err != nil {
			_ = c.Error(err)
			c.Abort()
		}
	}
}

// writeProblems answers the requests that ended in an error. It is the only place
// that does, so no route can tell a client of one in another form.
func writeProblems(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Next()
		last := c.Errors.Last()
		if last == nil {
			return
		}
		told := tell(last.Err)
		clientLeft := errors.Is(last.Err, context.Canceled)
		if (told.Code == "internal" || told.Code == "unavailable") && !clientLeft {
			log.Error("request failed", "error", last.Err, "request_id", middleware.RequestID(c))
		}
		if c.Writer.Written() { // it failed half-way, or the connection is a socket now
			return
		}
		writeProblem(c, told)
	}
}

// tell is what the client is told of an error: a Refusal as it is, and of
// anything else no more than that it happened.
func tell(err error) *middleware.Refusal {
	if told, ok := errors.AsType[*middleware.Refusal](err); ok {
		return told
	}
	switch {
	case errors.Is(err, models.ErrNotFound):
		return errNotFound
	case errors.Is(err, models.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errUnavailable
	default:
		return errInternal
	}
}

func writeProblem(c *gin.Context, told *middleware.Refusal) {
	status := statuses[told.Code]
	if status == 0 {
		panic("no status for the code " + told.Code)
	}
	if challenge := challenge(status, told.Code); challenge != "" {
		c.Header("WWW-Authenticate", challenge)
	}
	if told.RetryAfter > 0 {
		seconds := (told.RetryAfter + time.Second - 1) / time.Second
		c.Header("Retry-After", strconv.Itoa(int(seconds)))
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Type", "application/problem+json")
	c.JSON(status, problem{
		Type:      "about:blank",
		Title:     http.StatusText(status),
		Status:    status,
		Detail:    told.Detail,
		Code:      told.Code,
		RequestID: middleware.RequestID(c),
		Errors:    told.Fields,
	})
}

// challenge is the WWW-Authenticate header (RFC 6750, section 3): it names an
// error only where a token was brought.
func challenge(status int, code string) string {
	const realm = `Bearer realm="handshake"`
	switch {
	case code == "invalid_token" || code == "token_expired":
		return fmt.Sprintf("%s, error=%q", realm, "invalid_token")
	case code == "invalid_request":
		return fmt.Sprintf("%s, error=%q", realm, "invalid_request")
	case status == http.StatusUnauthorized:
		return realm
	default:
		return ""
	}
}
