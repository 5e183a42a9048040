package handlers_test

import (
	"bytes"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
	"example.com/handshake/web"
)

// A browser heeds these on an error page as on any other.
func TestSecurityHeadersAreOnEveryReply(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	replies := map[string]reply{
		"the page":        app.get(t, "/", ""),
		"a file":          app.get(t, "/static/js/app.js", ""),
		"a missing file":  app.get(t, "/static/nothing", ""),
		"no route":        app.get(t, "/nothing", ""),
		"wrong method":    app.post(t, "/livez", "", nil),
		"health":          app.get(t, "/livez", ""),
		"me":              app.get(t, "/api/me", l.Token),
		"no token":        app.get(t, "/api/me", ""),
		"a bad body":      app.post(t, "/api/login", "", []int{}),
		"a ticket":        app.post(t, "/api/tickets", l.Token, map[string]string{"room": "lobby"}),
		"an asked socket": app.get(t, "/ws/lobby", l.Token),
		"a bad room":      app.get(t, "/ws/a.b", l.Token),
		"logout":          app.post(t, "/api/logout", l.Token, nil),
	}
	want := map[string]string{
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        "no-referrer",
	}
	for name, r := range replies {
		t.Run(name, func(t *testing.T) {
			for header, value := range want {
				if got := r.header.Get(header); got != value {
					t.Errorf("%s: %q", header, got)
				}
			}
			policy := r.header.Get("Content-Security-Policy")
			for _, rule := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
				if !strings.Contains(policy, rule+";") && !strings.HasSuffix(policy, rule) {
					t.Errorf("no %s in %q", rule, policy)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("%q", policy)
			}
			if r.header.Get("Strict-Transport-Security") != "" {
				t.Error("https is demanded where there is none")
			}
		})
	}
}

func TestHTTPSIsDemandedWhereThereIsHTTPS(t *testing.T) {
	app := newApp(t, func(o *handlers.Options, _ *hub.Options) { o.HTTPS = true })
	for _, path := range []string{"/", "/nothing"} {
		if app.get(t, path, "").header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: no Strict-Transport-Security", path)
		}
	}
}

// The policy would keep such a script or style from running, and the page would break.
func TestPageHasNothingInline(t *testing.T) {
	body := string(newApp(t).get(t, "/", "").body)
	for _, script := range regexp.MustCompile(`(?i)<script[^>]*>`).FindAllString(body, -1) {
		if !strings.Contains(script, "src=") {
			t.Errorf("inline: %s", script)
		}
	}
	for _, inline := range regexp.MustCompile(`(?i)<style|<[^>]*\s(style|on[a-z]+)=|javascript:`).FindAllString(body, -1) {
		t.Errorf("inline: %s", inline)
	}
}

