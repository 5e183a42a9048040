package hub

import (
	"time"

	"github.com/gorilla/websocket"
)

const (
	pingEvery  = 30 * time.Second // the heartbeat: two in a row without an answer end a connection
	maxStalled = 20               // ticks that one write may take: 10 s
)

// setEnd takes over the times of a token: its end, and when the client is told of
// it, 60 s before or at half of a shorter life.
func (c *client) setEnd(member Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expiresAt = member.ExpiresAt
	c.warnAt = member.ExpiresAt.Add(-min(time.Minute, member.ExpiresAt.Sub(member.IssuedAt)/2))
}

// tick does what the time demands.
func (c *client) tick(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled++ // until the writer is done
	switch {
	case c.ending: // and has a deadline
	case c.writing && c.stalled > maxStalled:
		c.dropLocked()
	case !now.Before(c.expiresAt):
		c.endLocked(TokenExpired)
	case !c.warnAt.IsZero() && !now.Before(c.warnAt):
		c.warnAt = time.Time{}
		c.queueLocked(encode(expiringFrame{"expiring", c.expiresAt}))
	case now.Before(c.pingAt):
	case c.unanswered == 2:
		c.dropLocked()
	default:
		c.unanswered++
		c.pingAt = now.Add(pingEvery)
		c.queueLocked(frame(websocket.PingMessage, nil))
	}
}

func (c *client) onPing(payload string) error {
	if !c.rate.AllowN(time.Now(), 1) {
		c.end(TooManyMessages)
		return nil
	}
	c.grantBytes() // a client that only listens may ping for ever
	c.send(frame(websocket.PongMessage, []byte(payload)))
	return nil
}

func (c *client) onPong(string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unanswered > 0 {
		c.grantBytes()
	}
	c.unanswered = 0
	return nil
}
