package main

// The settings come first, then the program as a whole: it is built once and run,
// each time in a folder of its own, with nothing in its environment but what the
// test sets. At the end stand the rules that hold for all of the code.

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"example.com/handshake/migrations"
	"example.com/handshake/models"
)

const (
	goodSecret = "a-secret-of-the-tests-with-32-bytes-and-more"
	password   = "correct horse battery"
)

// ---- Settings ----

// env is an environment that holds these NAME=value pairs alone.
func env(pairs ...string) func(string) string {
	return func(name string) (found string) {
		for _, pair := range pairs { // as in a real one, the last wins
			if key, value, _ := strings.Cut(pair, "="); key == name {
				found = value
			}
		}
		return found
	}
}

func TestSettings(t *testing.T) {
	defaults := settings{
		addr:               "127.0.0.1:8080",
		databaseURL:        "data/handshake.db",
		accessTokenTTL:     15 * time.Minute,
		sessionTTL:         720 * time.Hour,
		sessionIdleTTL:     168 * time.Hour,
		tokenSources:       []string{"header", "subprotocol", "ticket", "query"},
		messageBytes:       65536,
		messagesPerSecond:  20,
		connectionsPerUser: 32,
		connections:        10000,
		logFormat:          "text",
		ginMode:            "debug",
	}
	release := defaults
	release.publicURL = "https://app.example.com"
	release.jwtSecret = []byte(goodSecret)
	release.tokenSources = []string{"header", "subprotocol", "ticket"}
	release.logFormat = "json"
	release.ginMode = "release"
	queryInRelease := release
	queryInRelease.tokenSources = []string{"query"}
	queryInRelease.logFormat = "text"

	tests := []struct {
		name string
		env  []string
		want settings
	}{
		{"none", nil, defaults},
		{"empty ones are as good as none", []string{"ADDR=", "ACCESS_TOKEN_TTL= ", "WS_TOKEN_SOURCES=", "GIN_MODE="}, defaults},
		{"release", []string{"GIN_MODE=release", "PUBLIC_URL=https://app.example.com", "JWT_SECRET=" + goodSecret}, release},
		{"release with query switched on", []string{
			"GIN_MODE=release", "PUBLIC_URL=https://app.example.com", "JWT_SECRET=" + goodSecret, "WS_TOKEN_SOURCES=query", "LOG_FORMAT=text",
		}, queryInRelease},
		{"all", []string{
			"ADDR=[::1]:0",
			"PUBLIC_URL=http://app.example.com:8080",
			"ALLOWED_ORIGINS=https://a.example.com, https://b.example.com:444",
			"DATABASE_URL=/var/lib/my app/a?b#c%d.db",
			"JWT_SECRET=" + goodSecret,
			"ACCESS_TOKEN_TTL=1s",
			"SESSION_TTL=1h30m",
			"SESSION_IDLE_TTL=45m",
			"WS_TOKEN_SOURCES=ticket,header",
			"WS_MESSAGE_BYTES=1",
			"WS_MESSAGES_PER_SECOND=0",
			"WS_CONNECTIONS_PER_USER=1",
			"WS_CONNECTIONS=2",
			"TRUSTED_PROXIES=10.0.0.0/8,fd00::/8",
			"LOG_FORMAT=json",
			"GIN_MODE=test",
		}, settings{
			addr:               "[::1]:0",
			publicURL:          "http://app.example.com:8080",
			allowedOrigins:     []string{"https://a.example.com", "https://b.example.com:444"},
			databaseURL:        "/var/lib/my app/a?b#c%d.db",
			jwtSecret:          []byte(goodSecret),
			accessTokenTTL:     time.Second,
			sessionTTL:         90 * time.Minute,
			sessionIdleTTL:     45 * time.Minute,
			tokenSources:       []string{"ticket", "header"},
			messageBytes:       1,
			messagesPerSecond:  0,
			connectionsPerUser: 1,
			connections:        2,
			trustedProxies:     []string{"10.0.0.0/8", "fd00::/8"},
			logFormat:          "json",
			ginMode:            "test",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := readSettings(env(test.env...))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("got\n%+v, want\n%+v", *got, test.want)
			}
		})
	}
}

// Browsers send an origin in lower case and without the port that goes without saying.
func TestOriginIsKeptAsBrowsersSendIt(t *testing.T) {
	for value, want := range map[string]string{
		"https://app.example.com":       "https://app.example.com",
		"https://app.example.com/":      "https://app.example.com",
		"HTTPS://App.Example.COM:443":   "https://app.example.com",
		"http://app.example.com:80":     "http://app.example.com",
		"http://app.example.com:443":    "http://app.example.com:443",
		"https://app.example.com:80":    "https://app.example.com:80",
		"https://app.example.com:8443":  "https://app.example.com:8443",
		"https://app.example.com:0443":  "https://app.example.com",
		"http://[::1]:8080":             "http://[::1]:8080",
		"http://[2001:DB8:0::0001]":     "http://[2001:db8::1]",
		"https://xn--mller-kva.example": "https://xn--mller-kva.example",
	} {
		if s, err := readSettings(env("PUBLIC_URL=" + value)); err != nil || s.publicURL != want {
			t.Errorf("%s: got %+v (%v), want %s", value, s, err, want)
		}
	}
}

