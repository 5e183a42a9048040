package middleware

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"example.com/handshake/models"
)

// Sighting is a handshake as the server saw it, for the page to show to the one
// who made it. Every secret in it was shortened before it was kept.
type Sighting struct {
	Saw       *Saw   `json:"saw"`
	Status    int    `json:"status"`
	Code      string `json:"code,omitempty"`   // of the refusal, if it was refused
	Detail    string `json:"detail,omitempty"` // of the same
	AccessLog string `json:"access_log"`       // the line that this app's log has
	GinLog    string `json:"gin_log"`          // the line that gin.Logger writes of the same request

	userID string        // empty: nobody was admitted
	done   chan struct{} // closed when the rest is there
}

const (
	sightingKey  = "sighting"
	maxSightings = 256 // kept at once; one more, and all are forgotten
)

// sightingInContext is where the log finds the sighting that a line is about.
type sightingInContext struct{}

// lanePattern is a room that the page made up for one try: nobody else can guess it.
var lanePattern = regexp.MustCompile(`^lane-[A-Za-z0-9_-]{22,59}$`)

// Witness watches handshakes. It is for learning, and no part of an app in release.
type Witness struct {
	lines func(io.Writer) slog.Handler
	mu    sync.Mutex
	kept  map[string]*Sighting // by room
}

// NewWitness returns one for an app whose log is written by what lines returns.
func NewWitness(lines func(io.Writer) slog.Handler) *Witness {
	return &Witness{lines: lines, kept: map[string]*Sighting{}}
}

// Watch stands between the access log, whose line it waits for, and all that may
// refuse a handshake or wipe its secrets.
func (w *Witness) Watch(c *gin.Context) {
	room := c.Param("room")
	if c.FullPath() != "/ws/:room" || !hasToken(c.Request.Header, "Upgrade", "websocket") {
		return
	}
	s := &Sighting{Saw: see(c), done: make(chan struct{})}
	c.Set(sightingKey, s)
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), sightingInContext{}, s))
	if lanePattern.MatchString(room) {
		w.keep(room, s)
	}
	long := strconv.Quote(c.Request.URL.Path + "?" + c.Request.URL.RawQuery)
	var line bytes.Buffer
	gin.LoggerWithWriter(&line)(c) // goes on to what follows

	s.GinLog = shortenedLine(line.String(), long, strconv.Quote(s.Saw.Path))
	s.Status = c.Writer.Status()
	if last := c.Errors.Last(); last != nil {
		if refusal, ok := errors.AsType[*Refusal](last.Err); ok {
			s.Code, s.Detail = refusal.Code, refusal.Detail
		}
	}
	if who, ok := c.Get(sessionKey); ok {
		s.userID = who.(models.Identity).UserID
	}
}

// shortenedLine is the first line of what gin logged: errors follow on others. Gin quotes
// the URL, and where that is not found there is nothing that could safely be shown.
func shortenedLine(logged, long, short string) string {
	line, _, _ := strings.Cut(logged, "\n")
	hasQuery := strings.Contains(line, "?")
	if hasQuery && !strings.Contains(line, long) {
		return ""
	}
	return strings.Replace(line, long, short, 1)
}

// SawOf is what the handshake's welcome says of it; nil where nobody watches.
func SawOf(c *gin.Context) any {
	if s, ok := c.Get(sightingKey); ok {
		return s.(*Sighting).Saw
	}
	return nil
}

func (w *Witness) keep(room string, s *Sighting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.kept) >= maxSightings {
		clear(w.kept)
	}
	w.kept[room] = s
}

// Take returns the last handshake into this room, once, and to no other user. It
// waits for the log's line, which is written after the socket has opened.
func (w *Witness) Take(ctx context.Context, room, userID string) (*Sighting, error) {
	w.mu.Lock()
	s := w.kept[room]
	w.mu.Unlock()
	if s == nil {
		return nil, models.ErrNotFound
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.userID != "" && s.userID != userID {
		return nil, models.ErrNotFound
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept[room] != s { // somebody else was told, or there is a later one
		return nil, models.ErrNotFound
	}
	delete(w.kept, room)
	return s, nil
}

// Listen returns the same log, which also hands each line about a handshake to its sighting.
func (w *Witness) Listen(log *slog.Logger) *slog.Logger {
	return slog.New(listener{log.Handler(), w.lines})
}

type listener struct {
	slog.Handler
	lines func(io.Writer) slog.Handler
}

func (l listener) Handle(ctx context.Context, record slog.Record) error {
	if s, ok := ctx.Value(sightingInContext{}).(*Sighting); ok && record.Message == accessMessage {
		var line strings.Builder
		_ = l.lines(&line).Handle(ctx, record) // writes to memory
		s.AccessLog = strings.TrimSuffix(line.String(), "\n")
		close(s.done)
	}
	return l.Handler.Handle(ctx, record)
}
