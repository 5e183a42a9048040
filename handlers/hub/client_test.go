package hub_test

import (
	"log/slog"
	"testing"
	"time"

	"example.com/handshake/handlers/hub"
)

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
