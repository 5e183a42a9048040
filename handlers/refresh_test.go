package handlers_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// refresh presents a refresh token, as a browser would from the app's own page.
func (a *testApp) refresh(t testing.TB, cookie string) reply {
	t.Helper()
	request := a.request(t, http.MethodPost, "/api/refresh", "", nil)
	request.AddCookie(&http.Cookie{Name: "refresh_token", Value: cookie})
	request.Header.Set("Origin", a.url)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return a.do(t, request)
}

// cookie returns the refresh cookie that a reply sets.
func (r reply) cookie(t testing.TB) *http.Cookie {
	t.Helper()
	for _, cookie := range (&http.Response{Header: r.header}).Cookies() {
		if cookie.Name == "refresh_token" {
			if cookie.Value != "" {
				secrets.add(cookie.Value)
			}
			return cookie
		}
	}
	t.Fatalf("no refresh cookie in %v", r.header)
	return nil
}

// loginReply is login with the whole answer.
func (a *testApp) loginReply(t testing.TB, username string) (login, reply) {
	t.Helper()
	a.login(t, username) // registers
	r := a.post(t, "/api/login", "", map[string]string{"username": username, "password": password})
	var l login
	r.into(t, &l)
	secrets.add(l.Token)
	return l, r
}

func TestRefreshRotates(t *testing.T) {
	app := newApp(t)
	l, r := app.loginReply(t, "alice")
	first := r.cookie(t)

	r = app.refresh(t, first.Value)
	if r.status != http.StatusOK || r.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("refresh: %d %v", r.status, r.header)
	}
	var fresh login
	r.into(t, &fresh)
	secrets.add(fresh.Token)
	second := r.cookie(t)
	if fresh.SessionID != l.SessionID || fresh.Token == l.Token || second.Value == first.Value {
		t.Error("a refresh gives the same session another token and another cookie")
	}
	if r := app.get(t, "/api/me", fresh.Token); r.status != http.StatusOK {
		t.Errorf("the fresh token: %d", r.status)
	}
	if r := app.refresh(t, second.Value); r.status != http.StatusOK {
		t.Errorf("the second cookie: %d", r.status)
	}
}

func TestRefreshCookieIsOutOfReach(t *testing.T) {
	for _, https := range []bool{false, true} {
		app := newApp(t, func(o *handlers.Options, _ *hub.Options) { o.HTTPS = https })
		_, r := app.loginReply(t, "alice")
		c := r.cookie(t)
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/api" || c.Secure != https || c.Domain != "" {
			t.Errorf("https %v: %s", https, c)
		}
		if days := c.MaxAge / (24 * 60 * 60); days != 6 && days != 7 {
			t.Errorf("the cookie lives %d days, want as long as an idle login: 7", days)
		}
	}
}

func TestReusedRefreshTokenEndsTheSession(t *testing.T) {
	tests := []struct {
		name      string
		rotations int           // before the first cookie comes back
		wait      time.Duration // after the last
		ends      bool
	}{
		{"at once, as of two tabs", 1, 0, false},
		{"within 10 s", 1, 9 * time.Second, false},
		{"later", 1, 11 * time.Second, true},
		{"an older one, at once", 2, 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := newApp(t)
			l, r := app.loginReply(t, "alice")
			socket, other := app.join(t, l, "lobby"), app.join(t, app.login(t, "alice"), "attic")
			first := r.cookie(t).Value
			for range test.rotations {
				r = app.refresh(t, r.cookie(t).Value)
			}
			last := r.cookie(t).Value
			app.clock.advance(test.wait)

			if r := app.refresh(t, first); r.status != http.StatusUnauthorized || r.code() != "session_ended" {
				t.Fatalf("the used one: %d %s", r.status, r.body)
			}
			if test.ends {
				socket.expectClose(t, hub.SessionEnded)
			} else {
				socket.send(t, frame{"type": "message", "text": "still here"})
				socket.expect(t, "message")
			}
			if r := app.refresh(t, last); (r.status == http.StatusOK) == test.ends {
				t.Errorf("the last one: %d %s", r.status, r.body)
			}
			other.send(t, frame{"type": "message", "text": "another session goes on in any case"})
			other.expect(t, "message")
		})
	}
}

