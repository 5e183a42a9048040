package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// register asks for an account.
func (a *testApp) register(t testing.TB, username, password string) reply {
	t.Helper()
	return a.post(t, "/api/register", "", map[string]string{"username": username, "password": password})
}

// tryLogin is login for one who may fail.
func (a *testApp) tryLogin(t testing.TB, username, password string) reply {
	t.Helper()
	secrets.add(password)
	return a.post(t, "/api/login", "", map[string]string{"username": username, "password": password})
}

func TestRegister(t *testing.T) {
	app := newApp(t)
	r := app.register(t, "Alice.B_c-9", password)
	if r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var created struct {
		User struct {
			ID, Username string
			CreatedAt    string `json:"created_at"`
		}
	}
	r.into(t, &created)
	if created.User.ID == "" || created.User.Username != "Alice.B_c-9" {
		t.Errorf("%s", r.body)
	}
	at, err := time.Parse(time.RFC3339, created.User.CreatedAt)
	if err != nil || at.Location() != time.UTC || time.Since(at).Abs() > time.Minute {
		t.Errorf("created_at %q, want now in UTC", created.User.CreatedAt)
	}
	if strings.Contains(string(r.body), "assword") {
		t.Errorf("more is told than asked: %s", r.body)
	}
}

func TestUsernameLimits(t *testing.T) {
	app := newApp(t)
	rows := []struct {
		name, username string
		good           bool
	}{
		{"2 characters", "ab", false},
		{"3", "abc", true},
		{"32", strings.Repeat("x", 32), true},
		{"33", strings.Repeat("x", 33), false},
		{"every kind", "aZ09._-", true},
		{"nothing", "", false},
		{"a space", "alice smith", false},
		{"another alphabet", "алиса", false},
		{"an accent", "andré", false},
		{"an at sign", "alice@example", false},
		{"markup", "<b>alice", false},
		{"a newline at the end", "alice\n", false},
		{"a zero byte", "alice\x00", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := app.register(t, row.username, password)
			if row.good && r.status != http.StatusCreated {
				t.Errorf("%d %s", r.status, r.body)
			}
			if !row.good {
				wantProblem(t, r, 400, "invalid_input")
				wantFields(t, r, "username")
			}
		})
	}
}

func TestPasswordLengthCountsCharacters(t *testing.T) {
	const (
		composed   = "\u00e9"  // é as one character
		decomposed = "e\u0301" // e and an accent, which are one character in NFC
	)
	app := newApp(t)
	rows := []struct {
		name, password string
		good           bool
	}{
		{"nothing", "", false},
		{"7", "q7#Kd2v", false},
		{"8", "q7#Kd2vX", true},
		{"128", strings.Repeat("q7#Kd2vX", 16), true},
		{"129", strings.Repeat("q7#Kd2vX", 16) + "!", false},
		{"7 of two bytes", strings.Repeat(composed, 6) + "!", false},
		{"7 of three bytes, in two", strings.Repeat(decomposed, 6) + "!", false},
		{"8 of three bytes, in two", strings.Repeat(decomposed, 7) + "!", true},
		{"128 of four bytes", strings.Repeat("🔑", 127) + "!", true},
		{"129 of four bytes", strings.Repeat("🔑", 128) + "!", false},
		{"128 in 255", strings.Repeat(decomposed, 127) + "!", true},
		{"spaces and a newline", " two words\n", true},
	}
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := app.register(t, "user"+string(rune('a'+i)), row.password)
			if row.good && r.status != http.StatusCreated {
				t.Errorf("%d %s", r.status, r.body)
			}
			if !row.good {
				wantProblem(t, r, 400, "invalid_input")
				wantFields(t, r, "password")
			}
		})
	}
}

// One keyboard sends é as one character, another sends e and an accent.
func TestPasswordIsOneInEveryForm(t *testing.T) {
	app := newApp(t)
	composed, decomposed := "caf\u00e9 au lait", "cafe\u0301 au lait"
	app.register(t, "composed", composed)
	app.register(t, "decomposed", decomposed)
	for _, username := range []string{"composed", "decomposed"} {
		for _, typed := range []string{composed, decomposed} {
			if r := app.tryLogin(t, username, typed); r.status != http.StatusOK {
				t.Errorf("%s with %+q: %d", username, typed, r.status)
			}
		}
		wantProblem(t, app.tryLogin(t, username, "cafe au lait"), 401, "bad_credentials")
	}
}

