package load_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server that comes back is met by all who were on it. Each tries again and again,
// and none has done anything wrong, so none may be refused.
func TestAThousandReconnectAtOnce(t *testing.T) {
	t.Parallel()
	const clients, within = 1000, 20 * time.Second
	folder := t.TempDir()
	old := runApp(t, folder)
	token := old.login("alice")
	var lost sync.WaitGroup
	for range clients {
		p := old.open(old.bearer(token))
		lost.Go(func() { _, _, _ = p.closing() })
	}
	old.kill()
	lost.Wait()

	killed := time.Now()
	peers := make([]*peer, clients)
	var back sync.WaitGroup
	for i := range peers {
		back.Go(func() { peers[i] = old.reconnect(t, token, killed.Add(within)) })
	}
	runApp(t, folder, "ADDR="+old.address)
	back.Wait()
	if t.Failed() {
		return
	}
	t.Logf("all are back %v after the end of the old program", time.Since(killed))
	for i, p := range peers {
		if i%100 == 0 {
			p.say(`{"type":"message","text":"message ` + strconv.Itoa(i) + `"}`)
		}
	}
	for _, p := range peers {
		back.Go(func() { wantMessages(t, p, clients/100) })
	}
	back.Wait()
}

// reconnect tries until it is let in, by whatever has that address. Until there is something, the connection is refused.
func (s *server) reconnect(t *testing.T, token string, deadline time.Time) *peer {
	for time.Now().Before(deadline) {
		p, status, err := s.dialFor(time.Until(deadline), s.bearer(token))
		if p != nil {
			return p
		}
		if status != "" {
			t.Errorf("a client is answered with %q %v", status, err)
			return nil
		}
		time.Sleep(20 * time.Millisecond) // until the next try
	}
	t.Error("a client is not back in time")
	return nil
}

func wantMessages(t *testing.T, p *peer, n int) {
	_ = p.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for n > 0 {
		frame, err := p.frame()
		if err != nil {
			t.Errorf("a client misses %d messages: %v", n, err)
			return
		}
		if strings.Contains(string(frame), `"text":"message `) {
			n--
		}
	}
}