// badValues are wrong in every way that each setting can be. Any can also be a
// secret that was put in the wrong place.
var badValues = map[string][]string{
	"ADDR": {"hunter2", "8080", "localhost", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1", "http://127.0.0.1:8080", "::1:8080"},
	"PUBLIC_URL": {"hunter2", "app.example.com", "ftp://app.example.com", "https://", "https://:443", "https://app.example.com/hunter2",
		"https://app.example.com/?hunter2", "https://app.example.com/#hunter2", "https://user:hunter2@app.example.com",
		"https://*.example.com", "https://a.example.com,https://b.example.com", "null",
		"https://app.example.com:", "https://app.example.com:hunter2", "https://müller.example",
		"https://app.example.com:0", "https://app.example.com:65536", "https://[::1::]", "https://[:]"},
	"ALLOWED_ORIGINS":         {"hunter2", "*", "null", "https://a.example.com,hunter2", "https://a.example.com https://b.example.com"},
	"DATABASE_URL":            {"postgres://user:hunter2@db/app", "sqlite://test.db", "file:test.db", ":memory:", "file::memory:?cache=shared"},
	"JWT_SECRET":              {"hunter2", "hunter2-hunter2-hunter2-hunter2"},
	"ACCESS_TOKEN_TTL":        {"hunter2", "15", "0s", "999ms", "-15m", "15 minutes", "2562047h"},
	"SESSION_TTL":             {"hunter2", "720", "30d", "0s", "-1h"},
	"SESSION_IDLE_TTL":        {"hunter2", "168", "7d", "0s", "-1h"},
	"WS_TOKEN_SOURCES":        {"hunter2", "cookie", "header,hunter2", "Header", "header;query"},
	"WS_MESSAGE_BYTES":        {"hunter2", "0", "-1", "64k", "1e3", "1000000001", "99999999999999999999"},
	"WS_MESSAGES_PER_SECOND":  {"hunter2", "-1", "0.5"},
	"WS_CONNECTIONS_PER_USER": {"hunter2", "0", "-1"},
	"WS_CONNECTIONS":          {"hunter2", "0", "-1"},
	"TRUSTED_PROXIES":         {"hunter2", "10.0.0.1", "10.0.0.0/33", "10.0.0.0/8,hunter2"},
	"LOG_FORMAT":              {"hunter2", "xml", "JSON"},
	"GIN_MODE":                {"hunter2", "prod", "Release"},
}

// faults returns the lines that an operator is shown.
func faults(t *testing.T, environment func(string) string) []string {
	t.Helper()
	_, err := readSettings(environment)
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[errUsage](err); !ok {
		t.Fatalf("the error is a %T", err)
	}
	return strings.Split(err.Error(), "\n")
}

func TestBadValueIsOneLineThatNamesTheSetting(t *testing.T) {
	for name, values := range badValues {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				lines := faults(t, env(name+"="+value))
				if len(lines) != 1 || !strings.HasPrefix(lines[0], name+": ") {
					t.Fatalf("the faults are %q", lines)
				}
				if strings.Contains(lines[0], "hunter2") {
					t.Errorf("the value itself is in %q", lines[0])
				}
			})
		}
	}
}

func TestAllFaultsAreNamedAtOnceAndInOrder(t *testing.T) {
	var environment, want, got []string
	for _, one := range new(settings).table() {
		values := badValues[one.name]
		if len(values) == 0 {
			t.Errorf("%s has no bad value in this test", one.name)
			continue
		}
		environment = append(environment, one.name+"="+values[0])
		want = append(want, one.name)
	}
	for _, line := range faults(t, env(environment...)) {
		name, _, _ := strings.Cut(line, ":")
		got = append(got, name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the faults are of %q, want %q", got, want)
	}
}

func TestReleaseDemands(t *testing.T) {
	const goodURL = "PUBLIC_URL=https://app.example.com"
	tests := []struct {
		name string
		env  []string
		want []string
	}{
		{"all is there", []string{goodURL, "JWT_SECRET=" + goodSecret}, nil},
		{"nothing is there", nil, []string{"PUBLIC_URL", "JWT_SECRET"}},
		{"empty values", []string{"PUBLIC_URL=", "JWT_SECRET="}, []string{"PUBLIC_URL", "JWT_SECRET"}},
		{"blank values", []string{"PUBLIC_URL=  ", "JWT_SECRET= \t "}, []string{"PUBLIC_URL", "JWT_SECRET"}},
		{"http", []string{"PUBLIC_URL=http://app.example.com", "JWT_SECRET=" + goodSecret}, []string{"PUBLIC_URL"}},
		{"no secret", []string{goodURL}, []string{"JWT_SECRET"}},
		{"31 bytes of secret", []string{goodURL, "JWT_SECRET=" + goodSecret[:31]}, []string{"JWT_SECRET"}},
		{"32 bytes of secret", []string{goodURL, "JWT_SECRET=" + goodSecret[:32]}, nil},
		{"bad values are named once", []string{"PUBLIC_URL=nonsense", "JWT_SECRET=short"}, []string{"PUBLIC_URL", "JWT_SECRET"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lines := faults(t, env(append(test.env, "GIN_MODE=release")...))
			var got []string
			for _, line := range lines {
				name, _, _ := strings.Cut(line, ":")
				got = append(got, name)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("the faults are %q, want those of %q", lines, test.want)
			}
		})
	}
}

// Whatever the environment holds, what is accepted is as it should be written, and
// what is not is told in one line, without the value: hunter2 is every secret.
// An input is the environment as the system keeps it, its NAME=value pairs apart by NUL.
func FuzzSettings(f *testing.F) {
	for name, values := range badValues {
		for _, value := range values {
			f.Add(name + "=" + value)
		}
	}
	release := []string{"GIN_MODE=release", "PUBLIC_URL=https://app.example.com", "JWT_SECRET=" + goodSecret}
	f.Add(strings.Join(release, "\x00"))
	f.Add(strings.Join(append(release, "WS_TOKEN_SOURCES=query,query", "LOG_FORMAT=text", "ADDR=:0"), "\x00"))
	f.Add("GIN_MODE=release\x00PUBLIC_URL=http://hunter2\x00JWT_SECRET=hunter2\nhunter2")
	f.Add("PUBLIC_URL=https://[2001:DB8:0::0001]:0443/\x00ALLOWED_ORIGINS=http://a:80,https://[::ffff:7f00:1],http://a:99999")
	f.Add("SESSION_TTL=2562047h47m16s\x00SESSION_IDLE_TTL=1.5h\x00ACCESS_TOKEN_TTL=1e3s")
	f.Add("WS_MESSAGE_BYTES=9223372036854775807\x00WS_MESSAGES_PER_SECOND=+7\x00WS_CONNECTIONS=010")
	f.Add("TRUSTED_PROXIES=10.0.0.0/8, fe80::%1/64,::/0")
	f.Fuzz(func(t *testing.T, environment string) {
		s, err := readSettings(env(strings.Split(environment, "\x00")...))
		if err != nil {
			checkFaults(t, err)
			return
		}
		if again, err := readSettings(s.environment()); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("read back, it is %+v (%v) and not %+v", again, err, s)
		}
		options := s.appOptions("http://127.0.0.1:8080", "8080", slog.New(slog.DiscardHandler))
		for _, origin := range append(options.OwnOrigins, options.AllowedOrigins...) {
			checkOrigin(t, origin)
		}
		if len(options.JWTSecret) < 32 || s.release() && !options.HTTPS {
			t.Errorf("this was accepted: %+v", options)
		}
		for _, proxies := range options.TrustedProxies {
			if _, _, err := net.ParseCIDR(proxies); err != nil { // gin reads them by this
				t.Error(err)
			}
		}
		// What the program adds to these, or their double, must not overflow.
		for _, n := range []int{s.messageBytes, s.messagesPerSecond, s.connectionsPerUser, s.connections} {
			if n < 0 || n > math.MaxInt32/2 {
				t.Errorf("this number was accepted: %d", n)
			}
		}
		for _, life := range []time.Duration{s.accessTokenTTL, s.sessionTTL, s.sessionIdleTTL} {
			if life < time.Second || life > math.MaxInt64/2 {
				t.Errorf("this time was accepted: %s", life)
			}
		}
	})
}

