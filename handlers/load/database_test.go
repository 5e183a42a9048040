package load_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// person is logged in with two sockets. What has to do with their login writes to
// the database; reading and talking does not.
type person struct {
	t     *testing.T
	app   *server
	name  string
	token string
	one   *peer
	other *peer
}

func newPerson(t *testing.T, app *server, name string) *person {
	t.Helper()
	token := app.login(name)
	return &person{t, app, name, token, app.open(app.bearer(token)), app.open(app.bearer(token))}
}

// wantReadsGoOn holds that whatever asks only goes on, and what the sockets say.
func (p *person) wantReadsGoOn() {
	p.t.Helper()
	p.app.want(http.StatusOK, http.MethodGet, "/api/me", p.token, nil)
	p.app.want(http.StatusOK, http.MethodGet, "/api/sessions", p.token, nil)
	p.app.want(http.StatusOK, http.MethodGet, "/readyz", "", nil)
	another := p.app.open(p.app.bearer(p.token))
	wantTalk(p.t, p.one, p.other)
	wantTalk(p.t, p.other, another)
	_ = another.conn.Close()
}

// wantAllWell ends the login, too.
func (p *person) wantAllWell() {
	p.t.Helper()
	p.wantReadsGoOn()
	p.app.login(p.name + "-friend")
	p.app.want(http.StatusCreated, http.MethodPost, "/api/tickets", p.token, map[string]string{"room": "lobby"})
	p.app.want(http.StatusNoContent, http.MethodPost, "/api/logout", p.token, nil)
	p.app.want(http.StatusUnauthorized, http.MethodGet, "/api/me", p.token, nil)
	if code, _, err := p.one.closing(); code != 3000 {
		p.t.Errorf("after the logout a socket ended with %d %v", code, err)
	}
}

func TestLockedDatabaseIsUnavailableForWritesAlone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	app := runApp(t, folder)
	alice := newPerson(t, app, "alice")

	lock, err := openFile(t, folder).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	var writes sync.WaitGroup
	credentials := map[string]string{"username": "alice", "password": password}
	writes.Go(func() { app.wantUnavailable(http.MethodPost, "/api/logout", alice.token, nil) })
	writes.Go(func() { app.wantUnavailable(http.MethodPost, "/api/login", "", credentials) })
	alice.wantReadsGoOn()
	writes.Wait()
	alice.wantReadsGoOn() // she is still logged in, as she was told

	if _, err := lock.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	alice.wantAllWell()
	if !strings.Contains(readLog(t, folder), "database is locked") {
		t.Error("the log does not say why")
	}
}
