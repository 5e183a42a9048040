package handlers_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// problem is the body of an error (RFC 9457).
type problem struct {
	Type, Title  string
	Status       int
	Detail, Code string
	RequestID    string `json:"request_id"`
	Errors       []struct{ Field, Detail string }
}

func (r reply) problem(t testing.TB) problem {
	t.Helper()
	var p problem
	r.into(t, &p)
	return p
}

// wantProblem holds any error against what every one of them must be.
func wantProblem(t testing.TB, r reply, status int, code string) {
	t.Helper()
	if r.status != status || r.code() != code {
		t.Fatalf("got %d %s, want %d %s", r.status, r.body, status, code)
	}
	p := r.problem(t)
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Status != status {
		t.Errorf("the problem is not complete: %s", r.body)
	}
	if p.RequestID == "" || p.RequestID != r.header.Get("X-Request-Id") {
		t.Errorf("request_id %q, X-Request-Id %q", p.RequestID, r.header.Get("X-Request-Id"))
	}
	if kind := r.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("Content-Type: %s", kind)
	}
	if r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control: %q", r.header.Get("Cache-Control"))
	}
}

// wantSameProblem allows two refusals to differ in nothing but the request's id.
func wantSameProblem(t testing.TB, got, want reply) {
	t.Helper()
	bodies := [2]map[string]any{}
	for i, r := range []reply{got, want} {
		r.into(t, &bodies[i])
		delete(bodies[i], "request_id")
	}
	if got.status != want.status || !reflect.DeepEqual(bodies[0], bodies[1]) {
		t.Errorf("got %d %s, want %d %s", got.status, got.body, want.status, want.body)
	}
	if a, b := got.header.Get("WWW-Authenticate"), want.header.Get("WWW-Authenticate"); a != b {
		t.Errorf("WWW-Authenticate %q, want %q", a, b)
	}
}

// loggedOf returns the lines of the log that bear the request's id.
func loggedOf(r reply) string {
	var lines []string
	for scanner := bufio.NewScanner(bytes.NewReader(logged.bytes())); scanner.Scan(); {
		if strings.Contains(scanner.Text(), r.header.Get("X-Request-Id")) {
			lines = append(lines, scanner.Text())
		}
	}
	return strings.Join(lines, "\n")
}

// wantFields compares the members that a refusal finds fault with.
func wantFields(t testing.TB, r reply, fields ...string) {
	t.Helper()
	var got []string
	for _, fault := range r.problem(t).Errors {
		got = append(got, fault.Field)
		if fault.Detail == "" {
			t.Errorf("nothing is said of %q", fault.Field)
		}
	}
	if !reflect.DeepEqual(got, fields) {
		t.Errorf("at fault: %q, want %q", got, fields)
	}
}

// What one program ignores and the next one reads can be used to get past the first.
func TestBodiesAreReadStrictly(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	const good = `{"username":"someone","password":"a fine long one"}`
	rows := []struct {
		name, kind, body string
		status           int
		code             string
		fields           []string
	}{
		{"no content type", "", good, 415, "unsupported_media_type", nil},
		{"a form", "application/x-www-form-urlencoded", "username=someone", 415, "unsupported_media_type", nil},
		{"text", "text/plain", good, 415, "unsupported_media_type", nil},
		{"another application", "application/jsonp", good, 415, "unsupported_media_type", nil},
		{"too large", "application/json", `{"username":"` + strings.Repeat("x", 4096) + `"}`, 413, "content_too_large", nil},
		{"too large, and wrong from the start", "application/json", "!" + strings.Repeat("x", 4096), 413, "content_too_large", nil},
		{"too large by what follows", "application/json", good + strings.Repeat(" ", 4096), 413, "content_too_large", nil},
		{"unknown member", "application/json", `{"username":"someone","admin":true}`, 400, "invalid_input", []string{"admin"}},
		{"member in another case", "application/json", `{"Username":"someone"}`, 400, "invalid_input", []string{"Username"}},
		{"member twice", "application/json", `{"username":"someone","username":"other"}`, 400, "invalid_input", []string{"username"}},
		{"wrong type", "application/json", `{"username":7}`, 400, "invalid_input", []string{"username"}},
		{"trailing data", "application/json", good + good, 400, "invalid_input", nil},
		{"an array", "application/json", `["username"]`, 400, "invalid_input", nil},
		{"not JSON", "application/json", `username`, 400, "invalid_input", nil},
		{"not UTF-8", "application/json", "{\"username\":\"\xff\xff\xff\"}", 400, "invalid_input", nil},
		{"cut off", "application/json", good[:20], 400, "invalid_input", nil},
		{"nothing", "application/json", "", 400, "invalid_input", nil},
	}
	for _, path := range []string{"/api/register", "/api/login"} {
		for _, row := range rows {
			t.Run(path+" "+row.name, func(t *testing.T) {
				r := app.postAs(t, path, "", row.kind, row.body)
				wantProblem(t, r, row.status, row.code)
				if row.fields != nil {
					wantFields(t, r, row.fields...)
				}
			})
		}
	}
	for _, body := range []string{`{"room":"lobby","room":"lobby"}`, `{"Room":"lobby"}`, `{"room":1}`} {
		wantProblem(t, app.postAs(t, "/api/tickets", l.Token, "application/json", body), 400, "invalid_input")
	}
}