// checkFaults holds that each line begins with the name of a setting, of no other line's.
func checkFaults(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[errUsage](err); !ok || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("%T: %v", err, err)
	}
	var names []string
	for _, one := range new(settings).table() {
		names = append(names, one.name)
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		name, fault, _ := strings.Cut(line, ": ")
		i := slices.Index(names, name)
		if i < 0 || fault == "" {
			t.Fatalf("%q names no setting, or one twice", line)
		}
		names = slices.Delete(names, i, i+1)
	}
}

// environment is one that has these settings and no others.
func (s *settings) environment() func(string) string {
	return env(
		"ADDR="+s.addr,
		"PUBLIC_URL="+s.publicURL,
		"ALLOWED_ORIGINS="+strings.Join(s.allowedOrigins, ","),
		"DATABASE_URL="+s.databaseURL,
		"JWT_SECRET="+string(s.jwtSecret),
		"ACCESS_TOKEN_TTL="+s.accessTokenTTL.String(),
		"SESSION_TTL="+s.sessionTTL.String(),
		"SESSION_IDLE_TTL="+s.sessionIdleTTL.String(),
		"WS_TOKEN_SOURCES="+strings.Join(s.tokenSources, ","),
		"WS_MESSAGE_BYTES="+fmt.Sprint(s.messageBytes),
		"WS_MESSAGES_PER_SECOND="+fmt.Sprint(s.messagesPerSecond),
		"WS_CONNECTIONS_PER_USER="+fmt.Sprint(s.connectionsPerUser),
		"WS_CONNECTIONS="+fmt.Sprint(s.connections),
		"TRUSTED_PROXIES="+strings.Join(s.trustedProxies, ","),
		"LOG_FORMAT="+s.logFormat,
		"GIN_MODE="+s.ginMode,
	)
}

// checkOrigin holds that a browser could send it: it has a port only if it must, and
// an address is written in the one way there is (RFC 5952).
func checkOrigin(t *testing.T, value string) {
	t.Helper()
	u, err := url.Parse(value)
	if err != nil || value != u.Scheme+"://"+u.Host || value != strings.ToLower(value) {
		t.Fatalf("%q is no origin (%v)", value, err)
	}
	preset := map[string]uint64{"http": 80, "https": 443}[u.Scheme]
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if u.Port() != "" && (err != nil || port == preset || u.Port() != fmt.Sprint(port)) {
		t.Errorf("a browser does not send %q", value)
	}
	if strings.Contains(u.Host, "[") {
		if ip, err := netip.ParseAddr(u.Hostname()); err != nil || ip.String() != u.Hostname() {
			t.Errorf("a browser does not send %q (%v)", value, err)
		}
	}
}

// What the page shows of the handshakes that the server saw is for learning.
func TestReleaseHasNoDemo(t *testing.T) {
	for _, mode := range []string{"debug", "test", "release"} {
		s, err := readSettings(env("GIN_MODE="+mode, "PUBLIC_URL=https://app.example.com", "JWT_SECRET="+goodSecret))
		if err != nil {
			t.Fatal(err)
		}
		o := s.appOptions("http://127.0.0.1:8080", "8080", slog.New(slog.DiscardHandler))
		if on := o.Demo != nil; on != (mode != "release") {
			t.Errorf("%s: %t", mode, on)
		}
	}
}

