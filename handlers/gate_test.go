package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
	"example.com/handshake/middleware"
)

// handshake is what the request for a socket brings along.
type handshake struct {
	query  url.Values
	header http.Header
}

// by brings a credential by one of middleware.Sources, or the same way several times.
func by(source string, credentials ...string) handshake {
	h := handshake{url.Values{}, http.Header{}}
	switch source {
	case "header":
		for _, raw := range credentials {
			h.header.Add("Authorization", "Bearer "+raw)
		}
	case "subprotocol":
		offered := []string{"handshake.v1"}
		for _, raw := range credentials {
			offered = append(offered, "bearer."+raw)
		}
		h.header.Set("Sec-WebSocket-Protocol", strings.Join(offered, ", "))
	case "ticket":
		h.query["ticket"] = credentials
	case "query":
		h.query["access_token"] = credentials
	}
	return h
}

// and brings what the other does as well.
func (h handshake) and(other handshake) handshake {
	maps.Copy(h.query, other.query)
	maps.Copy(h.header, other.header)
	return h
}

// open asks for a socket in the room "lobby".
func (a *testApp) open(t testing.TB, h handshake) (*socket, reply) {
	t.Helper()
	return a.dial(t, "/ws/lobby?"+h.query.Encode(), h.header)
}

// ask sends the same without Upgrade, as a page does that wants to know why it was refused.
func (a *testApp) ask(t testing.TB, h handshake) reply {
	t.Helper()
	request := a.request(t, http.MethodGet, "/ws/lobby?"+h.query.Encode(), "", nil)
	maps.Copy(request.Header, h.header)
	return a.do(t, request)
}

// wantIn opens a socket, which must have come in by that way.
func (a *testApp) wantIn(t testing.TB, h handshake, via string) (*socket, reply) {
	t.Helper()
	s, r := a.open(t, h)
	if s == nil {
		t.Fatalf("refused: %d %s", r.status, r.body)
	}
	if welcome := s.expect(t, "welcome"); welcome["via"] != via {
		t.Errorf("came in via %v, want %s", welcome["via"], via)
	}
	return s, r
}

// wantOut is refused a socket, and told the same without Upgrade.
func (a *testApp) wantOut(t testing.TB, h handshake, status int, code string) reply {
	t.Helper()
	_, refused := a.open(t, h)
	wantProblem(t, refused, status, code)
	wantSameProblem(t, a.ask(t, h), refused)
	return refused
}

// Each way in by itself: first asked about, then taken.
func TestGateAdmits(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	for _, source := range middleware.Sources {
		t.Run(source, func(t *testing.T) {
			credential := l.Token
			if source == "ticket" {
				credential = app.ticket(t, l, "lobby")
			}
			h := by(source, credential)

			// Asked first: had that used up the ticket, the handshake would fail.
			asked := app.ask(t, h)
			wantProblem(t, asked, http.StatusUpgradeRequired, "upgrade_required")
			if got := asked.header.Get("Upgrade"); got != "websocket" {
				t.Errorf("Upgrade: %q", got)
			}
			s, r := app.wantIn(t, h, source)
			want := map[bool]string{true: "handshake.v1"}[source == "subprotocol"]
			if s.Subprotocol() != want {
				t.Errorf("subprotocol %q, want %q", s.Subprotocol(), want)
			}
			for name, values := range r.header {
				if strings.Contains(strings.Join(values, " "), credential) {
					t.Errorf("%s echoes the credential", name)
				}
			}
		})
	}
}

