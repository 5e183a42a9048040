package handlers_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// later moves the clock, and does what is due then.
func (a *testApp) later(t testing.TB, d time.Duration) {
	t.Helper()
	a.clock.advance(d)
	a.Tick()
	if err := a.CheckSessions(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func tokensOf(life time.Duration) func(*handlers.Options, *hub.Options) {
	return func(o *handlers.Options, _ *hub.Options) { o.AccessTokenTTL = life }
}

func TestSocketEndsWithItsToken(t *testing.T) {
	tests := []struct {
		name       string
		life, warn time.Duration // from the login to the end, and to the word of it
	}{
		{"a long life is announced 60 s before", 15 * time.Minute, 14 * time.Minute},
		{"a short one at its half", 20 * time.Second, 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := newApp(t, tokensOf(test.life))
			l := app.login(t, "alice")
			byHeader := app.join(t, l, "lobby")
			byTicket, _ := app.dial(t, "/ws/garden?ticket="+app.ticket(t, l, "garden"), nil)
			byTicket.expect(t, "welcome")

			app.later(t, test.warn-3*time.Second)
			byHeader.send(t, frame{"type": "message", "text": "nothing yet"})
			byHeader.expect(t, "message")
			for _, s := range []*socket{byHeader, byTicket} {
				if s == byHeader {
					app.later(t, 3*time.Second)
				}
				if f := s.expect(t, "expiring"); f["expires_at"] != l.ExpiresAt.Format(time.RFC3339) {
					t.Errorf("%v, and the token ends at %v", f, l.ExpiresAt)
				}
			}
			app.later(t, test.life-test.warn)
			byHeader.expectClose(t, hub.TokenExpired)
			byTicket.expectClose(t, hub.TokenExpired)
		})
	}
}

func TestRenewMovesTheEnd(t *testing.T) {
	app := newApp(t, tokensOf(20*time.Second))
	l, r := app.loginReply(t, "alice")
	s := app.join(t, l, "lobby")
	app.later(t, 10*time.Second)
	s.expect(t, "expiring")

	var fresh login
	app.refresh(t, r.cookie(t).Value).into(t, &fresh)
	secrets.add(fresh.Token)
	s.send(t, frame{"type": "renew", "token": fresh.Token})
	if f := s.expect(t, "renewed"); f["expires_at"] != fresh.ExpiresAt.Format(time.RFC3339) {
		t.Errorf("%v, and the fresh token ends at %v", f, fresh.ExpiresAt)
	}
	app.later(t, 11*time.Second) // past the old end
	s.expect(t, "expiring")      // of the new one
	app.later(t, 10*time.Second)
	s.expectClose(t, hub.TokenExpired)
}

func TestRenewWithAnyOtherTokenCloses(t *testing.T) {
	tests := []struct {
		name  string
		token func(*testApp, login) string
		want  hub.Closing
	}{
		{"another user's", func(a *testApp, _ login) string { return a.login(a.t, "mallory").Token }, hub.SessionEnded},
		{"another session's", func(a *testApp, _ login) string { return a.login(a.t, "alice").Token }, hub.SessionEnded},
		{"a forged one", func(_ *testApp, l login) string { return l.Token[:len(l.Token)-4] + "AAAA" }, hub.SessionEnded},
		{"a ticket", func(a *testApp, l login) string { return a.ticket(a.t, l, "lobby") }, hub.SessionEnded},
		{"one with a line end", func(_ *testApp, l login) string { return l.Token + "\n" }, hub.SessionEnded},
		{"none", func(*testApp, login) string { return "" }, hub.SessionEnded},
		{"an expired one", func(a *testApp, l login) string {
			a.clock.advance(time.Hour)
			return l.Token
		}, hub.TokenExpired},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := newApp(t)
			l := app.login(t, "alice")
			s := app.join(t, l, "lobby")
			s.send(t, frame{"type": "renew", "token": test.token(app, l)})
			s.expectClose(t, test.want)
		})
	}
}

func TestSocketEndsWithItsUser(t *testing.T) {
	for name, statement := range map[string]string{
		"disabled": "UPDATE users SET disabled_at = '2026-01-01 00:00:00+00:00' WHERE username = 'alice'",
		"deleted":  "DELETE FROM users WHERE username = 'alice'",
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp(t)
			l, r := app.loginReply(t, "alice")
			s, other := app.join(t, l, "lobby"), app.join(t, app.login(t, "bob"), "attic")

			app.exec(t, statement)
			if r := app.get(t, "/api/me", l.Token); r.status != http.StatusUnauthorized {
				t.Errorf("her token: %d", r.status)
			}
			if r := app.refresh(t, r.cookie(t).Value); r.status != http.StatusUnauthorized {
				t.Errorf("her cookie: %d", r.status)
			}
			app.later(t, time.Second)
			s.expectClose(t, hub.SessionEnded)
			other.send(t, frame{"type": "message", "text": "still here"})
			other.expect(t, "message")
		})
	}
}