func TestEnvExampleHasEverySetting(t *testing.T) {
	content, err := os.ReadFile(".env.example")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	commented := regexp.MustCompile(`^#([A-Z_]+=.*)$`)
	before := ""
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		if found := commented.FindStringSubmatch(line); found != nil {
			got = append(got, before+"\n"+found[1])
		} else if line != "" && !strings.HasPrefix(line, "# ") {
			t.Errorf("this line is neither a comment nor a setting that is commented out: %s", line)
		}
		before = line
	}
	for _, one := range new(settings).table() {
		want = append(want, "# "+one.usage+"\n"+one.name+"="+one.preset)
	}
	if !slices.Equal(got, want) {
		t.Errorf("it has\n%s\n\nand the program\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestHelpPrintsEverySetting(t *testing.T) {
	for _, flag := range []string{"-help", "--help", "-h"} {
		var stdout, stderr bytes.Buffer
		if err := run(t.Context(), []string{flag}, env("GIN_MODE=nonsense"), &stdout, &stderr); err != nil || stderr.Len() > 0 {
			t.Errorf("%s: %v, %s", flag, err, &stderr)
		}
		for _, one := range new(settings).table() {
			if !strings.Contains(stdout.String(), "  "+one.name+"="+one.preset+"\n") || !strings.Contains(stdout.String(), one.usage+"\n") {
				t.Errorf("%s says nothing of %s", flag, one.name)
			}
		}
	}
}

func TestUnknownArgumentIsRefused(t *testing.T) {
	for _, args := range [][]string{{"serve"}, {"-port=80"}, {""}, {"-help", "serve"}} {
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), args, env(), &stdout, &stderr)
		if _, ok := errors.AsType[errUsage](err); !ok || !strings.Contains(err.Error(), "-help") || stdout.Len() > 0 {
			t.Errorf("%q: %v, %s", args, err, &stdout)
		}
	}
}

// ---- The program ----

var buildFolder string

func TestMain(m *testing.M) {
	var err error
	if buildFolder, err = os.MkdirTemp("", "handshake-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(buildFolder)
	os.Exit(code)
}

// build makes the program, for which the environment may say how.
func build(name string, args []string, environment ...string) (path string, err error) {
	path = filepath.Join(buildFolder, name+".exe") // so that Windows runs it, and nobody else minds
	command := exec.Command("go", slices.Concat([]string{"build", "-o", path}, args, []string{"."})...)
	command.Env = append(os.Environ(), environment...)
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return path, nil
}

// executable is the program as this test was built: with or without cgo, and with
// the race detector, if there is one.
var executable = sync.OnceValues(func() (string, error) {
	var args, environment []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch setting.Key {
			case "-race":
				args = append(args, "-race")
			case "CGO_ENABLED":
				environment = append(environment, "CGO_ENABLED="+setting.Value)
			}
		}
	}
	return build("handshake", args, environment...)
})

// program is one that runs.
type program struct {
	t       *testing.T
	command *exec.Cmd
	url     string // http://127.0.0.1:port
	stdout  *bufio.Reader
	stderr  bytes.Buffer // to be read when it has stopped
	sockets []*websocket.Conn
	cookies []string // the values of those it has set
}

// newCommand is the program, not yet started, on any port unless the environment names one.
func newCommand(t *testing.T, path, folder string, environment ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a test that hangs ends
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, path)
	command.Dir = folder
	command.Env = append([]string{"ADDR=127.0.0.1:0"}, environment...)
	return command
}

// start runs the program until it listens.
func start(t *testing.T, folder string, environment ...string) *program {
	t.Helper()
	path, err := executable()
	if err != nil {
		t.Fatal(err)
	}
	return startBuilt(t, path, folder, environment...)
}

func startBuilt(t *testing.T, path, folder string, environment ...string) *program {
	t.Helper()
	p := &program{t: t, command: newCommand(t, path, folder, environment...)}
	p.command.Stderr = &p.stderr
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.command.Wait() }) // the end of the test has killed it
	p.stdout = bufio.NewReader(stdout)
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		_ = p.command.Wait()
		t.Fatalf("it did not start: %s", &p.stderr)
	}
	if !regexp.MustCompile(`^listening on http://127\.0\.0\.1:[1-9][0-9]*\n$`).MatchString(line) {
		t.Fatalf("it says %q", line)
	}
	p.url = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return p
}

