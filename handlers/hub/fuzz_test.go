package hub_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/websocket"

	"example.com/handshake/handlers/hub"
)

const messageBytes = 5000

// Whatever a client sends, as a message or as bare bytes, the connection is told
// why it ends or goes on, and the others hear nothing but good frames.
func FuzzFrames(f *testing.F) {
	for _, message := range []string{
		`{"type":"message","ref":7,"text":"hello"}`,
		`{"type":"message","ref":"\ud83d","text":"half \ud83d"}`,
		`{"type":"message","ref":{"\ud83d":[null]},"text":"\u0000\u2028"}`,
		`{"type":"message","text":"` + strings.Repeat("🤝", 1025) + `"}`,
		`{"type":"message","text":"` + strings.Repeat("x", 4097) + `"}`,
		`{"type":"message","text":""}`,
		`{"type":"message","type":"renew"}`,
		`{"Type":"message","text":5}`,
		`{"type":"renew","ref":[1],"token":"fresh"}`,
		`{"type":"renew","token":"expired"}`,
		`{"type":"renew","ref":"a","token":"unavailable"}`,
		`{"type":"shout","ref":"\ud800"}`,
		`["message"]`, "\xff", "",
	} {
		f.Add(true, []byte(message))
		f.Add(false, clientFrame(text, message))
	}
	var manyRefs []byte // so long that their acks have 110 to 140 bytes: at 126 the header of a frame changes
	for n := range 30 {
		manyRefs = append(manyRefs, clientFrame(text, `{"type":"message","ref":"`+strings.Repeat("x", 50+n)+`","text":"x"}`)...)
	}
	f.Add(false, manyRefs)
	for _, frames := range [][]byte{
		{text, 1, 'a'},                             // unmasked
		{0xc0 | websocket.TextMessage, masked},     // a reserved bit
		{fin | 3, masked, 0, 0, 0, 0},              // an unknown opcode
		{text, masked | 127, 255, 255, 0, 0, 0, 0}, // longer than there are numbers
		clientFrame(fin, "a continuation of nothing"),
		clientFrame(websocket.PingMessage, "a control frame in fragments"),
		clientFrame(fin|websocket.BinaryMessage, "binary"),
		clientFrame(fin|websocket.PingMessage, "answer this"),
		clientFrame(fin|websocket.PongMessage, "nobody asked"),
		clientFrame(fin|websocket.CloseMessage, ""),
		clientFrame(fin|websocket.CloseMessage, "\x03\xe8bye"),
		clientFrame(fin|websocket.CloseMessage, "\x03\xed"), // 1005, which is for no wire
		clientFrame(fin|websocket.CloseMessage, "\x03\xe8\xff"),
		bytes.Repeat(clientFrame(fin|websocket.PingMessage, ""), 50),
		bytes.Repeat(clientFrame(text, "{}"), 12),
		slices.Concat(
			clientFrame(websocket.TextMessage, `{"type":"mess`),
			clientFrame(fin|websocket.PingMessage, "in between"),
			clientFrame(0, ""),
			clientFrame(fin, `age","text":"in fragments"}`),
		),
		slices.Concat(clientFrame(websocket.TextMessage, "\xf0\x9f"), clientFrame(text, "{}")),
	} {
		f.Add(false, frames)
	}
	f.Fuzz(func(t *testing.T, asMessage bool, sent []byte) {
		if !asMessage {
			fuzzFrames(t, sent)
			return
		}
		told := fuzzFrames(t, clientFrame(text, string(sent)))
		if len(sent) <= messageBytes && !utf8.Valid(sent) && told != hub.NotUTF8.Reason {
			t.Errorf("it was told %q", told)
		}
	})
}

