package handlers_test

import (
	"bytes"
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

// database opens the app's file a second time, as an operator with a shell would.
func (a *testApp) database(t testing.TB) *sql.DB {
	t.Helper()
	driver := "sqlite3"
	if slices.Contains(sql.Drivers(), "sqlite") { // the pure Go one, which is there only without cgo
		driver = "sqlite"
	}
	db, err := sql.Open(driver, a.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (a *testApp) exec(t testing.TB, statement string) {
	t.Helper()
	if _, err := a.database(t).ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func (a *testApp) count(t testing.TB, query string, args ...any) (n int) {
	t.Helper()
	if err := a.database(t).QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLoginReply(t *testing.T) {
	app := newApp(t)
	app.clock.stop()
	app.register(t, "alice", password)
	r := app.tryLogin(t, "alice", password)
	var got struct {
		AccessToken string    `json:"access_token"`
		TokenType   string    `json:"token_type"`
		ExpiresIn   int       `json:"expires_in"`
		ExpiresAt   time.Time `json:"expires_at"`
		SessionID   string    `json:"session_id"`
	}
	r.into(t, &got)
	secrets.add(got.AccessToken)
	if got.TokenType != "Bearer" || got.ExpiresIn != 900 || got.SessionID == "" {
		t.Errorf("%+v", got)
	}
	if want := app.clock.now().Truncate(time.Second).Add(15 * time.Minute); !got.ExpiresAt.Equal(want) || got.ExpiresAt.Location() != time.UTC {
		t.Errorf("expires at %v, want %v in UTC", got.ExpiresAt, want)
	}
	if r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control: %q", r.header.Get("Cache-Control"))
	}
}

// A token without a row could not be revoked.
func TestEveryTokenIsARowOfItsUser(t *testing.T) {
	app := newApp(t)
	app.clock.stop() // in one second, two tokens could otherwise come out the same
	for _, l := range []login{app.login(t, "alice"), app.login(t, "alice"), app.login(t, "bob")} {
		claims := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(l.Token, claims); err != nil {
			t.Fatal(err)
		}
		if claims["iss"] != app.url || claims["aud"] != app.url || claims["exp"] != float64(l.ExpiresAt.Unix()) {
			t.Errorf("claims: %v", claims)
		}
		if n := app.count(t, "SELECT count(*) FROM tokens WHERE id = ? AND user_id = ? AND session_id = ?", claims["jti"], claims["sub"], l.SessionID); n != 1 {
			t.Errorf("%d rows for %v", n, claims)
		}
	}
	if n := app.count(t, "SELECT count(DISTINCT id) FROM tokens"); n != 3 {
		t.Errorf("%d tokens, want 3", n)
	}
}

// Whoever gets hold of a backup must not be able to log in with it.
func TestNoSecretIsStored(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	ticket := app.ticket(t, l, "lobby")
	signature := l.Token[strings.LastIndex(l.Token, ".")+1:]
	files, err := filepath.Glob(app.path + "*") // with those of the write-ahead log
	if err != nil {
		t.Fatal(err)
	}
	var stored []byte
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, content...)
	}
	if !bytes.Contains(stored, []byte(l.SessionID)) {
		t.Fatal("this search finds nothing at all")
	}
	for name, secret := range map[string]string{"password": password, "token": signature, "ticket": ticket, "key": jwtSecret} {
		if bytes.Contains(stored, []byte(secret)) {
			t.Errorf("the %s is in the file", name)
		}
	}
}

// newAppWithMallory knows alice, and mallory, who is disabled.
func newAppWithMallory(t *testing.T) *testApp {
	app := newApp(t)
	app.register(t, "alice", password)
	app.register(t, "mallory", password)
	app.exec(t, "UPDATE users SET disabled_at = created_at WHERE username = 'mallory'")
	return app
}

// failures are logins that nobody may tell apart, each with a name and a password.
var failures = map[string][2]string{
	"unknown name":   {"nobody", password},
	"wrong password": {"alice", "wrong horse battery"},
	"disabled":       {"mallory", password},
}

// Otherwise anybody could find out who has an account here.
func TestFailedLoginsAreToldAlike(t *testing.T) {
	app := newAppWithMallory(t)
	first := app.tryLogin(t, "nobody", password)
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			r := app.tryLogin(t, failure[0], failure[1])
			wantProblem(t, r, 401, "bad_credentials")
			wantSameProblem(t, r, first)
		})
	}
	if r := app.tryLogin(t, "alice", password); r.status != http.StatusOK {
		t.Errorf("the right password: %d %s", r.status, r.body)
	}
}