// stop asks the program to stop, which it must do well, and returns its log.
func (p *program) stop() string {
	p.t.Helper()
	for _, socket := range p.sockets {
		_ = socket.Close() // it would wait for those that do not answer
	}
	if runtime.GOOS == "windows" {
		p.t.Skip("a program cannot be asked to stop on Windows")
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	return p.wait()
}

func (p *program) wait() string {
	p.t.Helper()
	rest, err := io.ReadAll(p.stdout)
	if err != nil || len(rest) > 0 {
		p.t.Errorf("standard output has more than the one line: %q (%v)", rest, err)
	}
	if err := p.command.Wait(); err != nil {
		p.t.Errorf("it stopped with %v: %s", err, &p.stderr)
	}
	return p.stderr.String()
}

// refusesToStart runs the program, which must not start, and returns what it says.
func refusesToStart(t *testing.T, status int, folder string, environment ...string) string {
	t.Helper()
	path, err := executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	command := newCommand(t, path, folder, environment...)
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != status {
		t.Errorf("it ended with %v, want exit status %d", err, status)
	}
	if stdout.Len() > 0 {
		t.Errorf("on standard output it says %q", &stdout)
	}
	if strings.Contains(stderr.String(), "goroutine") || strings.Contains(stderr.String(), "panic") {
		t.Errorf("it panicked: %s", &stderr)
	}
	return stderr.String()
}

// reply is an answer in JSON.
type reply struct {
	status int
	body   map[string]any
}

// call sends a request on a connection of its own.
func (p *program) call(method, path, token, body string) (reply, error) {
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Close = true
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	for _, cookie := range response.Cookies() {
		if cookie.Value != "" { // an empty one deletes it
			p.cookies = append(p.cookies, cookie.Value)
		}
	}
	r := reply{status: response.StatusCode}
	_ = json.NewDecoder(response.Body).Decode(&r.body) // not all replies have one
	return r, nil
}

// expect is a call that must be answered with this status.
func (p *program) expect(status int, method, path, token, body string) map[string]any {
	p.t.Helper()
	r, err := p.call(method, path, token, body)
	if err != nil || r.status != status {
		p.t.Fatalf("%s %s: %+v (%v), want %d", method, path, r, err, status)
	}
	return r.body
}

// register adds a user, and login returns a token for one.
func (p *program) register(username string) {
	p.t.Helper()
	p.expect(http.StatusCreated, "POST", "/api/register", "", fmt.Sprintf(`{"username":%q,"password":%q}`, username, password))
}

func (p *program) login(username string) (jwt string) {
	p.t.Helper()
	return p.expect(http.StatusOK, "POST", "/api/login", "", fmt.Sprintf(`{"username":%q,"password":%q}`, username, password))["access_token"].(string)
}

func (p *program) ticket(jwt, room string) string {
	p.t.Helper()
	return p.expect(http.StatusCreated, "POST", "/api/tickets", jwt, fmt.Sprintf(`{"room":%q}`, room))["ticket"].(string)
}

// dial tries a handshake. The status is 0 where there was no answer.
func (p *program) dial(path string, header http.Header) (conn *websocket.Conn, status int) {
	p.t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(p.t.Context(), "ws"+strings.TrimPrefix(p.url, "http")+path, header)
	if response != nil {
		status = response.StatusCode
	}
	if err != nil {
		return nil, status
	}
	p.sockets = append(p.sockets, conn)
	p.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	return conn, status
}

// join opens a socket and returns it after its welcome.
func (p *program) join(jwt, room string) *websocket.Conn {
	p.t.Helper()
	conn, status := p.dial("/ws/"+room, bearer(jwt))
	if conn == nil {
		p.t.Fatalf("the handshake was answered with %d", status)
	}
	p.expectWelcome(conn)
	return conn
}

func (p *program) expectWelcome(conn *websocket.Conn) {
	p.t.Helper()
	var first struct{ Type string }
	if err := conn.ReadJSON(&first); err != nil || first.Type != "welcome" {
		p.t.Fatalf("the first frame is %+v (%v)", first, err)
	}
}

func bearer(jwt string) http.Header { return http.Header{"Authorization": {"Bearer " + jwt}} }

// contents reads every file below the folder.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files := os.DirFS(folder)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		found[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Only the port is set, as that of the default may be in use here.
func TestStartsWithNoSetting(t *testing.T) {
	folder := t.TempDir()
	p := start(t, folder)
	p.expect(http.StatusOK, "GET", "/livez", "", "")
	p.expect(http.StatusOK, "GET", "/readyz", "", "")
	p.expect(http.StatusOK, "GET", "/", "", "")
	p.register("alice")
	p.expect(http.StatusOK, "GET", "/api/me", p.login("alice"), "")
	if runtime.GOOS != "windows" {
		for name, want := range map[string]fs.FileMode{"data": fs.ModeDir | 0o700, "data/handshake.db": 0o600} {
			if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode() != want {
				t.Errorf("%s is %v (%v), want mode %v", name, info, err, want)
			}
		}
	}
	log := p.stop()
	if !strings.Contains(log, "JWT_SECRET") {
		t.Errorf("nothing warns that the secret was made up: %s", log)
	}
	if got := slices.Collect(maps.Keys(contents(t, folder))); !slices.Equal(got, []string{"data/handshake.db"}) {
		t.Errorf("it leaves the files %q", got)
	}
}

// Gin itself would panic over GIN_MODE before main runs, and hide the other faults.
func TestFaultsOfSettingsEndWithStatus2(t *testing.T) {
	folder := t.TempDir()
	said := refusesToStart(t, 2, folder, "GIN_MODE=prod", "ADDR=nonsense", "JWT_SECRET=short-secret")
	lines := strings.Split(strings.TrimSpace(said), "\n")
	for i, name := range []string{"ADDR", "JWT_SECRET", "GIN_MODE"} {
		if len(lines) != 3 || !strings.HasPrefix(lines[i], name+": ") {
			t.Fatalf("line %d is not about %s:\n%s", i+1, name, said)
		}
	}
	if strings.Contains(said, "short-secret") {
		t.Errorf("the secret is in %s", said)
	}
	if left := contents(t, folder); len(left) > 0 {
		t.Errorf("it made %v", left)
	}
}

func TestPortInUseNamesTheSetting(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	folder := t.TempDir()
	said := refusesToStart(t, 1, folder, "ADDR="+taken.Addr().String())
	if !strings.HasPrefix(said, "ADDR: ") || !strings.Contains(said, taken.Addr().String()) || strings.Count(said, "\n") != 1 {
		t.Errorf("it says %q", said)
	}
	if left := contents(t, folder); len(left) > 0 {
		t.Errorf("it made %v", left)
	}
}

func TestDatabaseThatCannotBeUsedIsLeftUntouched(t *testing.T) {
	newer := func(ctx context.Context, db *sql.DB) error {
		if err := migrations.Apply(ctx, db); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
		return err
	}
	tests := []struct {
		name    string
		prepare func(path string) error
		url     string
		says    string
	}{
		{"not a database", func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("Dear diary, ", 1000)), 0o600)
		}, "it", "not an SQLite database"},
		{"a newer schema", func(path string) error {
			db, err := models.Open(t.Context(), path, migrations.Check, newer)
			if err != nil {
				return err
			}
			return db.Close()
		}, "it", "newer program"},
		{"a folder", func(path string) error { return os.Mkdir(path, 0o700) }, "it", "is a directory"},
		{"below a file", func(path string) error { return os.WriteFile(path, nil, 0o600) }, "it/test.db", "not a directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			if err := test.prepare(filepath.Join(folder, "it")); err != nil {
				t.Fatal(err)
			}
			before := contents(t, folder)
			said := refusesToStart(t, 1, folder, "DATABASE_URL="+test.url)
			if !strings.HasPrefix(said, "DATABASE_URL: ") || !strings.Contains(said, test.says) || strings.Count(said, "\n") != 1 {
				t.Errorf("it says %q, want %q", said, test.says)
			}
			after := contents(t, folder)
			if !maps.Equal(before, after) {
				t.Errorf("the files were %q, and are %q, or have changed",
					slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
			}
		})
	}
}

