package handlers_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

func TestConnectionsOfAUserAreCapped(t *testing.T) {
	app := newApp(t, func(_ *handlers.Options, o *hub.Options) { o.ConnectionsPerUser = 2 })
	alice, again, bob := app.login(t, "alice"), app.login(t, "alice"), app.login(t, "bob")
	first := app.join(t, alice, "lobby")
	app.join(t, again, "office")
	// Neither another room nor another login nor another way in helps.
	for _, h := range []handshake{by("header", alice.Token), by("query", again.Token)} {
		r := app.wantOut(t, h, 429, "too_many_connections")
		if r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	app.join(t, bob, "lobby")
	_ = first.Close()
	app.joinAtLast(t, alice, "lobby")
}

func TestConnectionsInAllAreCapped(t *testing.T) {
	app := newApp(t, func(_ *handlers.Options, o *hub.Options) { o.Connections = 2 })
	alice, bob := app.login(t, "alice"), app.login(t, "bob")
	first := app.join(t, alice, "lobby")
	app.join(t, bob, "lobby")
	r := app.wantOut(t, by("header", bob.Token), 503, "full")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	_ = first.Close()
	app.joinAtLast(t, bob, "lobby")
}

func TestOnlyOpenConnectionsTakeSeats(t *testing.T) {
	app := newApp(t, func(_ *handlers.Options, o *hub.Options) { o.ConnectionsPerUser = 1 })
	l := app.login(t, "alice")
	for range 3 { // neither asking takes one, nor being refused
		wantProblem(t, app.ask(t, by("header", l.Token)), 426, "upgrade_required")
		app.wantOut(t, by("header", l.Token).and(by("ticket", "AAAA")), 400, "invalid_request")
	}
	app.join(t, l, "lobby")
	app.wantOut(t, by("header", l.Token), 429, "too_many_connections")
}

// A continuation that carries nothing: no flags, no length, masked with zeros.
var emptyContinuation = []byte{0x00, 0x80, 0, 0, 0, 0}

func TestFloodEndsItsConnectionAlone(t *testing.T) {
	rows := []struct {
		name  string
		flood func(*socket) error
		why   hub.Closing
	}{
		{"messages", func(s *socket) error {
			return s.WriteMessage(websocket.TextMessage, []byte(`{"type":"message","text":"x"}`))
		}, hub.TooManyMessages},
		{"bad frames", func(s *socket) error {
			return s.WriteMessage(websocket.TextMessage, []byte(`{"type":"shout"}`))
		}, hub.TooManyMessages},
		{"pings", func(s *socket) error {
			return s.WriteMessage(websocket.PingMessage, nil)
		}, hub.TooManyMessages},
	}
	app := newApp(t, func(_ *handlers.Options, o *hub.Options) { o.MessagesPerSecond = 1 })
	alice, bob := app.login(t, "alice"), app.join(t, app.login(t, "bob"), "lobby")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := app.join(t, alice, "lobby")
			for range 9 { // a burst of two is allowed
				if row.flood(s) != nil {
					break
				}
			}
			s.expectClose(t, row.why)
			for bob.receive(t)["type"] != "left" { // he has heard what came before it was too much
			}
		})
	}
	bob.echo(t)
}

func TestBurstOfTwiceTheRateIsHeard(t *testing.T) {
	app := newApp(t, func(_ *handlers.Options, o *hub.Options) { o.MessagesPerSecond = 10 })
	s := app.join(t, app.login(t, "alice"), "lobby")
	for range 20 {
		s.send(t, frame{"type": "message", "text": "x"})
	}
	for range 20 {
		s.expect(t, "message")
	}
}

