//go:build unix

package load_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Each socket takes a file descriptor, and so does each file of the database.
func TestNoDescriptorsLeftHarmsNobodyWhoIsIn(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	app := runAs(t, exec.Command("sh", "-c", `ulimit -n 64 && exec "$0"`, path), folder)
	token := app.login("alice")
	var in []*peer
	for {
		p, status := app.knock(t, token)
		if p == nil {
			t.Logf("after %d sockets a handshake is answered with %q", len(in), status)
			break
		}
		if in = append(in, p); len(in) > 64 {
			t.Fatal("there is no limit")
		}
	}
	if len(in) < 20 {
		t.Fatalf("only %d are let in", len(in))
	}
	wantTalk(t, in[0], in[len(in)-1])
	for _, p := range in[2:] {
		_ = p.conn.Close()
	}
	eventually(t, "somebody new is let in", func() bool {
		p, _ := app.knock(t, token)
		return p != nil
	})
	wantTalk(t, in[0], in[1])
	app.want(http.StatusOK, http.MethodGet, "/readyz", "", nil)
	app.login("bob")
	if !strings.Contains(readLog(t, folder), "too many open files") {
		t.Error("the log does not say why")
	}
}

// knock tries a handshake, which may be refused with 503, or held until there is
// room, for which it does not wait.
func (s *server) knock(t *testing.T, token string) (p *peer, status string) {
	t.Helper()
	p, status, err := s.dialFor(3*time.Second, s.bearer(token))
	switch {
	case p != nil, errors.Is(err, os.ErrDeadlineExceeded), strings.Contains(status, " 503 "):
	default:
		t.Fatalf("a handshake is answered with %q %v", status, err)
	}
	return p, status
}