func TestPlaceThatCannotBeWrittenNamesTheSetting(t *testing.T) {
	if os.Getuid() <= 0 {
		t.Skip("root can write anywhere, and Windows has no such modes")
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	if said := refusesToStart(t, 1, folder); !strings.HasPrefix(said, "DATABASE_URL: ") || !strings.Contains(said, "permission denied") {
		t.Errorf("it says %q", said)
	}
}

func TestShutdownTellsEverySocket(t *testing.T) {
	p := start(t, t.TempDir())
	var sockets []*websocket.Conn
	for _, username := range []string{"alice", "bob"} {
		p.register(username)
		jwt := p.login(username)
		for i := range 10 {
			sockets = append(sockets, p.join(jwt, fmt.Sprint("room", i%3)))
		}
	}
	mute := sockets[len(sockets)-1] // it does not answer for now, so the shutdown waits for it
	sockets = sockets[:len(sockets)-1]

	if runtime.GOOS == "windows" {
		t.Skip("a program cannot be asked to stop on Windows")
	}
	signalled := time.Now()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var told sync.WaitGroup
	for _, socket := range sockets {
		told.Go(func() { expectShutdown(t, socket) })
	}
	told.Wait()
	if r, err := p.call("GET", "/readyz", "", ""); err == nil && r.status != http.StatusServiceUnavailable {
		t.Errorf("/readyz is answered with %+v", r)
	}
	if conn, status := p.dial("/ws/room1", bearer("whatever")); conn != nil {
		t.Errorf("a handshake is answered with %d", status)
	}
	expectShutdown(t, mute)
	log := p.wait()
	if took := time.Since(signalled); took > 10*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if !strings.Contains(log, "shutting down") {
		t.Errorf("the log says nothing of it: %s", log)
	}
}

// Each limit reaches the part of the program that it is for.
func TestLimitsAreThoseOfTheSettings(t *testing.T) {
	p := start(t, t.TempDir(), "WS_MESSAGE_BYTES=1000", "WS_MESSAGES_PER_SECOND=7", "WS_CONNECTIONS_PER_USER=1", "WS_CONNECTIONS=2")
	for _, username := range []string{"alice", "bob", "carol"} {
		p.register(username)
	}
	alice := p.login("alice")
	socket, _ := p.dial("/ws/lobby", bearer(alice))
	var welcome struct {
		Limits struct {
			MessageBytes      int `json:"message_bytes"`
			MessagesPerSecond int `json:"messages_per_second"`
		}
	}
	if err := socket.ReadJSON(&welcome); err != nil || welcome.Limits.MessageBytes != 1000 || welcome.Limits.MessagesPerSecond != 7 {
		t.Errorf("%+v (%v)", welcome, err)
	}
	if _, status := p.dial("/ws/lobby", bearer(alice)); status != http.StatusTooManyRequests {
		t.Errorf("a user's second connection: %d", status)
	}
	p.join(p.login("bob"), "lobby")
	if _, status := p.dial("/ws/lobby", bearer(p.login("carol"))); status != http.StatusServiceUnavailable {
		t.Errorf("the third connection: %d", status)
	}
}

func TestWhoListensOnEveryAddressIsAtHomeOnLocalhost(t *testing.T) {
	for addr, host := range map[string]string{":80": "localhost", "0.0.0.0:80": "localhost", "[::]:80": "localhost", "127.0.0.1:80": "127.0.0.1", "vm:80": "vm"} {
		if got := displayHost(addr); got != host {
			t.Errorf("%s is shown as %s, want %s", addr, got, host)
		}
	}
}

// A browser writes a host in one way, and does not name the port of http.
func TestListeningAddressIsNamedAsBrowsersDo(t *testing.T) {
	for listening, public := range map[string]string{
		"http://127.0.0.1:80":              "http://127.0.0.1",
		"http://VM:80":                     "http://vm",
		"http://[2001:db8:0:0:0:0:0:1]:80": "http://[2001:db8::1]",
		"http://[fe80::1%eth0]:80":         "http://[fe80::1%eth0]:80", // no browser takes a zone
	} {
		o := new(settings).appOptions(listening, "80", slog.New(slog.DiscardHandler))
		if want := []string{public, "http://localhost", "http://127.0.0.1", "http://[::1]"}; o.PublicURL != public || !slices.Equal(o.OwnOrigins, want) {
			t.Errorf("%s: it is %s, and its origins are %q", listening, o.PublicURL, o.OwnOrigins)
		}
	}
}

// Here run is called as main calls it, as a test sees the goroutines of no other process.
// Some sockets answer the close frame, and some do not.
func TestShutdownLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stdout, itSays := io.Pipe()
	var log bytes.Buffer
	ended := make(chan error, 1)
	settings := env("ADDR=127.0.0.1:0", "DATABASE_URL="+filepath.Join(t.TempDir(), "test.db"), "WS_CONNECTIONS_PER_USER=100")
	go func() {
		ended <- run(ctx, nil, settings, itSays, &log)
		_ = itSays.Close()
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(<-ended)
	}
	p := &program{t: t, url: strings.TrimSpace(strings.TrimPrefix(line, "listening on "))}
	p.register("alice")
	jwt := p.login("alice")
	for i := range 100 {
		if socket := p.join(jwt, "lobby"); i%10 > 0 {
			go expectShutdown(t, socket)
		}
	}

	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v: %s", err, &log)
	}
	for _, socket := range p.sockets {
		_ = socket.Close()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := goleak.Find(before); err != nil {
		t.Errorf("goroutines are left: %v", err)
	}
}