func TestOfAHundredRefreshesOneSucceeds(t *testing.T) {
	app := newApp(t)
	_, r := app.loginReply(t, "alice")
	cookie := r.cookie(t).Value

	var replies [100]reply
	var tries sync.WaitGroup
	for i := range replies {
		tries.Go(func() { replies[i] = app.refresh(t, cookie) })
	}
	tries.Wait()
	var next string
	for _, r := range replies {
		switch {
		case r.status == http.StatusOK && next == "":
			next = r.cookie(t).Value
		case r.status != http.StatusUnauthorized:
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if r := app.refresh(t, next); r.status != http.StatusOK {
		t.Errorf("after the race: %d %s", r.status, r.body)
	}
}

func TestLoginEndsUnusedOrOld(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name  string
		every time.Duration // it is refreshed
		until time.Duration // the last time it works
		ended time.Duration // the first time it does not
	}{
		{"unused", 8 * day, 0, 8 * day},
		{"used daily", day, 29 * day, 30 * day},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := newApp(t)
			_, r := app.loginReply(t, "alice")
			for age := test.every; ; age += test.every {
				app.clock.advance(test.every)
				next := app.refresh(t, r.cookie(t).Value)
				if age >= test.ended {
					if next.status != http.StatusUnauthorized || next.code() != "session_ended" {
						t.Errorf("after %v: %d %s", age, next.status, next.body)
					}
					return
				}
				if next.status != http.StatusOK {
					t.Fatalf("after %v: %d %s, want it to work until %v", age, next.status, next.body, test.until)
				}
				r = next
			}
		})
	}
}

func TestRefreshIsForOwnPagesAlone(t *testing.T) {
	app := newApp(t, func(o *handlers.Options, _ *hub.Options) {
		o.AllowedOrigins = []string{"https://friend.example"} // for sockets
	})
	_, r := app.loginReply(t, "alice")
	cookie := r.cookie(t).Value
	foreign := []http.Header{
		{"Origin": {"https://evil.example"}},
		{"Origin": {"https://friend.example"}},
		{"Origin": {"null"}},
		{"Origin": {app.url, app.url}},
		{"Origin": {app.url}, "Sec-Fetch-Site": {"same-site"}},
		{"Sec-Fetch-Site": {"cross-site"}},
		{"Sec-Fetch-Site": {"none"}},
	}
	for _, header := range foreign {
		request := app.request(t, http.MethodPost, "/api/refresh", "", nil)
		request.Header = header
		request.AddCookie(&http.Cookie{Name: "refresh_token", Value: cookie})
		if r := app.do(t, request); r.status != http.StatusForbidden || r.code() != "cross_origin" {
			t.Errorf("%v: %d %s", header, r.status, r.body)
		}
	}
	if r := app.refresh(t, cookie); r.status != http.StatusOK {
		t.Errorf("they used the cookie up: %d", r.status)
	}
}

func TestRefreshTakesNothingElse(t *testing.T) {
	app := newApp(t)
	l, r := app.loginReply(t, "alice")
	cookie := r.cookie(t).Value
	for name, value := range map[string]string{
		"nothing":         "",
		"an access token": l.Token,
		"a ticket":        app.ticket(t, l, "lobby"),
		"a session's id":  l.SessionID,
		"and some more":   l.SessionID + ".junk",
	} {
		if r := app.refresh(t, value); r.status != http.StatusUnauthorized || r.code() != "session_ended" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := app.get(t, "/api/me", cookie); r.status != http.StatusUnauthorized {
		t.Errorf("a refresh token as an access token: %d", r.status)
	}
	if s, r := app.dial(t, "/ws/lobby?ticket="+strings.ReplaceAll(cookie, ".", ""), nil); s != nil {
		t.Errorf("a refresh token as a ticket: %d", r.status)
	}
	if r := app.refresh(t, cookie); r.status != http.StatusOK {
		t.Errorf("the cookie itself: %d %s", r.status, r.body)
	}
}