func TestFailedLoginsTakeTheSameTime(t *testing.T) {
	if raceDetector() {
		t.Skip("the race detector distorts time")
	}
	if os.Getenv("CI") == "" {
		t.Skip("it needs a machine that does nothing else: set CI=true to run it")
	}
	app := newAppWithMallory(t)
	// Beside other work the medians wander. The fastest of many samples wander less,
	// and show a real difference as well.
	const median, fastest = 0.5, 0
	times := map[string][]time.Duration{}
	for range 10 {
		app.timeFailures(t, 15, times)
		if min(spread(times, median), spread(times, fastest)) <= 0.10 {
			return
		}
	}
	t.Errorf("the medians differ by %.0f %%, the fastest by %.0f %%", 100*spread(times, median), 100*spread(times, fastest))
}

// raceDetector tells whether the tests were built with -race.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// timeFailures adds samples of each kind of failure, taken in turns.
func (a *testApp) timeFailures(t *testing.T, samples int, times map[string][]time.Duration) {
	t.Helper()
	for range samples {
		for name, failure := range failures {
			started := time.Now()
			wantProblem(t, a.tryLogin(t, failure[0], failure[1]), 401, "bad_credentials")
			times[name] = append(times[name], time.Since(started))
		}
		a.clock.advance(20 * time.Minute) // no throttle lasts as long
	}
}

// spread is by what part the slowest kind takes longer than the quickest, both
// seen at the same place among their samples: 0.5 is the median.
func spread(times map[string][]time.Duration, place float64) float64 {
	var typical []time.Duration
	for _, samples := range times {
		slices.Sort(samples)
		typical = append(typical, samples[int(place*float64(len(samples)))])
	}
	return float64(slices.Max(typical))/float64(slices.Min(typical)) - 1
}

// Hashing is slow on purpose, which makes logins the cheapest way to keep a server busy.
func TestManyLoginsAtOnceLeaveTheAppAnswering(t *testing.T) {
	app := newApp(t)
	app.register(t, "alice", password)
	many := 200
	if raceDetector() {
		many = 40 // each takes several times as long
	}
	var logins sync.WaitGroup
	for range many {
		logins.Go(func() {
			body := strings.NewReader(`{"username":"alice","password":"` + password + `"}`)
			r, err := http.Post(app.url+"/api/login", "application/json", body)
			if err != nil {
				t.Error(err)
				return
			}
			_ = r.Body.Close()
			if r.StatusCode != http.StatusOK {
				t.Errorf("a login: %d", r.StatusCode)
			}
		})
	}
	done := make(chan struct{})
	go func() { logins.Wait(); close(done) }()

	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-done:
			return
		case <-look.C:
		}
		started := time.Now()
		if r := app.get(t, "/livez", ""); r.status != http.StatusOK || time.Since(started) > 3*time.Second {
			t.Fatalf("/livez: %d after %v", r.status, time.Since(started))
		}
		// Each hash takes 19 MiB, so 200 at once would take 3.8 GB.
		var memory runtime.MemStats
		if runtime.ReadMemStats(&memory); memory.HeapAlloc > 512<<20 {
			t.Fatalf("%d MiB in use", memory.HeapAlloc>>20)
		}
	}
}

func TestLogoutEndsTheSessionAlone(t *testing.T) {
	app := newApp(t)
	l, other := app.login(t, "alice"), app.login(t, "alice")
	r := app.post(t, "/api/logout", l.Token, nil)
	if r.status != http.StatusNoContent || len(r.body) != 0 {
		t.Errorf("%d %s", r.status, r.body)
	}
	wantProblem(t, app.post(t, "/api/logout", l.Token, nil), 401, "invalid_token")
	wantProblem(t, app.post(t, "/api/tickets", l.Token, map[string]string{"room": "lobby"}), 401, "invalid_token")
	app.me(t, other.Token)
	wantProblem(t, app.post(t, "/api/logout", "", nil), 401, "no_token")
}
