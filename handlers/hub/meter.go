package hub

import (
	"bufio"
	"errors"
	"net"
	"net/http"
)

// meter counts what a connection receives. gorilla reads on through empty
// continuation frames and control frames without returning, and its read limit
// does not count them, so a flood of them would go on for ever.
type meter struct {
	net.Conn
	mute    bool   // what gorilla writes is dropped: what a connection is told goes through its queue
	left    int64  // bytes that may come before the next message, or ping
	tooMany func() // called when they are used up; as many more are then let by, until an answer comes
	spent   bool
}

// floodBytes may follow what was too much, until the other side has heard so.
const floodBytes = 256 << 10

var errFlood = errors.New("the flood went on")

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if m.left -= int64(n); m.left >= 0 {
		return n, err
	}
	if m.spent {
		return 0, errFlood
	}
	m.spent = true
	m.left = floodBytes
	m.tooMany()
	return n, err
}

// Write is gorilla's, which answers a malformed frame past the queue.
func (m *meter) Write(p []byte) (int, error) {
	if m.mute {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

// hijacker gives gorilla the connection with a meter on it.
type hijacker struct{ http.ResponseWriter }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	return &meter{Conn: conn}, buffers, err
}
