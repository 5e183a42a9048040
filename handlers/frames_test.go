package handlers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// newAppWithoutRate sets no limit to the rate of messages.
func newAppWithoutRate(t *testing.T) *testApp {
	return newApp(t, func(_ *handlers.Options, o *hub.Options) { o.MessagesPerSecond = 0 })
}

// echo sends a message and waits for it to come back, before anything else does.
// What the server was sent before it has then been dealt with.
func (s *socket) echo(t testing.TB) {
	t.Helper()
	s.send(t, frame{"type": "message", "text": "anything else?"})
	if heard := s.expect(t, "message"); heard["text"] != "anything else?" {
		t.Fatalf("heard %v", heard)
	}
}

// raw sends bytes as one message.
func (s *socket) raw(t testing.TB, kind int, message string) {
	t.Helper()
	if err := s.WriteMessage(kind, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

// end reads until the connection is over, and says how many messages came before that.
func (s *socket) end(t testing.TB) (messages int, why error) {
	t.Helper()
	for {
		_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, _, err := s.ReadMessage()
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			t.Fatal("the connection goes on")
		}
		if err != nil {
			return messages, err
		}
		messages++
	}
}

func TestWelcome(t *testing.T) {
	app := newApp(t)
	bob, alice := app.login(t, "bob"), app.login(t, "alice")
	app.join(t, bob, "lobby")
	app.join(t, bob, "office")
	s, _ := app.open(t, by("header", alice.Token))
	_, text, err := s.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), `{"type":"welcome",`) {
		t.Errorf("the type is not first: %s", text)
	}
	var welcome frame
	if err := json.Unmarshal(text, &welcome); err != nil {
		t.Fatal(err)
	}
	if id, _ := welcome["connection"].(string); id == "" {
		t.Errorf("connection: %v", welcome["connection"])
	}
	delete(welcome, "connection")
	want := frame{
		"type":       "welcome",
		"room":       "lobby",
		"user":       map[string]any{"id": app.me(t, alice.Token).User.ID, "username": "alice"},
		"via":        "header",
		"expires_at": alice.ExpiresAt.Format(time.RFC3339),
		"members":    []any{"alice", "bob"},
		"limits":     map[string]any{"message_bytes": 65536.0, "messages_per_second": 20.0, "text_characters": 4096.0},
	}
	if !reflect.DeepEqual(welcome, want) {
		t.Errorf("got  %v\nwant %v", welcome, want)
	}
}

func TestEveryConnectionHasAnIDOfItsOwn(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	first, _ := app.open(t, by("header", l.Token))
	second, _ := app.open(t, by("header", l.Token))
	if a, b := first.expect(t, "welcome")["connection"], second.expect(t, "welcome")["connection"]; a == b {
		t.Errorf("both are %v", a)
	}
}

func TestMessageReachesItsRoomAlone(t *testing.T) {
	app := newApp(t)
	alice, bob := app.login(t, "alice"), app.login(t, "bob")
	here, elsewhere := app.join(t, alice, "lobby"), app.join(t, bob, "office")
	here.send(t, frame{"type": "message", "text": "only here"})
	heard := here.expect(t, "message")
	at, err := time.Parse(time.RFC3339, heard["at"].(string))
	if err != nil || at.Location() != time.UTC || time.Since(at).Abs() > time.Minute {
		t.Errorf("at %v, want now in UTC", heard["at"])
	}
	if heard["room"] != "lobby" || heard["from"] != "alice" || heard["id"] == "" {
		t.Errorf("heard %v", heard)
	}
	elsewhere.echo(t)
}

func TestAck(t *testing.T) {
	rows := []struct {
		name string
		ref  any
	}{
		{"string", "a-1"},
		{"number", 7.0},
		{"object", map[string]any{"n": 1.0}},
	}
	app := newApp(t)
	s, other := app.join(t, app.login(t, "alice"), "lobby"), app.join(t, app.login(t, "bob"), "lobby")
	s.expect(t, "joined")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s.send(t, frame{"type": "message", "ref": row.ref, "text": "hello"})
			heard, ack := s.expect(t, "message"), s.expect(t, "ack")
			if !reflect.DeepEqual(ack, frame{"type": "ack", "ref": row.ref, "id": heard["id"]}) {
				t.Errorf("ack %v of %v", ack, heard)
			}
			other.expect(t, "message")
		})
	}
	s.send(t, frame{"type": "message", "text": "no ref"})
	s.expect(t, "message")
	s.echo(t)
	other.expect(t, "message")
	other.expect(t, "message")
	other.echo(t) // and no ack to anybody else
}