// fuzzFrames sends bytes and returns what their sender was told last: "answered" if
// the connection goes on, the reason if it was closed, and "" if it heard neither.
func fuzzFrames(t *testing.T, sent []byte) (told string) {
	t.Helper()
	var log bytes.Buffer
	goroutines := runtime.NumGoroutine()
	h := hub.New(hub.Options{
		MessageBytes: messageBytes, MessagesPerSecond: 20, ConnectionsPerUser: 1, Connections: 2,
		Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	witness := joinByPipe(t, h, "witness")
	alice := joinByPipe(t, h, "alice")

	// After it the client asks whether the connection is still there, and says no more.
	question := clientFrame(text, `{"type":"message","ref":"still there?","text":"still there?"}`)
	go func() {
		_, _ = alice.out.Write(slices.Concat(sent, question))
		_ = alice.out.Close()
	}()
	told = checkSender(t, alice)
	if endsWithAFrame(sent) && told == "" {
		t.Error("neither an answer nor the reason why there is none")
	}
	checkWitness(t, witness)
	_ = witness.out.Close()
	_, _ = io.Copy(io.Discard, witness)

	patience, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	h.Shutdown(patience)
	if patience.Err() != nil {
		t.Error("a connection goes on")
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("a goroutine goes on")
		}
	}
	if log.Len() > 0 {
		t.Error(log.String())
	}
	return told
}

// checkSender reads all that the sender is told.
func checkSender(t *testing.T, c *pipeClient) (told string) {
	t.Helper()
	for first := true; ; first = false {
		opcode, payload, err := c.next(t)
		if err == io.EOF {
			return told
		}
		switch opcode {
		case websocket.TextMessage:
			heard := checkText(t, payload, jsontext.AllowInvalidUTF8(true)) // a ref may have half a character, as \ud83d
			known := []string{"message", "ack", "renewed", "error"}
			if first {
				known = []string{"welcome"}
			}
			if !slices.Contains(known, heard.Type) {
				t.Fatalf("the sender has heard %s", payload)
			}
			if heard.Type == "ack" && string(heard.Ref) == `"still there?"` {
				told = "answered"
			}
		case websocket.CloseMessage:
			told = checkClose(t, payload)
			if _, _, err := c.next(t); err != io.EOF {
				t.Fatal("something follows the close frame")
			}
			return told
		case websocket.PongMessage:
		default:
			t.Fatalf("opcode %d", opcode)
		}
	}
}

// checkWitness reads what another member hears from the sender's coming to its going.
func checkWitness(t *testing.T, c *pipeClient) {
	t.Helper()
	for heard := 0; ; heard++ {
		opcode, payload, err := c.next(t)
		if err != nil || opcode != websocket.TextMessage {
			t.Fatalf("the witness has heard %d, %s (%v)", opcode, payload, err)
		}
		said := checkText(t, payload)
		characters := utf8.RuneCountInString(said.Text)
		switch {
		case heard == 0 && said.Type == "welcome":
		case heard == 1 && said.Type == "joined" && said.User == "alice":
		case heard > 1 && said.Type == "message" && said.From == "alice" && said.Room == "lobby" && characters >= 1 && characters <= 4096:
		case heard > 1 && said.Type == "left" && said.User == "alice":
			return
		default:
			t.Fatalf("the witness has heard %s", payload)
		}
	}
}

// said is what a frame of the server's may hold. The user of a welcome is an object.
type said struct {
	Type string         `json:"type"`
	Ref  jsontext.Value `json:"ref"`
	User any            `json:"user"`
	From string         `json:"from"`
	Room string         `json:"room"`
	Text string         `json:"text"`
}

func checkText(t *testing.T, payload []byte, options ...json.Options) (heard said) {
	t.Helper()
	if !utf8.Valid(payload) || !bytes.HasPrefix(payload, []byte(`{"type":"`)) {
		t.Fatalf("the server has sent %q", payload)
	}
	if err := json.Unmarshal(payload, &heard, options...); err != nil {
		t.Fatalf("the server has sent %q: %v", payload, err)
	}
	return heard
}

// checkClose returns the reason in a close frame, which must be in the table.
func checkClose(t *testing.T, payload []byte) (reason string) {
	t.Helper()
	for _, known := range hub.Closings {
		if bytes.Equal(payload, websocket.FormatCloseMessage(known.Code, known.Reason)) {
			return known.Reason
		}
	}
	t.Fatalf("the close frame %q is in no table", payload)
	return ""
}
