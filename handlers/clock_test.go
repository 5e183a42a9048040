package handlers_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"example.com/handshake/handlers/hub"
)

// A machine's clock can be set wrong, and right again.
const step = 2 * time.Hour

func TestClockSteppedForwardEndsWhatIsOver(t *testing.T) {
	app := newApp(t)
	l, r := app.loginReply(t, "alice")
	ticket := app.ticket(t, l, "lobby")
	s := app.join(t, l, "lobby")

	app.later(t, step)
	s.expectClose(t, hub.TokenExpired)
	wantProblem(t, app.get(t, "/api/me", l.Token), 401, "token_expired")
	app.wantOut(t, by("ticket", ticket), 401, "invalid_token")
	if err := app.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var fresh login
	app.refresh(t, r.cookie(t).Value).into(t, &fresh) // the session lives longer than that
	secrets.add(fresh.Token)
	app.join(t, fresh, "lobby").echo(t)
}

func TestClockSteppedBackTakesNobodyIn(t *testing.T) {
	app := newApp(t)
	l, r := app.loginReply(t, "alice")
	spent, unspent := app.ticket(t, l, "lobby"), app.ticket(t, l, "lobby")
	s := app.join(t, l, "attic")
	byTicket, _ := app.wantIn(t, by("ticket", spent), "ticket")

	app.later(t, -step)
	if err := app.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.echo(t)
	byTicket.echo(t)
	// A token of the future is nobody's, and a fresh one is had without a password.
	wantProblem(t, app.get(t, "/api/me", l.Token), 401, "invalid_token")
	app.wantOut(t, by("ticket", spent), 401, "invalid_token")
	var fresh login
	app.refresh(t, r.cookie(t).Value).into(t, &fresh)
	secrets.add(fresh.Token)
	app.wantOut(t, by("ticket", spent), 401, "invalid_token")
	app.wantIn(t, by("ticket", unspent), "ticket")
	app.wantOut(t, by("ticket", unspent), 401, "invalid_token")

	s.send(t, frame{"type": "renew", "token": fresh.Token})
	s.expect(t, "renewed")
	app.later(t, 15*time.Minute+time.Second) // by the clock as it is now
	s.expectClose(t, hub.TokenExpired)
	if r := app.post(t, "/api/logout", app.login(t, "alice").Token, nil); r.status != http.StatusNoContent {
		t.Errorf("logout: %d %s", r.status, r.body)
	}
}

func TestClockSteppedBackMakesNoWaitLonger(t *testing.T) {
	tests := []struct {
		name     string
		failures int
		address  func(i int) string
		longest  int // s
	}{
		{"one account from one address", 7, func(int) string { return "192.0.2.1" }, 16},
		{"one account from anywhere", 100, func(i int) string { return "198.51.100." + strconv.Itoa(i%20) }, 900},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := newApp(t, behindProxy)
			app.clock.stop()
			app.login(t, "alice")
			fail := func(i int) reply { return app.try(t, test.address(i), "alice", "wrong password") }
			for i := range test.failures {
				app.clock.advance(time.Duration(fail(i).wait(t)) * time.Second)
			}
			app.clock.advance(-step)
			if r := fail(0); r.status != http.StatusUnauthorized {
				t.Fatalf("the first try by the clock as it is now: %d %s", r.status, r.body)
			}
			if wait := fail(0).wait(t); wait == 0 || wait > test.longest {
				t.Errorf("the next wait is %d s, want %d at most", wait, test.longest)
			}
		})
	}
	t.Run("registrations", func(t *testing.T) {
		app := newApp(t)
		now := app.clock.now()
		register := func(at time.Time) time.Duration {
			wait, err := app.db.Attempts.Register(t.Context(), "192.0.2.1", at)
			if err != nil {
				t.Fatal(err)
			}
			return wait
		}
		for range 300 {
			register(now)
		}
		if first, next := register(now.Add(-step)), register(now.Add(-step)); first != 0 || next == 0 || next > time.Hour {
			t.Errorf("the waits are %v and %v, want none, and an hour at most", first, next)
		}
	})
}

func TestClockSteppedBackStillTellsAReusedRefreshToken(t *testing.T) {
	app := newApp(t)
	_, r := app.loginReply(t, "alice")
	first := r.cookie(t).Value
	last := app.refresh(t, first).cookie(t).Value
	app.clock.advance(-step)
	wantProblem(t, app.refresh(t, first), 401, "session_ended")
	wantProblem(t, app.refresh(t, last), 401, "session_ended")
}
