package load_test

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// These are for the tests that break the app. It runs as an operator runs it: on
// all cores, with its log in a file, and it keeps its logins over a restart.

const secret = "a-secret-of-the-tests-with-32-bytes-and-more"

// runApp runs the app in a folder, where it finds its database again. The
// environment may say otherwise than the presets here.
func runApp(t *testing.T, folder string, env ...string) *server {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return runAs(t, exec.Command(path), folder, env...)
}

func runAs(t *testing.T, command *exec.Cmd, folder string, env ...string) *server {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(folder, "log.txt"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the program has it open, too
	command.Stderr = log
	command.Env = append([]string{
		"ADDR=127.0.0.1:0", "PUBLIC_URL=http://handshake.test", "JWT_SECRET=" + secret,
		"DATABASE_URL=" + filepath.Join(folder, "test.db"),
		"WS_CONNECTIONS_PER_USER=20000", "WS_MESSAGES_PER_SECOND=0",
	}, env...)
	t.Cleanup(func() { checkLog(t, folder) })
	return launch(t, command)
}

func readLog(t *testing.T, folder string) string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(folder, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

// checkLog holds that no fault made the app panic, or tell its log a secret.
func checkLog(t *testing.T, folder string) {
	log := readLog(t, folder)
	for _, bad := range []string{"panic", "goroutine ", "DATA RACE", "fatal error", password, secret} {
		if strings.Contains(log, bad) {
			t.Errorf("the log has %q", bad)
		}
	}
	if t.Failed() {
		t.Logf("the end of the log:\n%s", log[max(0, len(log)-4000):])
	}
}

// bearer is the handshake that brings its token the proper way.
func (s *server) bearer(token string) []byte {
	return s.handshake("", "Authorization: Bearer "+token+"\r\n")
}

// want is a call that must be answered with this status.
func (s *server) want(status int, method, path, token string, in any) reply {
	s.tb.Helper()
	r, err := s.try(method, path, token, "", in)
	if err != nil || r.status != status {
		s.tb.Fatalf("%s %s: %d %s %v, want %d", method, path, r.status, r.body, err, status)
	}
	return r
}

// wantUnavailable is a call that must be answered with 503, and with nothing internal.
func (s *server) wantUnavailable(method, path, token string, in any) {
	s.tb.Helper()
	r, err := s.try(method, path, token, "", in)
	if err != nil {
		s.tb.Errorf("%s %s: %v", method, path, err)
		return
	}
	checkUnavailable(s.tb, method+" "+path, r)
}

func checkUnavailable(tb testing.TB, what string, r reply) {
	tb.Helper()
	var problem struct{ Code, Detail string }
	_ = json.Unmarshal(r.body, &problem)
	if r.status != http.StatusServiceUnavailable || r.header.Get("Content-Type") != "application/problem+json" ||
		problem.Code != "unavailable" || r.header.Get("Retry-After") == "" {
		tb.Errorf("%s: %d %v %s, want 503 unavailable", what, r.status, r.header, r.body)
	}
	told := strings.ReplaceAll(string(r.body), r.header.Get("X-Request-Id"), "") // whose letters may be S, Q and L
	for _, internal := range []string{"sql", "SQL", "database", "locked", "full", ".go"} {
		if strings.Contains(told, internal) {
			tb.Errorf("%s tells the client %s", what, r.body)
		}
	}
}

// wantTalk holds that what one says, the other hears.
func wantTalk(t *testing.T, from, to *peer) {
	t.Helper()
	const text = "are you there?"
	from.say(`{"type":"message","text":"` + text + `"}`)
	_ = to.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		frame, err := to.frame()
		if err != nil {
			t.Fatalf("nothing was heard: %v", err)
		}
		if strings.Contains(string(frame), text) {
			return
		}
	}
}

const opClose = 8

// closing reads to the close frame.
func (p *peer) closing() (code int, reason string, err error) {
	for {
		header, err := p.in.Peek(1)
		if err != nil {
			return 0, "", err
		}
		isClose := header[0]&0xf == opClose
		frame, err := p.frame()
		if err != nil {
			return 0, "", err
		}
		if isClose && len(frame) >= 2 {
			return int(binary.BigEndian.Uint16(frame)), string(frame[2:]), nil
		}
	}
}

// answerClose sends a close frame with a mask of zeros.
func (p *peer) answerClose(code int) {
	_, _ = p.conn.Write([]byte{0x80 | opClose, 0x82, 0, 0, 0, 0, byte(code >> 8), byte(code)})
}

// eventually waits for something that another program is about to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to that: %s", what)
		}
	}
}

// sayLong sends a text frame of up to 64 KiB with a mask of zeros.
func (p *peer) sayLong(text string) {
	header := []byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
	_, _ = p.conn.Write(append(header, text...))
}