func TestPresenceIsOfUsersNotConnections(t *testing.T) {
	// With two seats for a user, a third connection opens when the second is gone for good.
	app := newApp(t, func(_ *handlers.Options, o *hub.Options) { o.ConnectionsPerUser = 2 })
	bob := app.login(t, "bob")
	alice := app.join(t, app.login(t, "alice"), "lobby")

	first := app.join(t, bob, "lobby")
	if joined := alice.expect(t, "joined"); joined["user"] != "bob" {
		t.Errorf("joined: %v", joined)
	}
	second := app.join(t, bob, "lobby")
	alice.echo(t)
	first.expect(t, "message")
	second.expect(t, "message")

	_ = second.Close()
	third := app.joinAtLast(t, bob, "lobby")
	alice.echo(t)

	_ = first.Close()
	_ = third.Close()
	if left := alice.expect(t, "left"); left["user"] != "bob" {
		t.Errorf("left: %v", left)
	}
	alice.echo(t)
}

// joinAtLast joins as soon as there is a seat.
func (a *testApp) joinAtLast(t testing.TB, l login, room string) *socket {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if s, _ := a.dial(t, "/ws/"+room, bearer(l.Token)); s != nil {
			s.expect(t, "welcome")
			return s
		}
	}
	t.Fatal("no seat was freed")
	return nil
}

func TestTextLimits(t *testing.T) {
	app := newAppWithoutRate(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	rows := []struct {
		name, text string
		good       bool
	}{
		{"nothing", "", false},
		{"1", "x", true},
		{"4,096", strings.Repeat("x", 4096), true},
		{"4,097", strings.Repeat("x", 4097), false},
		{"4,096 of four bytes", strings.Repeat("🤝", 4096), true},
		{"4,097 of four bytes", strings.Repeat("🤝", 4097), false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s.send(t, frame{"type": "message", "ref": "r", "text": row.text})
			if !row.good {
				if e := s.expect(t, "error"); e["code"] != "invalid_text" || e["ref"] != "r" {
					t.Errorf("error: %v", e)
				}
				return
			}
			if heard := s.expect(t, "message"); heard["text"] != row.text {
				t.Errorf("heard %v", heard)
			}
			s.expect(t, "ack")
		})
	}
}

// Whoever shows a text makes it safe for the place where it is shown: here nothing is changed.
func TestTextArrivesAsItIs(t *testing.T) {
	app := newApp(t)
	alice, bob := app.join(t, app.login(t, "alice"), "lobby"), app.join(t, app.login(t, "bob"), "lobby")
	alice.expect(t, "joined")
	for _, text := range []string{
		`<script>alert("1")</script> & <img src=x onerror='alert(2)'>`,
		"one line\nanother\r\n\ta third\u2028a fourth",
		`\u003c " \" {"type":"left"}`,
		"e\u0301 is not \u00e9, and \u202e is right to left",
		"\x00\x01\x7f\ufeff",
	} {
		alice.send(t, frame{"type": "message", "text": text})
		for _, s := range []*socket{alice, bob} {
			if heard := s.expect(t, "message"); heard["text"] != text {
				t.Errorf("heard %q, want %q", heard["text"], text)
			}
		}
	}
}

func TestBadFrameIsToldAndTheConnectionStays(t *testing.T) {
	app := newAppWithoutRate(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	rows := []struct {
		name, text, code string
		ref              any
	}{
		{"unknown type", `{"type":"shout","ref":"a"}`, "unknown_type", "a"},
		{"a type of the server's", `{"type":"welcome"}`, "unknown_type", nil},
		{"no type", `{"text":"hello"}`, "unknown_type", nil},
		{"type in another case", `{"Type":"message","text":"hello"}`, "unknown_type", nil},
		{"a number as text", `{"type":"message","ref":2,"text":7}`, "invalid_frame", 2.0},
		{"a number as text, and then the ref", `{"type":"message","text":7,"ref":2}`, "invalid_frame", 2.0},
		{"a number as token", `{"type":"renew","token":7,"ref":"x"}`, "invalid_frame", "x"},
		{"no text", `{"type":"message","ref":3}`, "invalid_text", 3.0},
		{"an array", `["message"]`, "invalid_frame", nil},
		{"a word", `"message"`, "invalid_frame", nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s.raw(t, websocket.TextMessage, row.text)
			e := s.expect(t, "error")
			if e["code"] != row.code || e["ref"] != row.ref || e["detail"] == "" {
				t.Errorf("error: %v", e)
			}
			s.echo(t)
		})
	}
}

