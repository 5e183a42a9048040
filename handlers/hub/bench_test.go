package hub_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"example.com/handshake/handlers/hub"
)

// BenchmarkBroadcast is one message to 1,000 members, until the last has it.
func BenchmarkBroadcast(b *testing.B) {
	const members = 1000
	h := hub.New(hub.Options{
		MessageBytes: 65536, ConnectionsPerUser: members, Connections: members,
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	server := serve(b, h)

	var heard sync.WaitGroup
	var sender *websocket.Conn
	for i := range members {
		conn := dial(b, server, fmt.Sprintf("user%04d", i))
		sender = conn
		go hear(conn, &heard)
	}
	b.ReportAllocs()
	for b.Loop() {
		heard.Add(members)
		if err := sender.WriteMessage(websocket.TextMessage, []byte(`{"type":"message","text":"hello"}`)); err != nil {
			b.Fatal(err)
		}
		heard.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*members), "ns/delivery")
	b.StopTimer()
}

// serve lets everybody in as the user that the path names.
func serve(t testing.TB, h *hub.Hub) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.URL.Path[1:]
		if err := h.Reserve(user); err != nil {
			t.Error(err)
			return
		}
		if err := h.Join(w, r, "lobby", hub.Member{UserID: user, Username: user, ExpiresAt: time.Now().Add(time.Hour)}, nil); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(func() {
		h.Shutdown(t.Context()) // it has ended by now
		server.Close()
	})
	return server
}

func dial(t testing.TB, server *httptest.Server, user string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+server.URL[len("http"):]+"/"+user, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// hear counts the messages that arrive.
func hear(conn *websocket.Conn, heard *sync.WaitGroup) {
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if bytes.HasPrefix(frame, []byte(`{"type":"message",`)) {
			heard.Done()
		}
	}
}
