package handlers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const lane = "lane-0123456789abcdef0123456789abcdef"

type sighting struct {
	Saw struct {
		Method, Path string
		Headers      []struct{ Name, Value string }
	}
	Status       int
	Code, Detail string
	AccessLog    string `json:"access_log"`
	GinLog       string `json:"gin_log"`
}

func (s sighting) header(name string) string {
	for _, h := range s.Saw.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// sight asks what the server saw of the last handshake into that room.
func (a *testApp) sight(t *testing.T, l login, room string) (s sighting) {
	t.Helper()
	r := a.get(t, "/api/demo/handshakes/"+room, l.Token)
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	r.into(t, &s)
	return s
}

func TestNothingOfTheDemoIsThereInRelease(t *testing.T) {
	app := newApp(t) // without Demo, as main has it in release
	l := app.login(t, "alice")
	s, _ := app.dial(t, "/ws/"+lane, bearer(l.Token))
	if welcome := s.expect(t, "welcome"); welcome["saw"] != nil {
		t.Errorf("the welcome has %v", welcome["saw"])
	}
	wantProblem(t, app.get(t, "/api/demo/handshakes/"+lane, l.Token), 404, "not_found")
	wantProblem(t, app.post(t, "/api/demo/expired-token", l.Token, nil), 404, "not_found")
	if page := app.get(t, "/", ""); !bytes.Contains(page.body, []byte(`data-demo="off"`)) {
		t.Error("the page offers what is not there")
	}
}

func TestPageIsToldOutsideRelease(t *testing.T) {
	if page := newApp(t, withDemo).get(t, "/", ""); !bytes.Contains(page.body, []byte(`data-ways="header subprotocol ticket query" data-demo="on"`)) {
		t.Error("the page does not know")
	}
}

func TestWelcomeCarriesWhatTheServerSaw(t *testing.T) {
	app := newApp(t, withDemo)
	l := app.login(t, "alice")
	short := fmt.Sprintf("eyJhbG…(%d characters)", len(l.Token))
	for way, want := range map[string]struct{ path, header, value string }{
		"header":      {"/ws/" + lane, "Authorization", "Bearer " + short},
		"subprotocol": {"/ws/" + lane, "Sec-Websocket-Protocol", "handshake.v1, bearer." + short},
		"query":       {"/ws/" + lane + "?access_token=" + short, "Connection", "Upgrade"},
	} {
		t.Run(way, func(t *testing.T) {
			path, header := app.wayIn(t, l, way, lane)
			s, r := app.dial(t, path, header)
			if s == nil {
				t.Fatalf("%d %s", r.status, r.body)
			}
			var welcome struct{ sighting }
			text, err := json.Marshal(s.expect(t, "welcome"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &welcome); err != nil {
				t.Fatal(err)
			}
			if welcome.Saw.Method != "GET" || welcome.Saw.Path != want.path || welcome.header(want.header) != want.value {
				t.Errorf("%s", text)
			}
			wantNoSecret(t, string(text), l.Token)
		})
	}
}

// wayIn is where to dial, and with which header, to bring a token by that way.
func (a *testApp) wayIn(t *testing.T, l login, way, room string) (path string, header http.Header) {
	t.Helper()
	switch way {
	case "header":
		return "/ws/" + room, bearer(l.Token)
	case "subprotocol":
		return "/ws/" + room, http.Header{"Sec-Websocket-Protocol": {"handshake.v1, bearer." + l.Token}}
	case "ticket":
		return "/ws/" + room + "?ticket=" + a.ticket(t, l, room), nil
	default:
		return "/ws/" + room + "?access_token=" + l.Token, nil
	}
}

// wantNoSecret looks for enough of a secret to be of use: all but its beginning.
func wantNoSecret(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for at := 8; at+8 <= len(secret); at++ {
			if strings.Contains(text, secret[at:at+8]) {
				t.Fatalf("%q is in …%s", secret[at:at+8], text[max(0, strings.Index(text, secret[at:at+8])-200):])
			}
		}
	}
}

// The page shows what really stands in the log, letter for letter.
func TestSightingHasTheLogsOwnLine(t *testing.T) {
	app := newApp(t, withDemo)
	l := app.login(t, "alice")
	for way, code := range map[string]string{"header": "", "subprotocol": "", "ticket": "", "query": "", "none": "no_token"} {
		t.Run(way, func(t *testing.T) {
			path, header := "/ws/"+lane, http.Header{}
			want := http.StatusUnauthorized
			if way != "none" {
				path, header = app.wayIn(t, l, way, lane)
				want = http.StatusSwitchingProtocols
			}
			app.dial(t, path, header)
			s := app.sight(t, l, lane)
			if s.Status != want || s.Code != code {
				t.Errorf("%d %s", s.Status, s.Code)
			}
			if s.AccessLog == "" || !bytes.Contains(logged.bytes(), []byte("\n"+s.AccessLog+"\n")) {
				t.Errorf("this is not in the log: %q", s.AccessLog)
			}
			// What it writes is its own, up to the URL.
			if !strings.HasPrefix(s.GinLog, "[GIN] ") || !strings.Contains(s.GinLog, fmt.Sprintf("| %d |", want)) || !strings.HasSuffix(s.GinLog, `"`+s.Saw.Path+`"`) {
				t.Errorf("gin: %q, and the path %q", s.GinLog, s.Saw.Path)
			}
			_, ticket, _ := strings.Cut(path, "?ticket=")
			wantNoSecret(t, fmt.Sprint(s), l.Token, ticket)
		})
	}
}

// Whatever a client sends where it does not belong, a secret is not shown whole.
func TestSecretsInOddPlacesAreShortened(t *testing.T) {
	app := newApp(t, withDemo)
	l := app.login(t, "alice")
	secret := "0123456789ABCDEFGHIJKLMNOPQRSTUV"
	for name, odd := range map[string]struct {
		query  string
		header http.Header
	}{
		"a cookie":               {"", http.Header{"Cookie": {"sid=" + secret}}},
		"a header of its own":    {"", http.Header{"X-Api-Key": {secret}}},
		"another scheme":         {"", http.Header{"Authorization": {"Basic " + secret}}},
		"no scheme":              {"", http.Header{"Authorization": {secret}}},
		"a referrer":             {"", http.Header{"Referer": {"http://x/?token=" + secret}}},
		"a bare subprotocol":     {"", http.Header{"Sec-Websocket-Protocol": {"handshake.v1, " + secret}}},
		"another parameter":      {"?jwt=" + secret, nil},
		"no parameter":           {"?" + secret, nil},
		"a broken query":         {"?token=%zz" + secret, nil},
		"a quote in the query":   {`?token="` + secret, nil},
		"bytes that no text has": {"", http.Header{"X-Api-Key": {"\xff\xfe" + secret}}},
	} {
		t.Run(name, func(t *testing.T) {
			app.dial(t, "/ws/"+lane+odd.query, odd.header)
			s := app.sight(t, l, lane)
			wantNoSecret(t, fmt.Sprint(s), secret)
			if s.GinLog == "" {
				t.Error("no line of gin's")
			}
		})
	}
}

// A header may hold any bytes, and a frame only text.
func TestWelcomeIsTextWhateverTheHeadersAre(t *testing.T) {
	app := newApp(t, withDemo)
	header := bearer(app.login(t, "alice").Token)
	header.Set("User-Agent", "\xff\xfe")
	s, r := app.dial(t, "/ws/lobby", header)
	if s == nil {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if saw := fmt.Sprint(s.expect(t, "welcome")["saw"]); !strings.Contains(saw, "\uFFFD") {
		t.Error(saw)
	}
}

func TestSightingIsToldOnceAndToNobodyElse(t *testing.T) {
	app := newApp(t, withDemo)
	alice, bob := app.login(t, "alice"), app.login(t, "bob")
	at := "/api/demo/handshakes/" + lane
	wantProblem(t, app.get(t, at, alice.Token), 404, "not_found")

	app.dial(t, "/ws/"+lane, bearer(alice.Token))
	wantProblem(t, app.get(t, at, ""), 401, "no_token")
	wantProblem(t, app.get(t, at, bob.Token), 404, "not_found")
	question := app.request(t, http.MethodGet, at, bob.Token, nil)
	question.Header.Set("Upgrade", "websocket") // which makes no handshake of it
	wantProblem(t, app.do(t, question), 404, "not_found")
	app.sight(t, alice, lane)
	wantProblem(t, app.get(t, at, alice.Token), 404, "not_found")
}

// A room with a name that others know, or could guess, is nobody's to ask about.
func TestOtherRoomsAreNotWatched(t *testing.T) {
	app := newApp(t, withDemo)
	alice := app.login(t, "alice")
	for _, room := range []string{"lobby", "lane-1", "lane-" + strings.Repeat("x", 21)} {
		app.dial(t, "/ws/"+room, bearer(alice.Token))
		wantProblem(t, app.get(t, "/api/demo/handshakes/"+room, alice.Token), 404, "not_found")
	}
}

func TestSightingsAreNotKeptWithoutEnd(t *testing.T) {
	app := newApp(t, withDemo)
	alice := app.login(t, "alice")
	for n := range 257 {
		app.dial(t, fmt.Sprintf("/ws/%s-%d", lane, n), nil)
	}
	wantProblem(t, app.get(t, "/api/demo/handshakes/"+lane+"-0", alice.Token), 404, "not_found")
	app.sight(t, alice, lane+"-256")
}

func TestExpiredTokenOfTheDemoOpensNothing(t *testing.T) {
	app := newApp(t, withDemo)
	alice := app.login(t, "alice")
	r := app.post(t, "/api/demo/expired-token", alice.Token, nil)
	var expired struct {
		Token string `json:"access_token"`
	}
	r.into(t, &expired)
	secrets.add(expired.Token)
	if r.status != http.StatusCreated || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", r.status, r.header)
	}
	wantProblem(t, app.get(t, "/api/me", expired.Token), 401, "token_expired")
	wantProblem(t, app.get(t, "/ws/lobby?access_token="+url.QueryEscape(expired.Token), ""), 401, "token_expired")
}