// postAs sends a body as it is, under any content type.
func (a *testApp) postAs(t testing.TB, path, token, kind, body string) reply {
	t.Helper()
	request := a.request(t, http.MethodPost, path, token, strings.NewReader(body))
	request.Header.Del("Content-Type")
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	return a.do(t, request)
}

func TestCharsetOfJSONIsNoFault(t *testing.T) {
	app := newApp(t)
	r := app.postAs(t, "/api/register", "", "Application/JSON; charset=utf-8", `{"username":"alice","password":"`+password+`"}`)
	if r.status != http.StatusCreated {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestUnknownRouteAndMethodAreProblems(t *testing.T) {
	app := newApp(t)
	wantProblem(t, app.get(t, "/nothing", ""), 404, "not_found")
	wantProblem(t, app.get(t, "/api/nothing", ""), 404, "not_found")
	r := app.get(t, "/api/login", "")
	wantProblem(t, r, 405, "method_not_allowed")
	if got := r.header.Get("Allow"); got != "POST" {
		t.Errorf("Allow: %q", got)
	}
}

func TestPanicTellsTheLogAndNotTheClient(t *testing.T) {
	var faulty atomic.Bool
	app := newApp(t, func(o *handlers.Options, _ *hub.Options) {
		now := o.Now
		o.Now = func() time.Time {
			if faulty.Load() {
				panic("the clock fell off the wall")
			}
			return now()
		}
	})
	l := app.login(t, "alice")
	faulty.Store(true)
	for _, path := range []string{"/api/me", "/ws/lobby"} {
		r := app.get(t, path, l.Token)
		wantProblem(t, r, 500, "internal")
		if bytes.Contains(r.body, []byte("clock")) || bytes.Contains(r.body, []byte(".go")) {
			t.Errorf("the client is told %s", r.body)
		}
		if r.header.Get("Content-Security-Policy") == "" {
			t.Error("a 500 has no security headers")
		}
		if line := loggedOf(r); !strings.Contains(line, "the clock fell off the wall") || !strings.Contains(line, "problem_test.go") {
			t.Errorf("the log has no cause and stack: %s", line)
		}
	}
	faulty.Store(false)
	if r := app.get(t, "/api/me", l.Token); r.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", r.status, r.body)
	}
}

func TestLostDatabaseIsUnavailable(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	if err := app.db.Close(); err != nil {
		t.Fatal(err)
	}
	credentials := map[string]string{"username": "alice", "password": password}
	replies := map[string]reply{
		"me":        app.get(t, "/api/me", l.Token),
		"handshake": app.get(t, "/ws/lobby", l.Token),
		"login":     app.post(t, "/api/login", "", credentials),
		"register":  app.post(t, "/api/register", "", credentials),
		"logout":    app.post(t, "/api/logout", l.Token, nil), // it must not say that it ended anything
	}
	for name, r := range replies {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, r, 503, "unavailable")
			if r.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if bytes.Contains(r.body, []byte("sql")) || !strings.Contains(loggedOf(r), "closed") {
				t.Errorf("told the client %s and the log %s", r.body, loggedOf(r))
			}
		})
	}
}

// Logs are read by more people, and kept for longer, than any secret should be.
func TestAccessLogNamesTheRouteOnly(t *testing.T) {
	app := newApp(t)
	r := app.get(t, "/api/me?access_token=something-secret", "")
	line := loggedOf(r)
	for _, part := range []string{"method=GET", "route=/api/me", "status=401", "code=no_token", "ip=127.0.0.1"} {
		if !strings.Contains(line, part) {
			t.Errorf("no %s in %s", part, line)
		}
	}
	if strings.Contains(line, "something-secret") {
		t.Errorf("the query is in %s", line)
	}
}

func TestSocketIsLoggedWhenItOpens(t *testing.T) {
	var own lockedBuffer
	app := newApp(t, func(o *handlers.Options, _ *hub.Options) {
		o.Log = slog.New(slog.NewTextHandler(io.MultiWriter(&own, &logged), nil))
	})
	app.wantIn(t, by("query", app.login(t, "alice").Token), "query")
	const want = "route=/ws/:room status=101"
	// The line is written beside the welcome, so it may come a moment later.
	for deadline := time.Now().Add(10 * time.Second); !bytes.Contains(own.bytes(), []byte(want)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %s", want, own.bytes())
		}
	}
	if !bytes.Contains(own.bytes(), []byte("via=query")) {
		t.Errorf("the way in is not in %s", own.bytes())
	}
}

// Anybody can send this header, and would escape the throttles with it.
func TestForwardedAddressIsNotBelieved(t *testing.T) {
	app := newApp(t)
	request := app.request(t, http.MethodGet, "/livez", "", nil)
	request.Header.Set("X-Forwarded-For", "203.0.113.7")
	if line := loggedOf(app.do(t, request)); !strings.Contains(line, "ip=127.0.0.1") {
		t.Errorf("logged: %s", line)
	}
}
