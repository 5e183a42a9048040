package load_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/gorilla/websocket"
)

// bare is what the app is measured against: net/http and gorilla/websocket with
// nothing between them. No router, no checks, small buffers, prepared messages, one
// goroutine a connection. What a member says, everybody hears.
type bare struct {
	mu      sync.Mutex
	members map[*websocket.Conn]struct{}
}

func serveBare() {
	b := &bare{members: map[*websocket.Conn]struct{}{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, b))
}

var upgrader = websocket.Upgrader{
	ReadBufferSize: 512, WriteBufferSize: 512, WriteBufferPool: new(sync.Pool),
	Subprotocols: []string{"handshake.v1"},
	CheckOrigin:  func(*http.Request) bool { return true },
}

func (b *bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	go b.serve(conn) // so that net/http's buffers are let go
}

func (b *bare) serve(conn *websocket.Conn) {
	defer func() { _ = conn.Close() }()
	b.mu.Lock()
	b.members[conn] = struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.members, conn)
		b.mu.Unlock()
	}()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"welcome"}`)); err != nil {
		return
	}
	for {
		kind, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		message, err := websocket.NewPreparedMessage(kind, text)
		if err != nil {
			return
		}
		b.broadcast(message)
	}
}

func (b *bare) broadcast(message *websocket.PreparedMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for conn := range b.members {
		_ = conn.WritePreparedMessage(message)
	}
}