// Each way in with each credential that is not good enough.
func TestGateRefuses(t *testing.T) {
	app := newApp(t)
	old := app.login(t, "alice")
	oldTicket := app.ticket(t, old, "lobby")
	app.clock.advance(20 * time.Minute)
	ended := app.login(t, "alice")
	endedTicket := app.ticket(t, ended, "lobby")
	app.post(t, "/api/logout", ended.Token, nil)
	good := app.login(t, "alice")
	goodTicket := app.ticket(t, good, "lobby")

	rows := []struct {
		state         string
		jwts, tickets []string
		status        int
		code          string
		challenge     string // RFC 6750, section 3: no error where no credential was brought
	}{
		{"expired", []string{old.Token}, []string{oldTicket}, 401, "token_expired", `Bearer realm="handshake", error="invalid_token"`},
		{"revoked", []string{ended.Token}, []string{endedTicket}, 401, "invalid_token", `Bearer realm="handshake", error="invalid_token"`},
		{"forged", []string{forge(t, good.Token)}, []string{strings.Repeat("A", 26)}, 401, "invalid_token", `Bearer realm="handshake", error="invalid_token"`},
		{"missing", nil, nil, 401, "no_token", `Bearer realm="handshake"`},
		{"doubled", []string{good.Token, good.Token}, []string{goodTicket, goodTicket}, 400, "invalid_request", `Bearer realm="handshake", error="invalid_request"`},
	}
	for _, row := range rows {
		for _, source := range middleware.Sources {
			t.Run(row.state+" "+source, func(t *testing.T) {
				credentials, code := row.jwts, row.code
				if source == "ticket" {
					credentials = row.tickets
					// Only a signature can prove that a credential was once good.
					code = strings.Replace(code, "token_expired", "invalid_token", 1)
				}
				r := app.wantOut(t, by(source, credentials...), row.status, code)
				if got := r.header.Values("WWW-Authenticate"); len(got) != 1 || got[0] != row.challenge {
					t.Errorf("WWW-Authenticate %q, want %q", got, row.challenge)
				}
			})
		}
	}
	app.wantIn(t, by("ticket", goodTicket), "ticket") // the doubled one was not spent
}

// An operator may close ways in, to keep tokens out of URLs for example.
func TestClosedWayIsAsGoodAsNone(t *testing.T) {
	for _, closed := range middleware.Sources {
		t.Run(closed, func(t *testing.T) {
			app := newApp(t, func(o *handlers.Options, _ *hub.Options) {
				o.TokenSources = nil
				for _, source := range middleware.Sources {
					if source != closed {
						o.TokenSources = append(o.TokenSources, source)
					}
				}
			})
			l := app.login(t, "alice")
			credential := l.Token
			if closed == "ticket" {
				credential = app.ticket(t, l, "lobby")
			}
			r := app.wantOut(t, by(closed, credential), 401, "no_token")
			if detail := r.problem(t).Detail; !strings.Contains(detail, "by "+closed+" is closed") {
				t.Errorf("%q does not say that %s is closed", detail, closed)
			}

			other := map[bool]string{true: "subprotocol", false: "header"}[closed == "header"]
			twice := by(closed, credential, credential) // not even a fault in a closed way counts
			app.wantIn(t, twice.and(by(other, l.Token)), other)
		})
	}
}

// Were a bad credential followed by a try of the next, nobody could tell from a
// request which of them let it in.
func TestSeveralCredentials(t *testing.T) {
	app := newApp(t)
	l, other := app.login(t, "alice"), app.login(t, "alice")
	ticket := app.ticket(t, l, "lobby")
	forged := forge(t, l.Token)
	basic := handshake{url.Values{}, http.Header{"Authorization": {"Basic YWxpY2U6c2VjcmV0"}}}
	malformed := handshake{url.Values{}, http.Header{"Authorization": {"Bearer"}}}

	rows := []struct {
		name string
		h    handshake
		via  string // who comes in
		code string // who does not
	}{
		{"the same in header and subprotocol", by("header", l.Token).and(by("subprotocol", l.Token)), "header", ""},
		{"the same in header and query", by("header", l.Token).and(by("query", l.Token)), "header", ""},
		{"the same in subprotocol and query", by("subprotocol", l.Token).and(by("query", l.Token)), "subprotocol", ""},
		{"two different", by("header", l.Token).and(by("query", other.Token)), "", "invalid_request"},
		{"two different, the first bad", by("header", forged).and(by("query", l.Token)), "", "invalid_request"},
		{"two different, the last bad", by("subprotocol", l.Token).and(by("query", forged)), "", "invalid_request"},
		{"the first malformed", malformed.and(by("query", l.Token)), "", "invalid_request"},
		{"the same bad one twice", by("header", forged).and(by("query", forged)), "", "invalid_token"},
		{"a ticket and a token before it", by("header", l.Token).and(by("ticket", ticket)), "", "invalid_request"},
		{"a ticket and a token after it", by("ticket", ticket).and(by("query", l.Token)), "", "invalid_request"},
		{"Basic is not for us", basic.and(by("query", l.Token)), "query", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			switch row.code {
			case "":
				app.wantIn(t, row.h, row.via)
			case "invalid_token":
				app.wantOut(t, row.h, 401, row.code)
			default:
				app.wantOut(t, row.h, 400, row.code)
			}
		})
	}
	app.wantIn(t, by("ticket", ticket), "ticket") // no refusal above has spent it
}

