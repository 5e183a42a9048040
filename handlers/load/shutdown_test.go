package load_test

import (
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// All sockets but a few answer the close frame. The app waits for the others, but not
// for long, and meanwhile lets nobody in.
func TestTerminationTellsFiveHundredSockets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a program cannot be asked to stop on Windows")
	}
	t.Parallel()
	folder := t.TempDir()
	app := runApp(t, folder)
	token := app.login("alice")
	var answering, mute []*peer
	for i := range 500 {
		if p := app.open(app.bearer(token)); i%50 == 0 {
			mute = append(mute, p)
		} else {
			answering = append(answering, p)
		}
	}
	app.stuff(t, token)

	signalled := time.Now()
	if err := app.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wantShuttingDown(t, mute[0])
	app.wantNobodyLetIn(t, token)
	var told sync.WaitGroup
	for _, p := range answering {
		told.Go(func() {
			wantShuttingDown(t, p)
			p.answerClose(1001)
		})
	}
	for _, p := range mute[1:] {
		told.Go(func() { wantShuttingDown(t, p) })
	}
	told.Wait()
	if err := app.command.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(signalled); took > 10*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if log := readLog(t, folder); !strings.Contains(log, "shutting down") || strings.Contains(log, "cut off") {
		t.Error("the log says nothing of it, or of requests that were cut off")
	}
}

// stuff opens a socket that reads nothing, and says to it more than its connection holds.
func (s *server) stuff(t *testing.T, token string) {
	t.Helper()
	handshake := []byte(strings.Replace(string(s.bearer(token)), "/ws/lobby", "/ws/attic", 1))
	talker, deaf := s.open(handshake), s.open(handshake)
	text := strings.Repeat("🐌", 4096)
	const messages = 280 // 4.6 MB: Linux holds up to 4 for a connection, and the app keeps the rest
	go func() {
		for range messages {
			talker.sayLong(`{"type":"message","text":"` + text + `"}`)
		}
	}()
	for range messages { // so the app has queued all of it for the other, too
		if _, err := talker.frame(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = deaf.conn.Close() })
}

func wantShuttingDown(t *testing.T, p *peer) {
	t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	code, reason, err := p.closing()
	if err != nil || code != 1001 || reason != "shutting down" {
		t.Errorf("a socket ended with %d %s %v", code, reason, err)
	}
}

// wantNobodyLetIn holds that the app says so while it waits for the last sockets.
func (s *server) wantNobodyLetIn(t *testing.T, token string) {
	t.Helper()
	if r, err := s.try(http.MethodGet, "/readyz", "", "", nil); err != nil || r.status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d %v", r.status, err)
	}
	if p, status, err := s.dial(s.bearer(token)); p != nil || !strings.Contains(status, " 503 ") {
		t.Errorf("a handshake: %q %v", status, err)
	}
}
