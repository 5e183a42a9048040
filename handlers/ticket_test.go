package handlers_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

func TestTicketReply(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	r := app.post(t, "/api/tickets", l.Token, map[string]string{"room": "lobby"})
	var got struct {
		Ticket, Room string
		ExpiresIn    int `json:"expires_in"`
	}
	r.into(t, &got)
	secrets.add(got.Ticket)
	if r.status != http.StatusCreated || got.Room != "lobby" || got.ExpiresIn != 30 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if len(got.Ticket) < 26 { // 26 characters of base32 are 130 bits
		t.Errorf("a ticket of %d characters", len(got.Ticket))
	}
	if r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control: %q", r.header.Get("Cache-Control"))
	}
	if again := app.ticket(t, l, "lobby"); again == got.Ticket {
		t.Error("the same ticket twice")
	}
}

func TestTicketNeedsATokenAndARoom(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	wantProblem(t, app.post(t, "/api/tickets", "", map[string]string{"room": "lobby"}), 401, "no_token")
	for _, room := range []string{"", "a.b", "a/b", strings.Repeat("x", 65)} {
		r := app.post(t, "/api/tickets", l.Token, map[string]string{"room": room})
		wantProblem(t, r, 400, "invalid_input")
		wantFields(t, r, "room")
	}
}

func TestTicketStandsForItsToken(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	app.clock.advance(10 * time.Minute)
	s, _ := app.open(t, by("ticket", app.ticket(t, l, "lobby")))
	// The socket lives no longer than one that the token had opened.
	if welcome := s.expect(t, "welcome"); welcome["expires_at"] != l.ExpiresAt.Format(time.RFC3339) {
		t.Errorf("expires at %v, the token at %v", welcome["expires_at"], l.ExpiresAt)
	}
}

// A URL stays behind in histories and in the logs of proxies. By then its ticket is worth nothing.
func TestTicketIsSpentOnce(t *testing.T) {
	app := newApp(t)
	h := by("ticket", app.ticket(t, app.login(t, "alice"), "lobby"))
	app.wantIn(t, h, "ticket")
	app.wantOut(t, h, 401, "invalid_token")
}

func TestTicketLivesThirtySeconds(t *testing.T) {
	app := newApp(t)
	app.clock.stop()
	l := app.login(t, "alice")
	early, late := by("ticket", app.ticket(t, l, "lobby")), by("ticket", app.ticket(t, l, "lobby"))
	app.clock.advance(29 * time.Second)
	app.wantIn(t, early, "ticket")
	app.clock.advance(2 * time.Second)
	app.wantOut(t, late, 401, "invalid_token")
}

// A page asks for the reason after its handshake has failed, so that must not change the answer.
func TestBadTicketsAreToldAlike(t *testing.T) {
	app := newApp(t)
	l, ending := app.login(t, "alice"), app.login(t, "alice")
	old := app.ticket(t, l, "lobby")
	app.clock.advance(time.Minute)
	spent, elsewhere, dead := app.ticket(t, l, "lobby"), app.ticket(t, l, "office"), app.ticket(t, ending, "lobby")
	app.wantIn(t, by("ticket", spent), "ticket")
	app.post(t, "/api/logout", ending.Token, nil)

	unknown := app.wantOut(t, by("ticket", strings.Repeat("A", 26)), 401, "invalid_token")
	bad := map[string]string{"expired": old, "spent": spent, "for another room": elsewhere, "of an ended session": dead}
	for name, ticket := range bad {
		t.Run(name, func(t *testing.T) {
			wantSameProblem(t, app.wantOut(t, by("ticket", ticket), 401, "invalid_token"), unknown)
		})
	}
}

// A store that looks the ticket up and then deletes it lets several through.
func TestOfAHundredWithOneTicketOneWins(t *testing.T) {
	app := newApp(t)
	url := "ws" + strings.TrimPrefix(app.url, "http") + "/ws/lobby?ticket=" + app.ticket(t, app.login(t, "alice"), "lobby")
	statuses := make(chan int, 100)
	start := make(chan struct{})
	var all sync.WaitGroup
	for range cap(statuses) {
		all.Go(func() {
			<-start
			conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil)
			if response == nil {
				t.Error(err)
				return
			}
			if err == nil {
				_ = conn.Close()
			}
			statuses <- response.StatusCode
		})
	}
	close(start)
	all.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[http.StatusSwitchingProtocols] != 1 || count[http.StatusUnauthorized] != 99 {
		t.Errorf("by status: %v", count)
	}
}

func TestTicketEndsWithTheTokenItStandsFor(t *testing.T) {
	app := newApp(t, tokensOf(20*time.Second))
	l := app.login(t, "alice")
	app.clock.advance(10 * time.Second)
	ticket := app.ticket(t, l, "lobby") // good for 30 s, and the token for 10
	app.clock.advance(18 * time.Second)
	if s, r := app.dial(t, "/ws/lobby?ticket="+ticket, nil); s != nil || r.status != http.StatusUnauthorized || r.code() != "invalid_token" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestTicketIsNotSpentWhereThereIsNoSeat(t *testing.T) {
	app := newApp(t, func(_ *handlers.Options, o *hub.Options) { o.ConnectionsPerUser = 1 })
	l := app.login(t, "alice")
	only := app.join(t, l, "lobby")
	path := "/ws/lobby?ticket=" + app.ticket(t, l, "lobby")
	if s, r := app.dial(t, path, nil); s != nil || r.code() != "too_many_connections" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := app.get(t, path, ""); r.code() != "too_many_connections" {
		t.Errorf("asked why: %d %s", r.status, r.body)
	}
	_ = only.Close()
	eventually(t, func() bool { return len(app.hub.Sockets()) == 0 })
	if s, r := app.dial(t, path, nil); s == nil {
		t.Errorf("with a seat: %d %s", r.status, r.body)
	}
}
