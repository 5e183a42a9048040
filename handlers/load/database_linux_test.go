package load_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFullDatabaseIsUnavailableForWritesAlone(t *testing.T) {
	t.Parallel()
	folder, elsewhere := mountSmall(t), t.TempDir()
	app := runApp(t, elsewhere, "DATABASE_URL="+filepath.Join(folder, "test.db"))
	alice := newPerson(t, app, "alice")
	app.login("bob")

	ballast := fill(t, folder)
	app.writeUntilUnavailable(t, alice.token)
	app.wantUnavailable(http.MethodPost, "/api/logout", alice.token, nil)
	app.wantUnavailable(http.MethodPost, "/api/login", "", map[string]string{"username": "bob", "password": password})
	app.wantUnavailable(http.MethodPost, "/api/tickets", alice.token, map[string]string{"room": "lobby"})
	alice.wantReadsGoOn() // she is still logged in, as she was told

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	alice.wantAllWell()
	if !strings.Contains(readLog(t, elsewhere), "disk is full") {
		t.Error("the log does not say why")
	}
	app.kill()
	checkIntegrity(t, folder)
}

// mountSmall returns a folder with a file system of its own, which is soon full.
func mountSmall(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=4m")
	if errors.Is(err, syscall.EPERM) {
		t.Skip("only root may mount a small file system, and not in every container: sudo go test ./handlers/load does it")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// fill takes all the space that is left.
func fill(t *testing.T, folder string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(folder, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for err == nil {
		_, err = f.Write(bytes.Repeat([]byte{'x'}, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return ballast
}

// writeUntilUnavailable uses up what the database's files have left within them.
func (s *server) writeUntilUnavailable(t *testing.T, token string) {
	t.Helper()
	for range 1000 {
		r, err := s.try(http.MethodPost, "/api/tickets", token, "", map[string]string{"room": "lobby"})
		if err != nil {
			t.Fatal(err)
		}
		if r.status != http.StatusCreated {
			checkUnavailable(t, "a ticket", r)
			return
		}
	}
	t.Fatal("it goes on writing to a full disk")
}
