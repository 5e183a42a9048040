// Package hub knows who is connected to which room, and tells them things.
//
// It knows no gin, no models and no JWT: whoever calls Join has decided that the
// connection may be there. A room is a set of connections, and exists while it
// has one. Read hub.go, then client.go for one connection, then frame.go for what
// goes over the wire.
package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

var (
	// ErrUserFull means that the user has as many connections as one may have.
	ErrUserFull = errors.New("too many connections for this user")
	// ErrFull means that the server has as many connections as it takes.
	ErrFull = errors.New("too many connections in all")
	// ErrTokenExpired means that a token was good once.
	ErrTokenExpired = errors.New("the token has expired")
	// ErrTokenInvalid means that a token is no good.
	ErrTokenInvalid = errors.New("the token is not valid")
	// ErrShutDown means that the server is going away.
	ErrShutDown = errors.New("shutting down")
)

// Options are the limits of a hub, and what a test may want to steer.
type Options struct {
	MessageBytes       int64 // the largest message a client may send
	MessagesPerSecond  int   // for one connection, with a burst of twice that; 0: no limit
	ConnectionsPerUser int
	Connections        int    // in all
	Subprotocol        string // selected whenever it is offered, and no other
	Now                func() time.Time
	Log                *slog.Logger
}

// Hub is every connection there is. A mutex guards its maps; no goroutine owns them.
type Hub struct {
	options  Options
	upgrader websocket.Upgrader

	mu       sync.Mutex
	rooms    map[string]*room
	seats    map[string]int // by user: the connections that are open or being opened
	taken    int            // all seats
	shutDown bool
	open     sync.WaitGroup // as many as taken
}

// room is a set of connections, and who is on them.
type room struct {
	clients map[*client]struct{}
	users   map[string]int // by name: how many of the connections are theirs
}

// Member is who is on a connection.
type Member struct {
	UserID    string
	Username  string
	SessionID string
	Via       string    // the way in that the handshake took
	IssuedAt  time.Time // when its token began
	ExpiresAt time.Time // when its token ends, and the connection with it
	Saw       any       // what the welcome says of the handshake, as JSON; nil: nothing
}

// Renew tells who a fresh token speaks for. ErrTokenExpired and ErrTokenInvalid are
// about the token; with any other error it could not be told.
type Renew func(token string) (Member, error)

// New returns a hub without connections.
func New(options Options) *Hub {
	return &Hub{
		options: options,
		upgrader: websocket.Upgrader{
			Subprotocols: []string{options.Subprotocol},
			// Whoever calls Join has decided. The default compares with the Host header, which the client chose.
			CheckOrigin: func(*http.Request) bool { return true },
			// What gorilla has to say is returned, and not written.
			Error: func(http.ResponseWriter, *http.Request, int, error) {},
			// Else who reads nothing could keep its seat, and the program from ending.
			HandshakeTimeout: closeWait,
			// Small buffers of its own, so that net/http's larger ones are let go.
			ReadBufferSize:  512,
			WriteBufferSize: 512,
			WriteBufferPool: new(sync.Pool),
		},
		rooms: map[string]*room{},
		seats: map[string]int{},
	}
}

// Join completes the handshake and brings the connection into a room. It returns
// once the answer has left, and the connection is the hub's from here on. Its user must have a seat
// by Reserve; where the handshake fails, the seat is released. renew is called by
// the connection's own goroutine.
func (h *Hub) Join(w http.ResponseWriter, r *http.Request, room string, member Member, renew Renew) error {
	conn, err := h.upgrader.Upgrade(hijacker{w}, r, nil)
	if err != nil {
		h.Release(member.UserID)
		return err
	}
	h.enter(newClient(h, conn, room, member, renew), member)
	return nil
}