func TestPasswordIsNeverTruncated(t *testing.T) {
	app := newApp(t)
	long := strings.Repeat("é", 64) // 128 bytes: bcrypt would look at 72
	app.register(t, "alice", long)
	if r := app.tryLogin(t, "alice", long); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, wrong := range []string{
		long[:72],
		long[:72] + strings.Repeat("x", 28),
		strings.Repeat("é", 63),
		strings.Repeat("é", 65),
	} {
		wantProblem(t, app.tryLogin(t, "alice", wrong), 401, "bad_credentials")
	}
}

func TestPasswordMayNotBeTheUsername(t *testing.T) {
	app := newApp(t)
	for _, password := range []string{"margarethe", "MargaREthe"} {
		r := app.register(t, "Margarethe", password)
		wantProblem(t, r, 400, "invalid_input")
		wantFields(t, r, "password")
	}
}

func TestEveryFaultIsToldAtOnce(t *testing.T) {
	r := newApp(t).register(t, "?", "short")
	wantProblem(t, r, 400, "invalid_input")
	wantFields(t, r, "username", "password")
}

// Otherwise somebody could pose as Alice by registering as alice.
func TestUsernameIsUniqueInAnyCase(t *testing.T) {
	app := newApp(t)
	app.register(t, "Alice", password)
	for _, username := range []string{"Alice", "alice", "ALICE"} {
		r := app.register(t, username, "another fine long one")
		wantProblem(t, r, 409, "username_taken")
		wantFields(t, r, "username")
	}
	// Logged in under any case, she is shown as she registered.
	r := app.tryLogin(t, "aLiCe", password)
	var l login
	r.into(t, &l)
	secrets.add(l.Token)
	if me := app.me(t, l.Token); me.User.Username != "Alice" {
		t.Errorf("shown as %q", me.User.Username)
	}
	s, _ := app.open(t, by("header", l.Token))
	if user := s.expect(t, "welcome")["user"].(map[string]any); user["username"] != "Alice" {
		t.Errorf("welcomed as %v", user)
	}
}

// me is the reply of GET /api/me.
type me struct {
	User struct {
		ID, Username string
		CreatedAt    time.Time `json:"created_at"`
	}
	Session struct{ ID string }
	Token   struct {
		ID        string
		ExpiresAt time.Time `json:"expires_at"`
	}
}

func (a *testApp) me(t testing.TB, token string) (m me) {
	t.Helper()
	r := a.get(t, "/api/me", token)
	if r.status != http.StatusOK {
		t.Fatalf("me: %d %s", r.status, r.body)
	}
	r.into(t, &m)
	return m
}

func TestMeTellsWhatTheTokenStandsFor(t *testing.T) {
	app := newApp(t)
	app.login(t, "bob")
	first, second := app.login(t, "alice"), app.login(t, "alice")
	for _, l := range []login{first, second} {
		m := app.me(t, l.Token)
		if m.User.Username != "alice" || m.User.ID == "" || m.User.CreatedAt.IsZero() {
			t.Errorf("user: %+v", m.User)
		}
		if m.Session.ID != l.SessionID || m.Token.ID == "" || !m.Token.ExpiresAt.Equal(l.ExpiresAt) {
			t.Errorf("%+v is not %+v", m, l)
		}
	}
	if a, b := app.me(t, first.Token), app.me(t, second.Token); a.User.ID != b.User.ID || a.Token.ID == b.Token.ID {
		t.Errorf("two logins of one user: %+v and %+v", a, b)
	}
}

// A preset account would be one whose password everybody knows.
func TestNewDatabaseHasNoAccount(t *testing.T) {
	app := newApp(t)
	if n := app.count(t, "SELECT count(*) FROM users"); n != 0 {
		t.Errorf("%d accounts", n)
	}
}