func TestEmbeddedFilesAreServed(t *testing.T) {
	app := newApp(t)
	kinds := map[string]string{
		".html": "text/html; charset=utf-8",
		".css":  "text/css; charset=utf-8",
		".js":   "text/javascript; charset=utf-8",
		".svg":  "image/svg+xml",
		".yaml": "application/yaml",
	}
	err := fs.WalkDir(web.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(web.Files, name)
		content = bytes.Replace(content, []byte(`data-ways=""`), []byte(`data-ways="header subprotocol ticket query"`), 1)
		r := app.get(t, "/static/"+name, "")
		if r.status != http.StatusOK || string(r.body) != string(content) {
			t.Errorf("%s: %d, %d bytes", name, r.status, len(r.body))
		}
		if kind := kinds[name[strings.LastIndex(name, "."):]]; kind == "" || r.header.Get("Content-Type") != kind {
			t.Errorf("%s: %s, want %s", name, r.header.Get("Content-Type"), kind)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if page, file := app.get(t, "/", ""), app.get(t, "/static/index.html", ""); string(page.body) != string(file.body) {
		t.Error("the page is not index.html")
	}
}

// People copy it into apps of their own, so it knows neither this page nor any other file.
func TestClientStandsAlone(t *testing.T) {
	files, err := fs.Glob(web.Files, "js/client/*.js")
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		content, err := fs.ReadFile(web.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(content), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			if _, from, found := strings.Cut(line, ` from "`); found && !strings.HasPrefix(from, "./") {
				t.Errorf("%s imports %s", file, from)
			}
			if regexp.MustCompile(`\b(document|window)\b`).MatchString(line) {
				t.Errorf("%s needs a page: %s", file, line)
			}
		}
	}
}

// The server can see more files than the page is made of: its settings, the database.
func TestNothingElseIsServed(t *testing.T) {
	app := newApp(t)
	for _, path := range []string{
		"/static", "/static/", "/static/js", "/static/js/", "/static/.", "/static/web.go",
		"/static/../go.mod", "/static/js/../../go.mod", "/static/%2e%2e/go.mod", "/static/..%2fgo.mod", "/static/..%5cgo.mod",
		"/static//etc/passwd", "/static/%00", "/static/js/../app.css", "/index.html", "/go.mod", "/.env", "/data/handshake.db",
	} {
		t.Run(path, func(t *testing.T) {
			wantProblem(t, app.get(t, path, ""), 404, "not_found")
		})
	}
}

// After an update nobody is left with half of the old page: browsers ask each time.
func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	app := newApp(t)
	for _, path := range []string{"/", "/static/js/app.js"} {
		first := app.get(t, path, "")
		if first.header.Get("ETag") == "" || first.header.Get("Cache-Control") != "no-cache" {
			t.Fatalf("%s: %v", path, first.header)
		}
		request := app.request(t, http.MethodGet, path, "", nil)
		request.Header.Set("If-None-Match", first.header.Get("ETag"))
		if r := app.do(t, request); r.status != http.StatusNotModified || len(r.body) != 0 {
			t.Errorf("%s: %d, %d bytes", path, r.status, len(r.body))
		}
		request.Header.Set("If-None-Match", `"another"`)
		if r := app.do(t, request); r.status != http.StatusOK {
			t.Errorf("%s, changed: %d", path, r.status)
		}
	}
	if app.get(t, "/", "").header.Get("ETag") == app.get(t, "/static/app.css", "").header.Get("ETag") {
		t.Error("two files have one ETag")
	}
}

// While it drains it is alive, but not to be sent anybody new.
func TestFileIsSentWhole(t *testing.T) {
	app := newApp(t)
	whole := app.get(t, "/static/app.css", "")
	for _, wish := range [][2]string{{"Range", "bytes=0-1"}, {"Range", "bytes=9999999-"}, {"If-Match", `"other"`}} {
		request := app.request(t, http.MethodGet, "/static/app.css", "", nil)
		request.Header.Set(wish[0], wish[1])
		if r := app.do(t, request); r.status != http.StatusOK || string(r.body) != string(whole.body) {
			t.Errorf("%s: %d and %d bytes", wish, r.status, len(r.body))
		}
	}
}

func TestHealth(t *testing.T) {
	app := newApp(t)
	want := func(path string, status int) {
		t.Helper()
		if r := app.get(t, path, ""); r.status != status {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	want("/livez", http.StatusOK)
	want("/readyz", http.StatusOK)

	app.Drain()
	wantProblem(t, app.get(t, "/readyz", ""), 503, "shutting_down")
	want("/livez", http.StatusOK)
}

func TestNotReadyWithoutDatabase(t *testing.T) {
	app := newApp(t)
	if err := app.db.Close(); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, app.get(t, "/readyz", ""), 503, "unavailable")
	if r := app.get(t, "/livez", ""); r.status != http.StatusOK {
		t.Errorf("/livez: %d", r.status)
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	app := newApp(t)
	for _, path := range []string{"/", "/static/app.css", "/livez", "/readyz"} {
		r := app.do(t, app.request(t, http.MethodHead, path, "", nil))
		if r.status != http.StatusOK || len(r.body) != 0 {
			t.Errorf("%s: %d %q", path, r.status, r.body)
		}
	}
}