// expectShutdown reads to the end of the connection, which must be 1001.
func expectShutdown(t *testing.T, socket *websocket.Conn) {
	t.Helper()
	for {
		_, _, err := socket.ReadMessage()
		if err == nil {
			continue // what was said before
		}
		if end, ok := errors.AsType[*websocket.CloseError](err); !ok || end.Code != 1001 || end.Text != "shutting down" {
			t.Errorf("the socket ended with %v", err)
		}
		return
	}
}

func TestInterruptStopsToo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a program cannot be interrupted by another on Windows")
	}
	p := start(t, t.TempDir())
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.wait()
}

// The tokens name the public address, so it is given: the port is another each time.
func TestKeptSecretKeepsLoginsOverARestart(t *testing.T) {
	folder := t.TempDir()
	same := []string{"PUBLIC_URL=http://handshake.test", "JWT_SECRET=" + goodSecret}
	p := start(t, folder, same...)
	p.register("alice")
	jwt := p.login("alice")
	p.stop()

	p = start(t, folder, same...)
	p.expect(http.StatusOK, "GET", "/api/me", jwt, "")
	p.join(jwt, "lobby")
	p.stop()

	for name, another := range map[string][]string{
		"another secret": {same[0], "JWT_SECRET=another-" + goodSecret},
		"no secret":      {same[0]},
	} {
		p = start(t, folder, another...)
		if told := p.expect(http.StatusUnauthorized, "GET", "/api/me", jwt, ""); told["code"] != "invalid_token" {
			t.Errorf("%s: %v", name, told)
		}
		p.login("alice") // the user is still there
		p.stop()
	}
}

// The program is the same with cgo and without, and so is its file.
func TestBothDriversShareAFile(t *testing.T) {
	if os.Getenv("CI") != "true" {
		t.Skip("this compiles SQLite once more, which takes minutes: CI=true go test . does it")
	}
	cgo, err := build("handshake-cgo", nil, "CGO_ENABLED=1")
	needTool(t, err, "a C compiler, such as Debian's package gcc")
	pure, err := build("handshake-pure-go", nil, "CGO_ENABLED=0")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	same := []string{"PUBLIC_URL=http://handshake.test", "JWT_SECRET=" + goodSecret}
	var jwts, tickets []string
	for i, path := range []string{cgo, pure, cgo, pure} {
		p := startBuilt(t, path, folder, same...)
		if i == 0 {
			p.register("alice")
		} else {
			p.expect(http.StatusConflict, "POST", "/api/register", "", `{"username":"ALICE","password":"whatever it is"}`)
		}
		for _, jwt := range jwts {
			p.expect(http.StatusOK, "GET", "/api/me", jwt, "")
		}
		for _, ticket := range tickets {
			conn, status := p.dial("/ws/lobby?ticket="+ticket, nil)
			if conn == nil {
				t.Fatalf("the ticket of the other is answered with %d", status)
			}
			p.expectWelcome(conn)
		}
		jwt := p.login("alice")
		jwts, tickets = append(jwts, jwt), []string{p.ticket(jwt, "lobby")}
		p.stop()
	}
}

