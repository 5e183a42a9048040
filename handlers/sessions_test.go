package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/handshake/handlers/hub"
)

type listed struct {
	ID        string
	UserAgent string `json:"user_agent"`
	IP        string
	Current   bool
	Sockets   int
}

func (a *testApp) sessions(t testing.TB, l login) []listed {
	t.Helper()
	var list struct{ Sessions []listed }
	a.get(t, "/api/sessions", l.Token).into(t, &list)
	return list.Sessions
}

func (a *testApp) delete(t testing.TB, path string, l login) reply {
	t.Helper()
	return a.do(t, a.request(t, http.MethodDelete, path, l.Token, nil))
}

func TestSessionsAreListed(t *testing.T) {
	app := newApp(t)
	phone, desk := app.login(t, "alice"), app.login(t, "alice")
	app.login(t, "bob")
	ended := app.login(t, "alice")
	app.post(t, "/api/logout", ended.Token, nil)
	app.join(t, phone, "lobby")
	app.join(t, phone, "garden")

	list := app.sessions(t, desk)
	if len(list) != 2 || list[0].ID != desk.SessionID || list[1].ID != phone.SessionID {
		t.Fatalf("want her two live ones, the newest first: %v", list)
	}
	if !list[0].Current || list[1].Current {
		t.Error("current is the one that asks")
	}
	if list[0].Sockets != 0 || list[1].Sockets != 2 {
		t.Error("sockets are counted for each")
	}
	if list[0].IP != "127.0.0.1" || list[0].UserAgent == "" {
		t.Errorf("a person must recognise a device: %+v", list[0])
	}
}

func TestEndingASessionClosesItsSocketsAndNoOthers(t *testing.T) {
	app := newApp(t)
	phone, desk := app.login(t, "alice"), app.login(t, "alice")
	byHeader := app.join(t, phone, "lobby")
	byTicket, _ := app.dial(t, "/ws/garden?ticket="+app.ticket(t, phone, "garden"), nil)
	ticket := app.ticket(t, phone, "lobby")
	staying := app.join(t, desk, "attic")

	if r := app.delete(t, "/api/sessions/"+phone.SessionID, desk); r.status != http.StatusNoContent {
		t.Fatalf("end: %d %s", r.status, r.body)
	}
	byHeader.expectClose(t, hub.SessionEnded)
	byTicket.expectClose(t, hub.SessionEnded)
	staying.send(t, frame{"type": "message", "text": "still here"})
	staying.expect(t, "message")

	if r := app.get(t, "/api/me", phone.Token); r.status != http.StatusUnauthorized {
		t.Errorf("its token: %d", r.status)
	}
	if s, r := app.dial(t, "/ws/lobby?ticket="+ticket, nil); s != nil || r.status != http.StatusUnauthorized {
		t.Errorf("its ticket: %d", r.status)
	}
	if r := app.delete(t, "/api/sessions/"+phone.SessionID, desk); r.status != http.StatusNotFound {
		t.Errorf("ending it again: %d", r.status)
	}
}

func TestAnothersSessionIsNotFound(t *testing.T) {
	app := newApp(t)
	alice, bob := app.login(t, "alice"), app.login(t, "bob")
	if r := app.delete(t, "/api/sessions/"+alice.SessionID, bob); r.status != http.StatusNotFound || r.code() != "not_found" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := app.get(t, "/api/me", alice.Token); r.status != http.StatusOK {
		t.Error("it was ended all the same")
	}
}

// A client chooses it, so it is cut, and in no letter's middle.
func TestLongUserAgentIsCut(t *testing.T) {
	app := newApp(t)
	app.login(t, "alice")
	request := app.request(t, http.MethodPost, "/api/login", "", strings.NewReader(`{"username":"alice","password":"`+password+`"}`))
	request.Header.Set("User-Agent", "x"+strings.Repeat("é", 1000))
	var l login
	app.do(t, request).into(t, &l)
	secrets.add(l.Token)
	agents := []string{}
	for _, session := range app.sessions(t, l) {
		agents = append(agents, session.UserAgent)
	}
	if want := "x" + strings.Repeat("é", 127); !slices.Contains(agents, want) {
		t.Errorf("the agents are %q, want %q among them", agents, want)
	}
}

func TestEndAllEndsThisOneToo(t *testing.T) {
	app := newApp(t)
	phone, desk, bob := app.login(t, "alice"), app.login(t, "alice"), app.login(t, "bob")
	sockets := []*socket{app.join(t, phone, "lobby"), app.join(t, desk, "lobby")}
	other := app.join(t, bob, "attic")

	r := app.delete(t, "/api/sessions", desk)
	if r.status != http.StatusNoContent || r.cookie(t).MaxAge >= 0 {
		t.Fatalf("end all: %d %v", r.status, r.header)
	}
	for _, s := range sockets {
		s.expectClose(t, hub.SessionEnded)
	}
	for _, l := range []login{phone, desk} {
		if r := app.get(t, "/api/me", l.Token); r.status != http.StatusUnauthorized {
			t.Errorf("a token after it: %d", r.status)
		}
	}
	other.send(t, frame{"type": "message", "text": "still here"})
	other.expect(t, "message")
}

func TestLogoutTakesTheCookieBack(t *testing.T) {
	app := newApp(t)
	l, r := app.loginReply(t, "alice")
	cookie := r.cookie(t).Value
	if r := app.post(t, "/api/logout", l.Token, nil); r.status != http.StatusNoContent || r.cookie(t).MaxAge >= 0 {
		t.Fatalf("logout: %d %v", r.status, r.header)
	}
	if r := app.refresh(t, cookie); r.status != http.StatusUnauthorized {
		t.Errorf("the cookie after the logout: %d", r.status)
	}
}

// All tabs of a browser have one cookie, and each can have a login of its own.
func TestLogoutLeavesTheCookieOfAnotherLogin(t *testing.T) {
	app := newApp(t)
	l, r := app.loginReply(t, "alice")
	_, other := app.loginReply(t, "bob")
	own, others := r.cookie(t).Value, other.cookie(t).Value
	logout := func(l login, cookie string) reply {
		request := app.request(t, http.MethodPost, "/api/logout", l.Token, nil)
		request.AddCookie(&http.Cookie{Name: "refresh_token", Value: cookie})
		return app.do(t, request)
	}
	if r := logout(l, others); r.status != http.StatusNoContent || r.header.Get("Set-Cookie") != "" {
		t.Errorf("with another's cookie: %d %v", r.status, r.header)
	}
	if r := app.refresh(t, others); r.status != http.StatusOK {
		t.Errorf("the other login afterwards: %d", r.status)
	}
	for name, cookie := range map[string]string{"an ended one of her own": own, "nonsense": "nonsense"} {
		if r := logout(app.login(t, "alice"), cookie); r.status != http.StatusNoContent || r.cookie(t).MaxAge >= 0 {
			t.Errorf("with %s: %d %v", name, r.status, r.header)
		}
	}
}

func TestLogoutsAtOnceAreAllConfirmed(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	var logouts sync.WaitGroup
	for range 8 {
		logouts.Go(func() {
			switch r := app.post(t, "/api/logout", l.Token, nil); r.status {
			case http.StatusNoContent:
				if r.cookie(t).MaxAge >= 0 {
					t.Error("the cookie was left")
				}
			case http.StatusUnauthorized: // it came after the end
			default:
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	logouts.Wait()
}
