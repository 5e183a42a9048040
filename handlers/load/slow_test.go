package load_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whoever sends slowly holds a connection for little effort. So there is a time for
// the headers and one for all of the request, however steadily it drips.
func TestSlowRequestIsCutOff(t *testing.T) {
	t.Parallel()
	app := runApp(t, t.TempDir())
	const post = "POST /api/login HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	tests := []struct {
		name   string
		start  string
		drip   string
		within time.Duration
	}{
		{"no request", "", "", 5 * time.Second},
		{"headers", "GET /livez HTTP/1.1\r\nX-Slow: ", "x", 5 * time.Second},
		{"headers of a handshake", "GET /ws/lobby HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Slow: ", "x", 5 * time.Second},
		{"a body that stops", post + "{", "", 10 * time.Second},
		{"a body", post, " ", 10 * time.Second},
	}
	var slow sync.WaitGroup
	for _, test := range tests {
		slow.Go(func() {
			began := time.Now()
			answer := app.drip(t, test.start, test.drip)
			if took := time.Since(began); took < test.within-time.Second || took > test.within+5*time.Second {
				t.Errorf("%s: it was cut off after %v, want %v", test.name, took, test.within)
			}
			if answer != "" && !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
				t.Errorf("%s: the answer is %q", test.name, answer)
			}
		})
	}
	slow.Wait()
	app.want(http.StatusOK, http.MethodGet, "/livez", "", nil)
}

// One core has to bring to everybody what everybody says, and nobody who reads is ended for that.
func TestManyWhoSpeakAtOnceAreAllHeard(t *testing.T) {
	app := runApp(t, t.TempDir(), "GOMAXPROCS=1")
	handshake := app.bearer(app.login("alice"))
	var peers []*peer
	for range 500 {
		peers = append(peers, app.open(handshake))
	}
	var listening sync.WaitGroup
	for _, p := range peers {
		listening.Go(func() {
			_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
			for heard := 0; heard < len(peers); {
				frame, err := p.frame()
				if err != nil {
					t.Errorf("after %d messages: %v", heard, err)
					return
				}
				if strings.Contains(string(frame), `"text":"hello"`) {
					heard++
				}
			}
		})
	}
	for _, p := range peers {
		p.say(`{"type":"message","text":"hello"}`)
	}
	listening.Wait()
}

// drip sends the start, then a little every 200 ms until the connection is closed.
// It returns what was answered.
func (s *server) drip(t *testing.T, start, drop string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	closed := make(chan string)
	go func() {
		answer, _ := io.ReadAll(conn)
		closed <- string(answer)
	}()
	_, _ = conn.Write([]byte(start))
	drops := time.NewTicker(200 * time.Millisecond)
	defer drops.Stop()
	for {
		select {
		case answer := <-closed:
			return answer
		case <-drops.C:
			_, _ = conn.Write([]byte(drop))
		}
	}
}

func TestTooLargeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	app := runApp(t, t.TempDir())
	for name, header := range map[string]string{
		"one long line":   "X-Large: " + strings.Repeat("x", 32<<10) + "\r\n",
		"many lines":      strings.Repeat("X-Many: y\r\n", 4<<10),
		"a long token":    "Authorization: Bearer " + strings.Repeat("x", 32<<10) + "\r\n",
		"a long protocol": "Sec-WebSocket-Protocol: handshake.v1, bearer." + strings.Repeat("x", 32<<10) + "\r\n",
	} {
		if _, status, err := app.dial(app.handshake("", header)); !strings.Contains(status, " 431 ") {
			t.Errorf("%s: %q %v", name, status, err)
		}
	}
	if _, status, err := app.dial(app.handshake("?access_token="+strings.Repeat("x", 32<<10), "")); !strings.Contains(status, " 431 ") {
		t.Errorf("a long URL: %q %v", status, err)
	}
}
