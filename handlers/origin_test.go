package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// newAppOf allows pages of its own address and of https://app.example.com.
func newAppOf(t *testing.T) *testApp {
	return newApp(t, func(o *handlers.Options, _ *hub.Options) {
		o.AllowedOrigins = append(o.AllowedOrigins, "https://app.example.com")
	})
}

func TestOriginIsComparedExactly(t *testing.T) {
	app := newAppOf(t)
	l := app.login(t, "alice")
	port := app.url[strings.LastIndex(app.url, ":"):]
	rows := []struct {
		name    string
		origins []string
		allowed bool
	}{
		{"none", nil, true},
		{"the public address", []string{app.url}, true},
		{"an allowed one", []string{"https://app.example.com"}, true},
		{"another scheme", []string{"http://app.example.com"}, false},
		{"another port", []string{"https://app.example.com:8443"}, false},
		{"the port that goes without saying", []string{"https://app.example.com:443"}, false},
		{"no port", []string{strings.TrimSuffix(app.url, port)}, false},
		{"another name of the same address", []string{"http://localhost" + port}, false},
		{"a parent", []string{"https://example.com"}, false},
		{"a child", []string{"https://evil.app.example.com"}, false},
		{"a longer name", []string{"https://app.example.com.evil.example"}, false},
		{"a name with it at the end", []string{"https://notapp.example.com"}, false},
		{"another case", []string{"https://APP.example.com"}, false},
		{"a trailing dot", []string{"https://app.example.com."}, false},
		{"a trailing slash", []string{"https://app.example.com/"}, false},
		{"a path", []string{"https://app.example.com/page"}, false},
		{"null", []string{"null"}, false},
		{"empty", []string{""}, false},
		{"the same twice", []string{app.url, app.url}, false},
		{"a foreign one after ours", []string{app.url, "https://evil.example"}, false},
		{"two on one line", []string{app.url + ", " + app.url}, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			h := by("header", l.Token)
			if row.origins != nil {
				h.header["Origin"] = row.origins
			}
			if row.allowed {
				app.wantIn(t, h, "header")
			} else {
				app.wantOut(t, h, 403, "origin_not_allowed")
			}
		})
	}
}

// A page can have its own name resolve to this machine, and is then of the same
// origin as the Host that its browser sends.
func TestReboundHostIsRefused(t *testing.T) {
	app := newAppOf(t)
	h := by("header", app.login(t, "alice").Token)
	h.header.Set("Origin", "http://evil.example:8080")
	h.header.Set("Host", "evil.example:8080")
	_, refused := app.open(t, h)
	wantProblem(t, refused, 403, "origin_not_allowed")
}

func TestWrongOriginBurnsNoTicket(t *testing.T) {
	app := newAppOf(t)
	ticket := app.ticket(t, app.login(t, "alice"), "lobby")
	h := by("ticket", ticket)
	h.header.Set("Origin", "https://evil.example")
	app.wantOut(t, h, 403, "origin_not_allowed")
	app.wantIn(t, by("ticket", ticket), "ticket")
}

func TestLogSaysHowToAllowAnOrigin(t *testing.T) {
	app := newAppOf(t)
	h := handshake{header: http.Header{"Origin": {"https://partner.example"}}}
	r := app.wantOut(t, h, 403, "origin_not_allowed")
	if line := loggedOf(r); !strings.Contains(line, "ALLOWED_ORIGINS") || !strings.Contains(line, "https://partner.example") {
		t.Errorf("logged: %s", line)
	}
	if strings.Contains(string(r.body), "app.example.com") {
		t.Errorf("the client is told which origins are allowed: %s", r.body)
	}
	for _, origins := range [][]string{{"null"}, {""}, {"chrome-extension://abc"}, {"https://a.example", "https://b.example"}} {
		r := app.wantOut(t, handshake{header: http.Header{"Origin": origins}}, 403, "origin_not_allowed")
		if line := loggedOf(r); strings.Contains(line, "ALLOWED_ORIGINS") || !strings.Contains(line, "no setting allows") {
			t.Errorf("%q: logged: %s", origins, line)
		}
	}
}