func TestNoSecretReachesTheLog(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			const wrong, closed = "wrong horse battery", "ticket-for-nothing-AAAAAAAAAAAA"
			p := start(t, t.TempDir(), "LOG_FORMAT="+format, "JWT_SECRET="+goodSecret)
			p.register("alice")
			jwt := p.login("alice")
			ticket := p.ticket(jwt, "lobby")
			forged := jwt[:len(jwt)-20] + "AAAAAAAAAAAAAAAAAAAA"

			letIn := func(path string, header http.Header) {
				t.Helper()
				conn, status := p.dial(path, header)
				if conn == nil {
					t.Fatalf("%s: the handshake is answered with %d", path, status)
				}
				p.expectWelcome(conn)
			}
			protocol := func(jwt string) http.Header {
				return http.Header{"Sec-Websocket-Protocol": {"handshake.v1, bearer." + jwt}}
			}
			letIn("/ws/lobby", bearer(jwt))
			letIn("/ws/lobby", protocol(jwt))
			letIn("/ws/lobby?ticket="+ticket, nil)
			letIn("/ws/lobby?access_token="+jwt, nil)

			foreign := bearer(jwt)
			foreign.Set("Origin", "https://evil.example")
			for _, attempt := range []struct {
				path   string
				header http.Header
			}{
				{"/ws/lobby", bearer(forged)},
				{"/ws/lobby", bearer(forged + "=!")},
				{"/ws/lobby", http.Header{"Authorization": {"Basic " + jwt}}},
				{"/ws/lobby", http.Header{"Authorization": {"Bearer " + jwt, "Bearer " + forged}}},
				{"/ws/lobby", protocol(forged)},
				{"/ws/lobby", http.Header{"Sec-Websocket-Protocol": {"bearer." + jwt}}},
				{"/ws/lobby?ticket=" + ticket, nil}, // spent
				{"/ws/lobby?ticket=" + closed, nil},
				{"/ws/lobby?access_token=" + forged, nil},
				{"/ws/lobby?token=" + jwt, nil},
				{"/ws/lobby?access_token=" + jwt + "&access_token=" + jwt, nil},
				{"/ws/lobby?access_token=" + jwt + "&%zz", nil},
				{"/ws/lobby/?access_token=" + jwt, nil},
				{"/ws/no%20room?access_token=" + jwt, nil},
				{"/nowhere?access_token=" + jwt, nil},
				{"/?access_token=" + jwt, nil},
				{"/ws/lobby?access_token=" + jwt, foreign},
			} {
				if conn, _ := p.dial(attempt.path, attempt.header); conn != nil {
					t.Errorf("%s is let in", attempt.path)
				}
			}
			p.expect(http.StatusUnauthorized, "POST", "/api/login", "", `{"username":"alice","password":"`+wrong+`"}`)
			p.expect(http.StatusBadRequest, "POST", "/api/login", "", `{"username":"alice","password":"`+wrong+`",}`)
			p.expect(http.StatusBadRequest, "POST", "/api/register", "", `{"username":"`+wrong+`","password":"`+wrong+`"}`)
			p.expect(http.StatusUnauthorized, "GET", "/api/me", forged, "")
			p.expect(http.StatusNoContent, "POST", "/api/logout", jwt, "")
			p.expect(http.StatusUnauthorized, "GET", "/api/me", jwt, "")
			log := p.stop()

			signature := func(jwt string) string { return jwt[strings.LastIndex(jwt, ".")+1:] }
			secrets := map[string]string{
				"the secret": goodSecret, "the password": password, "a wrong password": wrong,
				"the token": jwt, "the token's signature": signature(jwt),
				"a forged token": forged, "a forged signature": signature(forged),
				"the ticket": ticket, "a wrong ticket": closed,
			}
			for i, cookie := range p.cookies {
				secrets[fmt.Sprint("the value of cookie ", i)] = cookie
			}
			for name, secret := range secrets {
				if strings.Contains(log, secret) || strings.Contains(log, url.QueryEscape(secret)) {
					t.Errorf("%s is in the log:\n%s", name, log)
				}
			}
			if n := strings.Count(log, "/ws/:room"); n < 15 {
				t.Errorf("the log has only %d lines of handshakes, so the search shows nothing:\n%s", n, log)
			}
		})
	}
}

// needTool skips a test on a machine that lacks what it needs. In CI that is a
// failure, as .ci/run installs all of it.
func needTool(t *testing.T, err error, install string) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("this needs %s: %v", install, err)
	default:
		t.Skipf("this needs %s: %v", install, err)
	}
}

// ---- Rules for all of the code ----

// module is this module's path, which a fork changes.
var module = func() string {
	info, _ := debug.ReadBuildInfo()
	return info.Main.Path
}()

// sources are the files of each package, tests apart.
func sources(t *testing.T) map[string][]*ast.File {
	t.Helper()
	found := map[string][]*ast.File{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), "."), entry.Name() == "node_modules":
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(content), "\n//go:build ignore\n") { // saved from the README
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, content, parser.SkipObjectResolution)
		name := filepath.ToSlash(filepath.Dir(path))
		found[name] = append(found[name], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// imports are what a file imports.
func imports(file *ast.File) (paths []string) {
	for _, spec := range file.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, `"`))
	}
	return paths
}

// TestImports holds that imports go down only.
func TestImports(t *testing.T) {
	allowed := map[string][]string{
		".":                  {"handlers", "handlers/hub", "middleware", "middleware/ginmode", "models", "migrations"},
		"handlers":           {"handlers/hub", "middleware", "models", "web"},
		"handlers/hub":       {},
		"middleware":         {"models"},
		"middleware/ginmode": {},
		"migrations":         {},
		"models":             {},
		"web":                {},
	}
	// Who knows these, and their kin, is told in each package's comment.
	reserved := map[string][]string{
		"github.com/gin-gonic/":     {"handlers", "middleware"},
		"github.com/appleboy/":      {"middleware"},
		"github.com/golang-jwt/":    {"middleware"},
		"github.com/gorilla/":       {"handlers", "handlers/hub"},
		"gorm.io/":                  {"models"},
		"github.com/pressly/goose/": {"migrations"},
	}
	if module == "" {
		t.Fatal("the path of this module is not known")
	}
	for name, files := range sources(t) {
		may, known := allowed[name]
		if !known {
			t.Errorf("%s is a package that this test does not know", name)
		}
		for _, file := range files {
			for _, path := range imports(file) {
				if own, ok := strings.CutPrefix(path, module+"/"); ok && !slices.Contains(may, own) {
					t.Errorf("%s imports %s", name, own)
				}
				for prefix, by := range reserved {
					if strings.HasPrefix(path, prefix) && !slices.Contains(by, name) {
						t.Errorf("%s imports %s", name, path)
					}
				}
			}
		}
	}
}

// TestEnvironmentIsReadInOnePlace holds that no setting can be hidden: main is given ginmode.Getenv.
func TestEnvironmentIsReadInOnePlace(t *testing.T) {
	for name, files := range sources(t) {
		if name == "middleware/ginmode" {
			continue
		}
		for _, file := range files {
			ast.Inspect(file, func(node ast.Node) bool {
				if call, ok := node.(*ast.SelectorExpr); ok {
					if of, ok := call.X.(*ast.Ident); ok && of.Name == "os" &&
						slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, call.Sel.Name) {
						t.Errorf("%s reads the environment: os.%s", name, call.Sel.Name)
					}
				}
				return true
			})
		}
	}
}