func TestTooManyBadFrames(t *testing.T) {
	app := newAppWithoutRate(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	for range 2 { // a good one in between starts the count anew
		for range 9 {
			s.send(t, frame{"type": "shout"})
			s.expect(t, "error")
		}
		s.echo(t)
	}
	for range 10 {
		s.send(t, frame{"type": "shout"})
	}
	s.expectClose(t, hub.TooManyBadFrames)
}

// What ends a connection ends it alone, and nobody else hears of it.
func TestUnusableMessageClosesItsConnectionAlone(t *testing.T) {
	const atLimit = `{"type":"message","text":"x"`
	pad := func(n int) string { return atLimit + strings.Repeat(" ", n-len(atLimit)-1) + "}" }
	rows := []struct {
		name    string
		kind    int
		message string
		why     hub.Closing
	}{
		{"bad UTF-8", websocket.TextMessage, "{\"type\":\"message\",\"text\":\"\xff\"}", hub.NotUTF8},
		{"half a surrogate pair in UTF-8", websocket.TextMessage, "{\"type\":\"message\",\"text\":\"\xed\xa0\x80\"}", hub.NotUTF8},
		{"bad UTF-8 that is no JSON", websocket.TextMessage, "\xc3(", hub.NotUTF8},
		{"binary", websocket.BinaryMessage, `{"type":"message","text":"x"}`, hub.UnreadableFrame},
		{"not JSON", websocket.TextMessage, "hello", hub.UnreadableFrame},
		{"empty", websocket.TextMessage, "", hub.UnreadableFrame},
		{"two objects", websocket.TextMessage, `{"type":"message","text":"x"}{}`, hub.UnreadableFrame},
		{"too big by one", websocket.TextMessage, pad(65537), hub.MessageTooBig},
		{"far too big", websocket.TextMessage, pad(1 << 20), hub.MessageTooBig},
		{"too big and binary", websocket.BinaryMessage, pad(1 << 20), hub.MessageTooBig},
	}
	app := newApp(t)
	alice, bob := app.login(t, "alice"), app.join(t, app.login(t, "bob"), "lobby")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := app.join(t, alice, "lobby")
			bob.expect(t, "joined")
			_ = s.WriteMessage(row.kind, []byte(row.message)) // fails if the server is quicker to close
			s.expectClose(t, row.why)
			bob.expect(t, "left")
			bob.echo(t)
		})
	}

	t.Run("just not too big", func(t *testing.T) {
		s := app.join(t, alice, "lobby")
		s.raw(t, websocket.TextMessage, pad(65536))
		s.expect(t, "message")
	})
}