func TestAuthorizationHeader(t *testing.T) {
	app := newApp(t)
	jwt := app.login(t, "alice").Token
	rows := []struct {
		value  string
		status int
		code   string
	}{
		{"Bearer " + jwt, 101, ""},
		{"bearer " + jwt, 101, ""},
		{"BEARER " + jwt, 101, ""},
		{"Bearer   " + jwt, 101, ""}, // RFC 6750 has one or more spaces
		{"Basic YWxpY2U6c2VjcmV0", 401, "no_token"},
		{jwt, 401, "no_token"},
		{"Bearer", 400, "invalid_request"},
		{"Bearer " + jwt + " " + jwt, 400, "invalid_request"},
		{"Bearer " + jwt + ", Bearer " + jwt, 400, "invalid_request"},
		{"Bearer \"" + jwt + `"`, 400, "invalid_request"},
		{"Bearer " + jwt + "=", 401, "invalid_token"}, // well-formed, but no JWT has padding
	}
	for _, row := range rows {
		t.Run(strings.ReplaceAll(row.value, jwt, "jwt"), func(t *testing.T) {
			h := handshake{header: http.Header{"Authorization": {row.value}}}
			if row.status == 101 {
				app.wantIn(t, h, "header")
			} else {
				app.wantOut(t, h, row.status, row.code)
			}
		})
	}
}

// This list is all that a browser lets a page add to a handshake. A browser that
// offered something and gets none of it back gives up, so something without the
// token must be there to select.
func TestSubprotocols(t *testing.T) {
	app := newApp(t)
	jwt := app.login(t, "alice").Token
	rows := []struct {
		name   string
		lines  []string
		status int
		code   string
	}{
		{"one line", []string{"handshake.v1, bearer." + jwt}, 101, ""},
		{"the other order, no spaces", []string{"bearer." + jwt + ",handshake.v1"}, 101, ""},
		{"a line for each", []string{"chat", "bearer." + jwt, "handshake.v1"}, 101, ""},
		{"two tokens on two lines", []string{"handshake.v1, bearer." + jwt, "bearer." + jwt}, 400, "invalid_request"},
		{"only the token", []string{"bearer." + jwt}, 400, "invalid_request"},
		{"another instead of ours", []string{"chat, bearer." + jwt}, 400, "invalid_request"},
		{"padding", []string{"handshake.v1, bearer." + jwt + "="}, 400, "invalid_request"},
		{"nothing after the dot", []string{"handshake.v1, bearer."}, 400, "invalid_request"},
		{"no token", []string{"handshake.v1"}, 401, "no_token"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			h := handshake{header: http.Header{"Sec-Websocket-Protocol": row.lines}}
			if row.status != 101 {
				app.wantOut(t, h, row.status, row.code)
				return
			}
			_, r := app.wantIn(t, h, "subprotocol")
			if got := r.header.Values("Sec-WebSocket-Protocol"); len(got) != 1 || got[0] != "handshake.v1" {
				t.Errorf("selected %q", got)
			}
		})
	}

	t.Run("none of ours offered", func(t *testing.T) {
		h := handshake{header: http.Header{"Sec-Websocket-Protocol": {"chat"}}}
		if s, _ := app.wantIn(t, h.and(by("header", jwt)), "header"); s.Subprotocol() != "" {
			t.Errorf("selected %q", s.Subprotocol())
		}
	})
}

// Other servers call it so, and their clients come here.
func TestMisnamedParameterGetsAHint(t *testing.T) {
	app := newApp(t)
	jwt := app.login(t, "alice").Token
	for _, name := range []string{"token", "jwt"} {
		r := app.wantOut(t, handshake{query: url.Values{name: {jwt}}}, 401, "no_token")
		if detail := r.problem(t).Detail; !strings.Contains(detail, "access_token") {
			t.Errorf("?%s= is told %q", name, detail)
		}
	}
}

func TestMalformedQueryIsRefused(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	for _, query := range []string{"access_token=%zz", "access_token=a%20b", "ticket=a%0Ab", "a=1;b=2"} {
		r := app.get(t, "/ws/lobby?"+query, l.Token)
		wantProblem(t, r, 400, "invalid_request")
	}
}

