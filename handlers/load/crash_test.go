package load_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	_ "example.com/handshake/models" // the SQLite driver that the app has
)

// Whatever the app has acknowledged must be there after it was killed. So it is
// killed again and again, each time after another number of answers, while several
// clients live their lives. What was asked for but not answered may be there or not.
func TestKilledAppKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	rounds := 50
	if testing.Short() {
		rounds = 5
	} else if built("-race") == "true" {
		rounds = 15 // each start takes several times as long
	}
	folder := t.TempDir()
	var all []*life
	for round := range rounds {
		app := runApp(t, folder)
		for _, l := range all[max(0, len(all)-clients):] { // those of the last round
			l.check(t, app)
		}
		lives := app.liveUntil(1+round%(clients*answersOfALife), fmt.Sprint("round", round))
		all = append(all, lives...)
	}
	app := runApp(t, folder)
	for _, l := range all {
		l.check(t, app)
	}
	app.kill()
	checkIntegrity(t, folder)
	countFacts(t, all)
}

const (
	clients        = 3
	answersOfALife = 6
)

// life is what one client was told, and what it has asked for last and not been told.
type life struct {
	username   string
	registered bool
	token      string // of its login, or of its last refresh
	cookie     string // of the same
	ticket     string
	spent      bool // the ticket
	ended      bool // the login
	asked      string
}

// liveUntil lets clients live until the app has given so many answers, and kills it.
func (s *server) liveUntil(answers int, name string) (lives []*life) {
	answered := make(chan struct{}, clients*answersOfALife)
	var running sync.WaitGroup
	for i := range clients {
		l := &life{username: fmt.Sprint(name, "-", i)}
		lives = append(lives, l)
		running.Go(func() { l.live(s, answered) })
	}
	go func() {
		running.Wait()
		close(answered) // where a client gave up early, nobody waits for ever
	}()
	for range answers {
		<-answered
	}
	s.kill()
	running.Wait()
	return lives
}

// live does one thing after another until the app is gone.
func (l *life) live(s *server, answered chan<- struct{}) {
	for _, step := range []struct {
		name string
		do   func(*server) error
	}{
		{"register", l.register}, {"login", l.login}, {"ticket", l.askTicket},
		{"redeem", l.redeem}, {"refresh", l.refresh}, {"logout", l.logout},
	} {
		l.asked = step.name
		if err := step.do(s); err != nil {
			return
		}
		l.asked = ""
		answered <- struct{}{}
	}
}

func (l *life) credentials() map[string]string {
	return map[string]string{"username": l.username, "password": password}
}

var errOther = errors.New("another answer")

// ask returns an error unless it is answered with this status.
func (l *life) ask(s *server, status int, path, token string, in any) (reply, error) {
	r, err := s.try(http.MethodPost, path, token, l.cookie, in)
	if err == nil && r.status != status {
		s.tb.Errorf("%s: %s is answered with %d %s", l.username, path, r.status, r.body)
		err = errOther
	}
	return r, err
}

func (l *life) register(s *server) error {
	_, err := l.ask(s, http.StatusCreated, "/api/register", "", l.credentials())
	l.registered = err == nil
	return err
}

func (l *life) login(s *server) error {
	r, err := l.ask(s, http.StatusOK, "/api/login", "", l.credentials())
	if err == nil {
		l.keep(s, r)
	}
	return err
}

func (l *life) refresh(s *server) error {
	r, err := l.ask(s, http.StatusOK, "/api/refresh", "", nil)
	if err == nil {
		l.keep(s, r)
	}
	return err
}

func (l *life) keep(s *server, r reply) {
	var out struct {
		AccessToken string `json:"access_token"`
	}
	r.into(s.tb, &out)
	l.token = out.AccessToken
	l.cookie, _, _ = strings.Cut(r.header.Get("Set-Cookie"), ";")
}

func (l *life) askTicket(s *server) error {
	r, err := l.ask(s, http.StatusCreated, "/api/tickets", l.token, map[string]string{"room": "lobby"})
	if err != nil {
		return err
	}
	var out struct{ Ticket string }
	r.into(s.tb, &out)
	l.ticket = out.Ticket
	return nil
}

func (l *life) redeem(s *server) error {
	p, _, err := s.dial(s.handshake("?ticket="+l.ticket, ""))
	if err != nil {
		return err
	}
	l.spent = true
	return p.conn.Close()
}

func (l *life) logout(s *server) error {
	_, err := l.ask(s, http.StatusNoContent, "/api/logout", l.token, nil)
	l.ended = err == nil
	return err
}

// check holds the app to what it has told this client.
func (l *life) check(t *testing.T, s *server) {
	t.Helper()
	if l.registered && l.token == "" {
		s.want(http.StatusOK, http.MethodPost, "/api/login", "", l.credentials())
	}
	if l.token != "" && l.asked != "logout" {
		l.checkLogin(t, s)
	}
	if l.ticket == "" || l.asked == "redeem" {
		return
	}
	if p, status, _ := s.dial(s.handshake("?ticket="+l.ticket, "")); p != nil {
		_ = p.conn.Close()
		if l.spent {
			t.Errorf("%s: a spent ticket is answered with %s", l.username, status)
		}
		l.spent = true
	} else if !l.spent {
		t.Errorf("%s: a ticket is answered with %s", l.username, status)
	}
}

func (l *life) checkLogin(t *testing.T, s *server) {
	t.Helper()
	status := http.StatusOK
	if l.ended {
		status = http.StatusUnauthorized
	}
	s.want(status, http.MethodGet, "/api/me", l.token, nil)
	if l.asked == "refresh" {
		return // the cookie may be used
	}
	r, err := s.try(http.MethodPost, "/api/refresh", "", l.cookie, nil)
	if err != nil || r.status != status {
		t.Fatalf("%s: a refresh is answered with %d %s %v, want %d", l.username, r.status, r.body, err, status)
	}
	if status == http.StatusOK {
		l.keep(s, r)
	}
}

func checkIntegrity(t *testing.T, folder string) {
	t.Helper()
	db := openFile(t, folder)
	var result string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
		t.Errorf("integrity check: %s %v", result, err)
	}
	var orphans int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pragma_foreign_key_check").Scan(&orphans); err != nil || orphans > 0 {
		t.Errorf("%d rows refer to none (%v)", orphans, err)
	}
}

// openFile opens the database beside the app, as an operator with a shell would.
func openFile(t *testing.T, folder string) *sql.DB {
	t.Helper()
	driver := "sqlite3"
	if slices.Contains(sql.Drivers(), "sqlite") { // the pure Go one, which is there only without cgo
		driver = "sqlite"
	}
	db, err := sql.Open(driver, filepath.Join(folder, "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// countFacts holds that the kills came at all the times they should.
func countFacts(t *testing.T, all []*life) {
	t.Helper()
	facts := map[string]int{}
	for _, l := range all {
		if l.asked != "" {
			facts["cut off in "+l.asked]++
		}
		if l.ended {
			facts["ended"]++
		}
		if l.spent {
			facts["spent"]++
		}
	}
	t.Log(facts)
	if !testing.Short() && (facts["ended"] == 0 || facts["spent"] == 0 || facts["cut off in login"] == 0) {
		t.Errorf("too little was at stake: %v", facts)
	}
}
