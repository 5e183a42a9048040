package handlers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
	"example.com/handshake/middleware"
	"example.com/handshake/migrations"
	"example.com/handshake/models"
)

// The suite's secrets. TestMain searches everything that was logged for them.
var (
	logged  lockedBuffer
	secrets lockedSet
)

const password = "correct horse battery"

func TestMain(m *testing.M) {
	secrets.add(password)
	secrets.add(jwtSecret)
	code := m.Run()
	for _, secret := range secrets.all() {
		if bytes.Contains(logged.bytes(), []byte(secret)) {
			fmt.Println("a secret was logged:", secret)
			code = 1
		}
	}
	os.Exit(code)
}

// testApp is the real router on a real port, with a real database of its own.
type testApp struct {
	*handlers.App
	t     testing.TB
	url   string // http://127.0.0.1:port
	db    *models.DB
	hub   *hub.Hub
	clock *clock
	path  string // of the database file
}

// newApp starts one. Each change may alter the options it starts with. No goroutine
// may outlive it, whatever the test does with its sockets.
func newApp(t testing.TB, changes ...func(*handlers.Options, *hub.Options)) *testApp {
	t.Helper()
	others := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		if err := goleak.Find(others); err != nil {
			t.Errorf("goroutines are left behind: %v", err)
		}
	})
	a := &testApp{t: t, clock: newClock(), path: filepath.Join(t.TempDir(), "test.db")}
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.ServeHTTP(w, r) }))
	a.url = "http://" + server.Listener.Addr().String()

	options := handlers.Options{
		PublicURL:      a.url,
		OwnOrigins:     []string{a.url},
		JWTSecret:      []byte(jwtSecret),
		AccessTokenTTL: 15 * time.Minute,
		SessionTTL:     720 * time.Hour,
		SessionIdleTTL: 168 * time.Hour,
		TokenSources:   middleware.Sources,
		Now:            a.clock.now,
		Log:            log,
	}
	limits := hub.Options{
		MessageBytes: 65536, MessagesPerSecond: 20, ConnectionsPerUser: 32, Connections: 10000, Subprotocol: middleware.Subprotocol,
		Now: a.clock.now, Log: log,
	}
	for _, change := range changes {
		change(&options, &limits)
	}

	var err error
	if a.db, err = models.Open(t.Context(), a.path, migrations.Check, migrations.Apply); err != nil {
		t.Fatal(err)
	}
	a.hub = hub.New(limits)
	if a.App, err = handlers.New(a.db, a.hub, options); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		a.hub.Shutdown(expired)
		server.Close()
		if err := a.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// login is what a client is given.
type login struct {
	Token     string    `json:"access_token"`
	SessionID string    `json:"session_id"`
	ExpiresAt time.Time `json:"expires_at"`
	ExpiresIn int       `json:"expires_in"`
}

// login logs a user in, who is registered if there is none of that name.
func (a *testApp) login(t testing.TB, username string) login {
	t.Helper()
	body := map[string]string{"username": username, "password": password}
	if r := a.post(t, "/api/register", "", body); r.status != http.StatusCreated && r.status != http.StatusConflict {
		t.Fatalf("register: %d %s", r.status, r.body)
	}
	r := a.post(t, "/api/login", "", body)
	if r.status != http.StatusOK {
		t.Fatalf("login: %d %s", r.status, r.body)
	}
	var l login
	r.into(t, &l)
	secrets.add(l.Token)
	return l
}

// ticket asks for one.
func (a *testApp) ticket(t testing.TB, l login, room string) string {
	t.Helper()
	r := a.post(t, "/api/tickets", l.Token, map[string]string{"room": room})
	if r.status != http.StatusCreated {
		t.Fatalf("ticket: %d %s", r.status, r.body)
	}
	var ticket struct{ Ticket string }
	r.into(t, &ticket)
	secrets.add(ticket.Ticket)
	return ticket.Ticket
}

// reply is an HTTP answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
}

// code is the problem's stable word.
func (r reply) code() string {
	var problem struct{ Code string }
	_ = json.Unmarshal(r.body, &problem)
	return problem.Code
}

// do sends a request as it is and does not follow redirects.
func (a *testApp) do(t testing.TB, request *http.Request) reply {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, body}
}

func (a *testApp) request(t testing.TB, method, path, token string, body io.Reader) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return request
}

func (a *testApp) get(t testing.TB, path, token string) reply {
	t.Helper()
	return a.do(t, a.request(t, http.MethodGet, path, token, nil))
}

func (a *testApp) post(t testing.TB, path, token string, body any) reply {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return a.do(t, a.request(t, http.MethodPost, path, token, bytes.NewReader(text)))
}

// dial opens a socket; path is what comes after the host. Where the handshake is
// refused, the socket is nil and the reply says why.
func (a *testApp) dial(t testing.TB, path string, header http.Header) (*socket, reply) {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(a.url, "http")+path, header)
	if response == nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	r := reply{response.StatusCode, response.Header, body}
	if err != nil {
		return nil, r
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &socket{conn}, r
}

// join opens a socket the proper way, and returns it after its welcome.
func (a *testApp) join(t testing.TB, l login, room string) *socket {
	t.Helper()
	s, r := a.dial(t, "/ws/"+room, bearer(l.Token))
	if s == nil {
		t.Fatalf("join: %d %s", r.status, r.body)
	}
	s.expect(t, "welcome")
	return s
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// socket is a client's end of a connection.
type socket struct{ *websocket.Conn }

type frame map[string]any

// receive returns the next frame.
func (s *socket) receive(t testing.TB) frame {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	var f frame
	if err := s.ReadJSON(&f); err != nil {
		t.Fatal(err)
	}
	return f
}

// expect returns the next frame, which must have that type.
func (s *socket) expect(t testing.TB, kind string) frame {
	t.Helper()
	f := s.receive(t)
	if f["type"] != kind {
		t.Fatalf("got %v, want a %s", f, kind)
	}
	return f
}

func (s *socket) send(t testing.TB, f frame) {
	t.Helper()
	if err := s.WriteJSON(f); err != nil {
		t.Fatal(err)
	}
}

// expectClose reads to the end of the connection, which must come with this code and reason.
func (s *socket) expectClose(t testing.TB, why hub.Closing) {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		_, _, err := s.ReadMessage()
		if err == nil {
			continue
		}
		if closed, ok := err.(*websocket.CloseError); !ok || closed.Code != why.Code || closed.Text != why.Reason {
			t.Fatalf("got %v, want close %d %s", err, why.Code, why.Reason)
		}
		return
	}
}

// clock is the app's time, which a test can move.
type clock struct {
	mu      sync.Mutex
	stopped time.Time
	offset  time.Duration
}

func newClock() *clock { return &clock{} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.stopped
	if at.IsZero() {
		at = time.Now()
	}
	return at.Add(c.offset)
}

// stop makes the time stand still, so that a test can stand exactly on a limit.
func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = time.Now()
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// eventually waits for something that another goroutine is about to do.
func eventually(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to that")
		}
	}
}