func TestCloseIsAnswered(t *testing.T) {
	app := newApp(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	s.raw(t, websocket.CloseMessage, string(websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")))
	s.expectClose(t, hub.Bye)
}

// Clients that hear 1001 come back by themselves, so an update of the server goes unnoticed.
func TestShutdownTellsEverybody(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	sockets := []*socket{app.join(t, l, "lobby"), app.join(t, l, "office"), app.join(t, app.login(t, "bob"), "garden")}
	over := make(chan struct{})
	go func() {
		app.hub.Shutdown(t.Context())
		close(over)
	}()
	for _, s := range sockets {
		s.expectClose(t, hub.ShuttingDown)
	}
	<-over
	r := app.wantOut(t, by("header", l.Token), 503, "shutting_down")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// A panic in a goroutine of its own would end the whole program, with everybody on it.
func TestFaultEndsItsConnectionAlone(t *testing.T) {
	faulty := make(chan bool, 1)
	app := newApp(t, func(_ *handlers.Options, o *hub.Options) {
		now := o.Now
		o.Now = func() time.Time {
			select {
			case <-faulty:
				panic("the clock fell into the sea")
			default:
				return now()
			}
		}
	})
	l := app.login(t, "alice")
	s, other := app.join(t, l, "lobby"), app.join(t, l, "lobby")
	faulty <- true
	s.send(t, frame{"type": "message", "text": "hello"})
	s.expectClose(t, hub.InternalError)
	other.echo(t)
	if log := logged.bytes(); !bytes.Contains(log, []byte("the clock fell into the sea")) || !bytes.Contains(log, []byte("frames_test.go")) {
		t.Error("the log has no cause and stack")
	}
}

// The read limit counts what is on the wire. Compressed, a little of that can fill the memory.
func TestNoCompressionIsNegotiated(t *testing.T) {
	app := newApp(t)
	dialer := websocket.Dialer{EnableCompression: true}
	l := app.login(t, "alice")
	conn, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(app.url, "http")+"/ws/lobby", bearer(l.Token))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := response.Header.Values("Sec-WebSocket-Extensions"); got != nil {
		t.Errorf("Sec-WebSocket-Extensions: %q", got)
	}
}

func TestHeartbeatKeepsWhoAnswers(t *testing.T) {
	app := newAppWithoutRate(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	pings, answer := 0, s.PingHandler()
	s.SetPingHandler(func(payload string) error {
		pings++
		return answer(payload)
	})
	for range 5 {
		app.clock.advance(30 * time.Second)
		app.hub.Tick()
		s.echo(t) // the ping comes before the echo,
		s.echo(t) // and the answer before the next
	}
	if pings != 5 {
		t.Errorf("%d pings in 150 s", pings)
	}
}

// A connection to a laptop that was closed looks open for ever if nobody asks.
func TestHeartbeatEndsWhoDoesNot(t *testing.T) {
	app := newAppWithoutRate(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	pings := 0
	s.SetPingHandler(func(string) error { pings++; return nil })
	app.clock.advance(25 * time.Second)
	app.hub.Tick()
	s.echo(t)
	if pings != 0 {
		t.Fatal("a ping before its time")
	}
	for range 2 {
		app.clock.advance(30 * time.Second)
		app.hub.Tick()
		app.hub.Tick() // not twice in one interval
		s.echo(t)      // talking is not answering
	}
	if pings != 2 {
		t.Errorf("%d pings in two intervals", pings)
	}
	app.clock.advance(30 * time.Second)
	app.hub.Tick()
	s.end(t)
}

// JSON.stringify writes a lone half of a pair of surrogates as it stands in the text.
func TestHalfACharacterIsReplaced(t *testing.T) {
	app := newApp(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	if err := s.WriteMessage(websocket.TextMessage, []byte(`{"type":"message","text":"a\ud83d"}`)); err != nil {
		t.Fatal(err)
	}
	if f := s.expect(t, "message"); f["text"] != "a\ufffd" {
		t.Errorf("got %q", f["text"])
	}
}

func TestRefWithHalfACharacterComesBack(t *testing.T) {
	app := newApp(t)
	s := app.join(t, app.login(t, "alice"), "lobby")
	for _, sent := range []string{`{"type":"shout","ref":"a\ud83d"}`, `{"type":"message","text":"hello","ref":"a\ud83d"}`} {
		s.raw(t, websocket.TextMessage, sent)
	}
	for _, kind := range []string{"error", "message", "ack"} {
		_, heard, err := s.ReadMessage()
		if err != nil || !strings.HasPrefix(string(heard), `{"type":"`+kind+`"`) || kind != "message" && !strings.Contains(string(heard), `"ref":"a\ud83d"`) {
			t.Fatalf("heard %s (%v), want a %s", heard, err, kind)
		}
	}
}

// A malformed frame is answered in turn, with a code of the table.
func TestMalformedFrameIsUnreadable(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"unmasked":              {0x81, 1, 'a'},
		"reserved bit":          {0xc1, 0x80, 0, 0, 0, 0},
		"unknown opcode":        {0x83, 0x80, 0, 0, 0, 0},
		"continuation of none":  {0x80, 0x80, 0, 0, 0, 0},
		"close code of no wire": {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp(t)
			s := app.join(t, app.login(t, "alice"), "lobby")
			if _, err := s.NetConn().Write(bytes); err != nil {
				t.Fatal(err)
			}
			s.expectClose(t, hub.UnreadableFrame)
		})
	}
}