func (h *Hub) enter(c *client, member Member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[c.room]
	if r == nil {
		r = &room{clients: map[*client]struct{}{}, users: map[string]int{}}
		h.rooms[c.room] = r
	}
	r.clients[c] = struct{}{}
	r.users[member.Username]++

	// The lock is held, so that this is the connection's first frame. The reader writes it, before it reads.
	c.writing = true
	c.send(encode(welcomeFrame{
		Type:       "welcome",
		Room:       c.room,
		Connection: c.id,
		User:       userField{member.UserID, member.Username},
		Via:        member.Via,
		ExpiresAt:  member.ExpiresAt,
		Members:    slices.Sorted(maps.Keys(r.users)),
		Limits:     limits{h.options.MessageBytes, h.options.MessagesPerSecond, maxTextCharacters},
		Saw:        member.Saw,
	}))
	if r.users[member.Username] == 1 {
		r.broadcast(encode(presenceFrame{"joined", member.Username}), c)
	}
	if h.shutDown {
		c.end(ShuttingDown)
	}
	go c.run()
}

// leave is called once for a client, when its connection is over.
func (h *Hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[c.room]
	delete(r.clients, c)
	if r.users[c.username]--; r.users[c.username] == 0 {
		delete(r.users, c.username)
		r.broadcast(encode(presenceFrame{"left", c.username}), nil)
	}
	if len(r.clients) == 0 {
		delete(h.rooms, c.room)
	}
	h.release(c.userID)
}

// say sends a message to everyone in the sender's room and returns its id.
func (h *Hub) say(from *client, text string) (id string) {
	id = rand.Text()
	message := encode(messageFrame{
		Type: "message",
		Room: from.room,
		ID:   id,
		From: from.username,
		Text: text,
		At:   h.options.Now().UTC(),
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rooms[from.room].broadcast(message, nil)
	return id
}

// broadcast puts the same bytes into the queue of every member but one, which
// may be nil. The hub's lock is held, so everybody hears everything in one order.
func (r *room) broadcast(frame []byte, but *client) {
	for c := range r.clients {
		if c != but {
			c.send(frame)
		}
	}
}

// Sockets counts the open connections of each session.
func (h *Hub) Sockets() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	sockets := map[string]int{}
	for c := range h.all() {
		sockets[c.sessionID]++
	}
	return sockets
}

// SocketsOf counts those of one user's sessions.
func (h *Hub) SocketsOf(userID string) map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	sockets := map[string]int{}
	for c := range h.all() {
		if c.userID == userID {
			sockets[c.sessionID]++
		}
	}
	return sockets
}

// EndSessions closes every connection of these sessions.
func (h *Hub) EndSessions(ids []string, why Closing) {
	if len(ids) == 0 {
		return
	}
	ended := map[string]bool{}
	for _, id := range ids {
		ended[id] = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all() {
		if ended[c.sessionID] {
			c.end(why)
		}
	}
}

// Tick does what the time demands of every connection: a ping, a word that its
// token is about to expire, or its end. Whoever has the hub calls it about twice a
// second, as one look at all of them is cheaper than a timer for each.
func (h *Hub) Tick() {
	now := h.options.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all() {
		c.tick(now)
	}
}

// Shutdown lets no connection in any more, tells all that are open, and waits
// until they are gone. When ctx ends first, it drops those that are left.
func (h *Hub) Shutdown(ctx context.Context) {
	h.mu.Lock()
	h.shutDown = true
	for c := range h.all() {
		c.end(ShuttingDown)
	}
	h.mu.Unlock()

	stop := context.AfterFunc(ctx, h.dropAll)
	defer stop()
	h.open.Wait()
}

func (h *Hub) dropAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all() {
		c.drop()
	}
}

// all goes through every connection. The lock is held meanwhile.
func (h *Hub) all() iter.Seq[*client] {
	return func(yield func(*client) bool) {
		for _, r := range h.rooms {
			for c := range r.clients {
				if !yield(c) {
					return
				}
			}
		}
	}
}