func TestRoomNames(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	rows := []struct {
		path   string
		status int
		code   string
	}{
		{"a", 426, "upgrade_required"},
		{"0b9f3f62-6d5c-4c3c-8f0e-2f6a1d5e9c11", 426, "upgrade_required"},
		{"Room_9-" + strings.Repeat("x", 57), 426, "upgrade_required"}, // 64
		{strings.Repeat("x", 65), 400, "invalid_input"},
		{"a.b", 400, "invalid_input"},
		{"..", 400, "invalid_input"},
		{"a%20b", 400, "invalid_input"},
		{"a%0A", 400, "invalid_input"},
		{"caf%C3%A9", 400, "invalid_input"},
		{"a/b", 404, "not_found"},
		{"a%2Fb", 404, "not_found"},
		{"", 404, "not_found"},
	}
	for _, row := range rows {
		t.Run(row.path, func(t *testing.T) {
			wantProblem(t, app.get(t, "/ws/"+row.path, l.Token), row.status, row.code)
		})
	}
}

// By default gin redirects to the path without the slash, and takes the query along.
func TestNothingIsRedirected(t *testing.T) {
	app := newApp(t)
	jwt := app.login(t, "alice").Token
	for _, path := range []string{"/ws/lobby/", "/ws/lobby//", "/ws//lobby", "//ws/lobby", "/WS/lobby", "/ws/x/../lobby"} {
		t.Run(path, func(t *testing.T) {
			_, refused := app.dial(t, path+"?access_token="+jwt, nil)
			asked := app.get(t, path+"?access_token="+jwt, "")
			for _, r := range []reply{refused, asked} {
				wantProblem(t, r, 404, "not_found")
				if location := r.header.Get("Location"); location != "" {
					t.Errorf("Location: %s", location)
				}
				if strings.Contains(string(r.body), jwt) {
					t.Error("the body echoes the token")
				}
			}
		})
	}
}

// A proxy that drops a header must not cost the client its ticket as well.
func TestMalformedHandshakeBurnsNoTicket(t *testing.T) {
	app := newApp(t)
	h := by("ticket", app.ticket(t, app.login(t, "alice"), "lobby"))
	rows := []struct {
		name   string
		method string
		change http.Header // to a good handshake; nil takes a header away
		status int
		code   string
	}{
		{"old version", "GET", http.Header{"Sec-Websocket-Version": {"8"}}, 400, "bad_handshake"},
		{"no version", "GET", http.Header{"Sec-Websocket-Version": nil}, 400, "bad_handshake"},
		{"two versions", "GET", http.Header{"Sec-Websocket-Version": {"13", "13"}}, 400, "bad_handshake"},
		{"no key", "GET", http.Header{"Sec-Websocket-Key": nil}, 400, "bad_handshake"},
		{"short key", "GET", http.Header{"Sec-Websocket-Key": {"c2hvcnQ="}}, 400, "bad_handshake"},
		{"a key that is not base64", "GET", http.Header{"Sec-Websocket-Key": {"?"}}, 400, "bad_handshake"},
		{"two keys", "GET", http.Header{"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="}}, 400, "bad_handshake"},
		{"no Connection", "GET", http.Header{"Connection": {"keep-alive"}}, 400, "bad_handshake"},
		{"wrong method", "POST", nil, 405, "method_not_allowed"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			request := app.request(t, row.method, "/ws/lobby?"+h.query.Encode(), "", nil)
			request.Header = http.Header{
				"Connection":            {"Upgrade"},
				"Upgrade":               {"websocket"},
				"Sec-Websocket-Version": {"13"},
				"Sec-Websocket-Key":     {"dGhlIHNhbXBsZSBub25jZQ=="},
			}
			maps.Copy(request.Header, row.change)
			wantProblem(t, app.lastReply(t, request), row.status, row.code)
		})
	}
	app.wantIn(t, h, "ticket")
}

func TestHandshakeOfHTTP10IsRefused(t *testing.T) {
	app := newApp(t)
	ticket := app.ticket(t, app.login(t, "alice"), "lobby")
	conn, err := net.Dial("tcp", strings.TrimPrefix(app.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET /ws/lobby?ticket=%s HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", ticket)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != http.StatusBadRequest {
		t.Fatalf("%v, %v, want 400", response, err)
	}
	app.wantIn(t, by("ticket", ticket), "ticket")
}

// lastReply sends a request after whose reply the server must close the connection.
func (a *testApp) lastReply(t testing.TB, request *http.Request) reply {
	t.Helper()
	conn, err := net.Dial("tcp", request.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	received := bufio.NewReader(conn)
	response, err := http.ReadResponse(received, request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := received.ReadByte(); err != io.EOF {
		t.Errorf("the connection goes on: %v", err)
	}
	return reply{response.StatusCode, response.Header, body}
}