// Who only listens may ping as long as it likes, to keep a proxy from closing the connection.
func TestPingsAreNoFlood(t *testing.T) {
	app := newAppWithoutRate(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	const pings = 2000
	pongs := 0
	s.SetPongHandler(func(string) error { pongs++; return nil })
	for range pings {
		if err := s.WriteMessage(websocket.PingMessage, bytes.Repeat([]byte{'x'}, 125)); err != nil {
			t.Fatal(err)
		}
	}
	s.echo(t)
	if pongs != pings {
		t.Errorf("%d pings had %d pongs", pings, pongs)
	}
}

// They carry nothing, so no limit on size meets them, and no message ever ends.
func TestEmptyContinuationsEndTheConnection(t *testing.T) {
	app := newApp(t)
	s, other := app.join(t, app.login(t, "alice"), "lobby"), app.join(t, app.login(t, "bob"), "lobby")
	textWithMoreToCome := []byte{0x01, 0x81, 0, 0, 0, 0, '{'}
	if _, err := s.NetConn().Write(textWithMoreToCome); err != nil {
		t.Fatal(err)
	}
	// Far more frames than may come in a second, in few bytes.
	go func() { _, _ = s.NetConn().Write(bytes.Repeat(emptyContinuation, 100_000)) }()
	_, _ = s.end(t)
	other.expect(t, "left")
	other.echo(t)
}

// Whoever waits for the slowest waits for ever, and whoever keeps everything for it runs out of memory.
func TestSlowReaderIsDroppedAndNobodyElseLoses(t *testing.T) {
	app := newAppWithoutRate(t)
	alice, bob := app.join(t, app.login(t, "alice"), "lobby"), app.join(t, app.login(t, "bob"), "lobby")
	slow := app.joinSlowly(t, app.login(t, "carol"), "lobby")
	for _, s := range []*socket{alice, alice, bob} { // alice has seen bob come, too
		s.expect(t, "joined")
	}

	// More than the two ends and the server's queue can hold for who does not read.
	const messages = 1500
	text := strings.Repeat("🐌", 4096)
	left := map[*socket]bool{} // who has heard that carol is gone
	for range messages {
		alice.send(t, frame{"type": "message", "text": text})
		for _, s := range []*socket{alice, bob} {
			heard := s.receive(t)
			if heard["type"] == "left" {
				left[s], heard = true, s.receive(t)
			}
			if heard["text"] != text {
				t.Fatalf("heard %v", heard)
			}
		}
	}

	heard, err := slow.end(t)
	if !websocket.IsCloseError(err, hub.TooSlow.Code, websocket.CloseAbnormalClosure) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("ended with %v", err)
	}
	if heard >= messages {
		t.Errorf("it was kept %d messages", heard)
	}
	if !left[bob] {
		bob.expect(t, "left")
	}
}

// With one processor the app reads all of a burst before it writes any of it, unless it takes care.
func TestBurstEndsNobodyWhoReads(t *testing.T) {
	app := newAppWithoutRate(t)
	alice, bob := app.join(t, app.login(t, "alice"), "lobby"), app.join(t, app.login(t, "bob"), "lobby")
	alice.expect(t, "joined")

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const messages = 2000
	said := []byte(`{"type":"message","text":"Hello"}`)
	one := append([]byte{0x81, 0x80 | byte(len(said)), 0, 0, 0, 0}, said...) // with a mask of zeros
	if _, err := alice.NetConn().Write(bytes.Repeat(one, messages)); err != nil {
		t.Fatal(err)
	}
	for range messages {
		alice.expect(t, "message")
		bob.expect(t, "message")
	}
}

// A tick comes between what is queued and the writer that takes it.
func TestTickDoesNotTakeTheIdleForStalled(t *testing.T) {
	app := newApp(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range 30 {
		app.Tick()
		time.Sleep(time.Millisecond) // whatever can run, does
	}
	app.clock.advance(31 * time.Second) // it is time for a ping
	app.Tick()
	app.Tick()
	s.echo(t)
}

// joinSlowly opens a socket whose end takes in little as long as nobody reads.
func (a *testApp) joinSlowly(t testing.TB, l login, room string) *socket {
	t.Helper()
	dialer := websocket.Dialer{
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil {
				err = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
			}
			return conn, err
		},
	}
	conn, _, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(a.url, "http")+"/ws/"+room, bearer(l.Token))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &socket{conn}
}
