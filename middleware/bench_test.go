package middleware_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/middleware"
	"example.com/handshake/migrations"
	"example.com/handshake/models"
)

// BenchmarkGate is the gate's own work for one handshake: find the token, verify
// it, look up its row.
func BenchmarkGate(b *testing.B) {
	gin.SetMode(gin.ReleaseMode)
	db, bearer := newBearer(b)
	raw, _ := newToken(b, db, bearer)

	router := gin.New()
	router.GET("/ws/:room",
		middleware.Origin([]string{public}, slog.Default()),
		middleware.Handshake,
		middleware.TokenSource(middleware.Sources),
		middleware.FindTicket(db.Tickets, time.Now),
		bearer.Gate,
		func(c *gin.Context) { c.Status(http.StatusNoContent) })

	ways := []struct {
		name, query string
		header      http.Header
	}{
		{"header", "", http.Header{"Authorization": {"Bearer " + raw}}},
		{"subprotocol", "", http.Header{"Sec-Websocket-Protocol": {"handshake.v1, bearer." + raw}}},
		{"query", "?access_token=" + raw, http.Header{}},
	}
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request := httptest.NewRequest(http.MethodGet, "/ws/lobby"+way.query, nil)
				request.Header = way.header.Clone()
				request.Header.Set("Origin", public)
				reply := httptest.NewRecorder()
				router.ServeHTTP(reply, request)
				if reply.Code != http.StatusNoContent {
					b.Fatal(reply.Code)
				}
			}
		})
	}
}

const public = "https://app.example.com"

// newBearer is a gate with a database of its own.
func newBearer(t testing.TB) (*models.DB, *middleware.Bearer) {
	t.Helper()
	db, err := models.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), migrations.Check, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	bearer, err := middleware.NewBearer(make([]byte, 32), time.Hour, public, db.Tokens, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return db, bearer
}

// newToken stores a user with a session, and returns the session's token and the token's id.
func newToken(t testing.TB, db *models.DB, bearer *middleware.Bearer) (raw, id string) {
	t.Helper()
	user, err := db.Users.Create(t.Context(), "alice", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	session := models.Session{ID: models.NewID(), UserID: user.ID, ExpiresAt: time.Now().Add(time.Hour)}
	raw, row, err := bearer.Sign(user.ID, session.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Sessions.Start(t.Context(), session, row); err != nil {
		t.Fatal(err)
	}
	return raw, row.ID
}
