package hub_test

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"example.com/handshake/handlers/hub"
)

// Else its seat would be taken for good, and a shutdown would wait for it.
func TestClientThatReadsNoAnswerIsLetGo(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Options{Connections: 1, ConnectionsPerUser: 1, Now: time.Now})
	if err := h.Reserve("alice"); err != nil {
		t.Fatal(err)
	}
	in, server := net.Pipe()
	defer func() { _ = in.Close() }()
	if err := joinOver(h, server, "alice"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("join: %v", err)
	}
	if err := h.HasSeat("alice"); err != nil {
		t.Errorf("her seat: %v", err)
	}
}

// A client that sends no more, and reads nothing of what is sent to it, is let go
// though nothing else ends it.
func TestHalfClosedClientThatReadsNothingIsLetGo(t *testing.T) {
	h := hub.New(hub.Options{
		MessageBytes: messageBytes, ConnectionsPerUser: 1, Connections: 2, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	alice := joinByPipe(t, h, "alice")
	hear := func() {
		if _, _, err := alice.next(t); err != nil {
			t.Fatal(err)
		}
	}
	hear() // the welcome
	if _, err := alice.out.Write(clientFrame(text, `{"type":"message","text":"I am here"}`)); err != nil {
		t.Fatal(err)
	}
	hear()                  // it, so the app has begun to read
	joinByPipe(t, h, "bob") // of which alice is told, and does not hear
	if err := alice.out.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); h.Sockets()["alice"] > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection is still there")
		}
	}
}

// Who has a seat when the shutdown begins is let in, and told like everybody else.
func TestHandshakeDuringAShutdownIsTold(t *testing.T) {
	h := hub.New(hub.Options{Connections: 1, ConnectionsPerUser: 1, Now: time.Now})
	if err := h.Reserve("alice"); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		h.Shutdown(t.Context())
	}()
	for !errors.Is(h.HasSeat("bob"), hub.ErrShutDown) {
		time.Sleep(time.Millisecond)
	}
	alice := joinSeated(t, h, "alice")
	for {
		opcode, payload, err := alice.next(t)
		if err != nil {
			t.Fatal(err)
		}
		if opcode == websocket.CloseMessage {
			if string(payload) != "\x03\xe9shutting down" {
				t.Errorf("closed with %q", payload)
			}
			break
		}
	}
	_ = alice.out.Close()
	<-gone
}
