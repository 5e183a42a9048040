package hub

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"
)

const (
	maxQueue   = 4096            // frames that may wait for a slow reader
	maxQueued  = 1 << 20         // bytes that they may have
	fairQueue  = 64              // frames
	fairQueued = maxQueued / 4   // or bytes that wait before a sender does
	keepQueue  = 16              // frames whose place in the queue is kept
	slackBytes = 32 << 10        // that a message may take beyond its own size: headers, empty frames, pings
	closeWait  = 5 * time.Second // for the close frame to leave, and be answered
)

// client is one connection. It has one goroutine of its own, run. Whoever has
// something to tell it calls send, which never waits: a writer is started when
// none runs, writes all that is queued in one system call, and ends
// when nothing is left. Control frames go through the same queue, so there is
// never a second writer.
type client struct {
	id        string
	hub       *Hub
	room      string
	userID    string
	username  string
	sessionID string
	ws        *websocket.Conn // for reading
	meter     *meter          // beneath it
	conn      net.Conn        // for writing
	rate      *rate.Limiter
	renew     Renew
	bad       int // bad frames in a row

	mu         sync.Mutex
	queue      net.Buffers // frames, complete with their headers
	queued     int         // the bytes of them
	writing    bool        // a writer runs
	stalled    int         // ticks that it has spent on one write
	ending     bool        // nothing more is queued: the close frame is the last
	readDone   bool        // the reader has ended
	expiresAt  time.Time   // when the token ends
	warnAt     time.Time   // when the client is told that it will; zero: it has been
	pingAt     time.Time
	unanswered int // pings
}

func newClient(h *Hub, ws *websocket.Conn, room string, member Member, renew Renew) *client {
	metered := ws.NetConn().(*meter)
	c := &client{
		id: rand.Text(), hub: h, room: room, renew: renew,
		userID: member.UserID, username: member.Username, sessionID: member.SessionID,
		ws: ws, meter: metered, conn: metered.Conn,
		rate:   rate.NewLimiter(rate.Inf, 0),
		pingAt: h.options.Now().Add(pingEvery),
	}
	if n := h.options.MessagesPerSecond; n > 0 {
		c.rate = rate.NewLimiter(rate.Limit(n), 2*n)
	}
	metered.mute = true // the answer to the handshake is out
	metered.tooMany = func() { c.end(TooManyMessages) }
	c.setEnd(member)
	ws.SetPingHandler(c.onPing)
	ws.SetPongHandler(c.onPong)
	ws.SetCloseHandler(c.onClose)
	return c
}

// send queues a frame. It never waits; a client whose queue is full is ended.
func (c *client) send(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ending:
	case len(c.queue) >= maxQueue || c.queued+len(frame) > maxQueued:
		c.queue = nil // what it could not take is lost to it
		c.endLocked(TooSlow)
	default:
		c.queueLocked(frame)
	}
}

// end closes the connection: a close frame goes out after what is queued.
func (c *client) end(why Closing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending {
		c.endLocked(why)
	}
}

func (c *client) endLocked(why Closing) {
	c.ending = true
	c.queueLocked(why.frame())
	// The reader goes on until the other side has answered, or this has passed: where
	// frames cannot be read, always the latter.
	_ = c.conn.SetDeadline(time.Now().Add(closeWait))
}

func (c *client) queueLocked(frame []byte) {
	c.queue = append(c.queue, frame)
	c.queued += len(frame)
	if !c.writing {
		c.writing = true
		c.stalled = 0
		go c.write()
	}
}

// write is the writer. The one of writer and reader that ends last closes the connection.
func (c *client) write() {
	var frames net.Buffers
	for {
		var over bool
		if frames, over = c.nextFrames(frames); frames == nil {
			if over {
				c.over()
			}
			return
		}
		var err error
		if len(frames) == 1 {
			_, err = c.conn.Write(frames[0])
		} else {
			left := frames // which WriteTo shortens
			_, err = left.WriteTo(c.conn)
		}
		if err != nil {
			c.drop()
		}
	}
}

// nextFrames takes all that is queued, once what was taken before is written. Where
// there is nothing the writer ends, and is told whether the connection is over.
func (c *client) nextFrames(written net.Buffers) (frames net.Buffers, over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled = 0
	if len(c.queue) > 0 {
		frames, c.queue, c.queued = c.queue, nil, 0
		return frames, false
	}
	if cap(written) <= keepQueue {
		clear(written)
		c.queue = written[:0]
	}
	c.writing = false
	return nil, c.readDone
}

// drop cuts the connection short: its reader ends, and nothing more is queued.
func (c *client) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropLocked()
}

func (c *client) dropLocked() {
	c.ending = true
	c.queue = nil
	_ = c.conn.Close()
}

// over closes the connection and takes it out of the hub.
func (c *client) over() {
	_ = c.conn.Close()
	c.hub.leave(c)
}

// run is the client's own goroutine.
func (c *client) run() {
	c.write()
	c.read()
}

// read is the reader: it hears the connection to its end.
func (c *client) read() {
	defer c.readEnds()
	for {
		c.grantBytes()
		kind, message, err := c.ws.NextReader()
		if err != nil {
			c.readFailed(err)
			return
		}
		if c.isEnding() {
			continue // until the close frame is answered
		}
		if !c.rate.AllowN(time.Now(), 1) {
			c.end(TooManyMessages)
			continue
		}
		if err := c.hear(kind, message); err != nil {
			c.readFailed(err)
			return
		}
		c.letWrite()
	}
}

// grantBytes lets in as many as the next message may have.
func (c *client) grantBytes() {
	if !c.meter.spent {
		c.meter.left = c.hub.options.MessageBytes + slackBytes
	}
}

// letWrite waits a little where what was said is still in the sender's own queue, and
// so in those of the others: a burst must not end members who read, only because
// their writers had no turn yet.
func (c *client) letWrite() {
	for range 20 {
		c.mu.Lock()
		ahead := len(c.queue) >= fairQueue || c.queued >= fairQueued
		c.mu.Unlock()
		if !ahead {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// readFailed tells a client whose frames cannot be read, unless the connection
// itself is over, and waits for it to hear that.
func (c *client) readFailed(err error) {
	_, closed := errors.AsType[*websocket.CloseError](err)
	_, broken := errors.AsType[net.Error](err)
	if closed || broken || errors.Is(err, errFlood) {
		return
	}
	c.end(UnreadableFrame)
	_, _ = io.Copy(io.Discard, c.meter)
}

// readEnds keeps a fault in one connection from ending the others, and lets a
// writer that still runs, on the close frame perhaps, finish.
func (c *client) readEnds() {
	if cause := recover(); cause != nil {
		c.hub.options.Log.Error("panic in a connection", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		c.end(InternalError)
	}
	c.mu.Lock()
	c.readDone = true
	if !c.ending { // what is queued may still go out, but not for ever: the other side may read no more
		c.ending = true
		_ = c.conn.SetDeadline(time.Now().Add(closeWait))
	}
	over := !c.writing
	c.mu.Unlock()
	if over {
		c.over()
	}
}

func (c *client) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// onClose answers the other side's close frame, unless it is itself the answer to ours.
func (c *client) onClose(int, string) error {
	c.end(Bye)
	return nil
}
