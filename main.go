// Handshake is a web application that people log in to with a browser and then
// stay connected to. This file reads the settings, and starts and stops what the
// other packages hold. Read it, then handlers/routes.go, which is the map.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
	"example.com/handshake/middleware"
	"example.com/handshake/middleware/ginmode"
	"example.com/handshake/migrations"
	"example.com/handshake/models"
)

// stopWithin is how long the program takes to stop, at most. Process managers
// commonly kill what takes longer than 10 s.
const stopWithin = 9 * time.Second

// errUsage is what the operator must mend. Its text has one line for each fault.
type errUsage string

func (e errUsage) Error() string { return string(e) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	err := run(ctx, os.Args[1:], ginmode.Getenv, os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	if _, ok := errors.AsType[errUsage](err); ok {
		os.Exit(2)
	}
	os.Exit(1)
}

// run is the whole program: it returns when ctx has ended and everything is shut
// down, or with the reason why it could not start or go on.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		return usage(args, stdout)
	}
	s, err := readSettings(getenv)
	if err != nil {
		return err
	}
	log := slog.New(s.logLines(stderr))

	// The port is taken before anything is made: with port 0, the public address depends on it.
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	defer func() { _ = listener.Close() }()
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	listening := "http://" + net.JoinHostPort(displayHost(s.addr), port)

	db, err := models.Open(ctx, s.databaseURL, migrations.Check, migrations.Apply)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	defer func() { _ = db.Close() }()

	rooms := hub.New(hub.Options{
		MessageBytes:       int64(s.messageBytes),
		MessagesPerSecond:  s.messagesPerSecond,
		ConnectionsPerUser: s.connectionsPerUser,
		Connections:        s.connections,
		Subprotocol:        middleware.Subprotocol,
		Now:                time.Now,
		Log:                log,
	})
	app, err := handlers.New(db, rooms, s.appOptions(listening, port, log))
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "listening on", listening)
	return serve(ctx, listener, app, rooms, log)
}

// serve answers until ctx ends. Then, in this order: the app says that it is not
// ready, the sockets are told and closed, and the requests under way are finished.
func serve(ctx context.Context, listener net.Listener, app *handlers.App, rooms *hub.Hub, log *slog.Logger) error {
	server := &http.Server{
		Handler:           app,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	ctx, endChores := context.WithCancel(ctx)
	var chores sync.WaitGroup
	defer chores.Wait()
	defer endChores()
	chores.Go(func() { every(ctx, time.Second/2, func(context.Context) error { app.Tick(); return nil }, log) })
	chores.Go(func() { every(ctx, time.Second/2, app.CheckSessions, log) })
	chores.Go(func() { every(ctx, time.Minute, app.Sweep, log) })

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down")
	deadline, done := context.WithTimeout(context.Background(), stopWithin)
	defer done()
	app.Drain()
	rooms.Shutdown(deadline)
	if err := server.Shutdown(deadline); err != nil {
		log.Warn("requests were cut off", "error", err)
		return server.Close()
	}
	return nil
}

// every does a chore at intervals until ctx ends.
func every(ctx context.Context, interval time.Duration, chore func(context.Context) error, log *slog.Logger) {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			if err := chore(ctx); err != nil && ctx.Err() == nil {
				log.Error("a chore failed", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// settings are those of the environment. Nothing else in the program reads it.
type settings struct {
	addr               string
	publicURL          string // an origin; empty: the listening address
	allowedOrigins     []string
	databaseURL        string
	jwtSecret          []byte
	accessTokenTTL     time.Duration
	sessionTTL         time.Duration
	sessionIdleTTL     time.Duration
	tokenSources       []string
	messageBytes       int
	messagesPerSecond  int
	connectionsPerUser int
	connections        int
	trustedProxies     []string
	logFormat          string
	ginMode            string
}

type setting struct {
	name   string
	preset string // what an unset or empty one means; empty: it is decided later
	usage  string
	set    func(value string) error
}

// table has every setting. -help prints it, and .env.example repeats it.
func (s *settings) table() []setting {
	return []setting{
		{"ADDR", "127.0.0.1:8080", "where to listen; port 0 picks one", into(&s.addr, address)},
		{"PUBLIC_URL", "", "the app's address as browsers see it; unset: the listening address; required, and https, in release", into(&s.publicURL, origin)},
		{"ALLOWED_ORIGINS", "", "more origins whose pages may open sockets, comma-separated", into(&s.allowedOrigins, listOf(origin))},
		{"DATABASE_URL", "data/handshake.db", "an SQLite file, made where there is none", into(&s.databaseURL, sqliteFile)},
		{"JWT_SECRET", "", "signs the tokens, at least 32 bytes; unset: made at each start; required in release", into(&s.jwtSecret, secret)},
		{"ACCESS_TOKEN_TTL", "15m", "how long a token lives", into(&s.accessTokenTTL, duration)},
		{"SESSION_TTL", "720h", "how long a login lives, however much it is used", into(&s.sessionTTL, duration)},
		{"SESSION_IDLE_TTL", "168h", "how long a login lives that is not used", into(&s.sessionIdleTTL, duration)},
		{"WS_TOKEN_SOURCES", "", "how a handshake may bring its credential; unset: " + strings.Join(middleware.Sources, ",") + ", in release without query", into(&s.tokenSources, listOf(oneOf(middleware.Sources...)))},
		{"WS_MESSAGE_BYTES", "65536", "the largest message a client may send, in bytes", into(&s.messageBytes, atLeast(1))},
		{"WS_MESSAGES_PER_SECOND", "20", "for one connection, with a burst of twice that; 0: no limit", into(&s.messagesPerSecond, atLeast(0))},
		{"WS_CONNECTIONS_PER_USER", "32", "sockets that one user may have open", into(&s.connectionsPerUser, atLeast(1))},
		{"WS_CONNECTIONS", "10000", "sockets that may be open in all", into(&s.connections, atLeast(1))},
		{"TRUSTED_PROXIES", "", "CIDRs whose X-Forwarded-For is believed, comma-separated; unset: none", into(&s.trustedProxies, listOf(cidr))},
		{"LOG_FORMAT", "", "text or json; unset: text, in release json", into(&s.logFormat, oneOf("text", "json"))},
		{"GIN_MODE", "debug", "debug, test or release; release is for production", into(&s.ginMode, oneOf("debug", "test", "release"))},
	}
}

func usage(args []string, stdout io.Writer) error {
	if len(args) > 1 || !slices.Contains([]string{"-help", "--help", "-h"}, args[0]) {
		return errUsage("this program takes no arguments but -help, and its settings from the environment")
	}
	fmt.Fprint(stdout, "Settings, from the environment:\n\n")
	for _, one := range new(settings).table() {
		fmt.Fprintf(stdout, "  %s=%s\n        %s\n", one.name, one.preset, one.usage)
	}
	return nil
}

// readSettings lists every fault at once, so that an operator mends them in one go.
func readSettings(getenv func(string) string) (*settings, error) {
	s := &settings{}
	var faults []string
	for _, one := range s.table() {
		value := strings.TrimSpace(getenv(one.name))
		if value == "" {
			value = one.preset
		}
		if value == "" {
			continue
		}
		if err := one.set(value); err != nil {
			faults = append(faults, one.name+": "+err.Error())
		}
	}
	if s.release() {
		faults = append(faults, s.releaseFaults(getenv)...)
	}
	if len(faults) > 0 {
		return nil, errUsage(strings.Join(faults, "\n"))
	}
	if s.logFormat == "" {
		s.logFormat = map[bool]string{true: "json", false: "text"}[s.release()]
	}
	if s.tokenSources == nil {
		s.tokenSources = slices.Clone(middleware.Sources)
		if s.release() {
			s.tokenSources = slices.DeleteFunc(s.tokenSources, func(source string) bool { return source == "query" })
		}
	}
	return s, nil
}

func (s *settings) release() bool { return s.ginMode == "release" }

// releaseFaults are what is forgiven on a developer's machine and nowhere else.
func (s *settings) releaseFaults(getenv func(string) string) (faults []string) {
	switch {
	case strings.TrimSpace(getenv("PUBLIC_URL")) == "":
		faults = append(faults, "PUBLIC_URL: required with GIN_MODE=release, for example https://app.example.com")
	case s.publicURL != "" && !strings.HasPrefix(s.publicURL, "https://"):
		faults = append(faults, "PUBLIC_URL: must be https with GIN_MODE=release, as tokens travel over it")
	}
	if strings.TrimSpace(getenv("JWT_SECRET")) == "" {
		faults = append(faults, "JWT_SECRET: required with GIN_MODE=release, for example from: openssl rand -base64 32")
	}
	return faults
}

// appOptions turns the settings into what the app is told.
func (s *settings) appOptions(listening, port string, log *slog.Logger) handlers.Options {
	public := s.publicURL
	if public == "" {
		public = asOrigin(listening)
	}
	own := []string{public}
	if !s.release() {
		for _, loopback := range []string{"localhost", "127.0.0.1", "[::1]"} {
			own = append(own, asOrigin("http://"+loopback+":"+port))
		}
	}
	key := s.jwtSecret
	if key == nil {
		log.Warn("JWT_SECRET is not set, so one was made: every access token ends when the program does")
		key = make([]byte, middleware.MinSecretBytes)
		_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	}
	o := handlers.Options{
		PublicURL:      public,
		OwnOrigins:     own,
		AllowedOrigins: s.allowedOrigins,
		JWTSecret:      key,
		AccessTokenTTL: s.accessTokenTTL,
		SessionTTL:     s.sessionTTL,
		SessionIdleTTL: s.sessionIdleTTL,
		TokenSources:   s.tokenSources,
		TrustedProxies: s.trustedProxies,
		HTTPS:          strings.HasPrefix(public, "https://"),
		Now:            time.Now,
		Log:            log,
	}
	if !s.release() {
		o.Demo = s.logLines
	}
	return o
}

// asOrigin returns an address that this program listens on as a browser would name it.
func asOrigin(address string) string {
	if named, err := origin(address); err == nil {
		return named
	}
	return address
}

// logLines returns what writes the log, a line at a time.
func (s *settings) logLines(w io.Writer) slog.Handler {
	if s.logFormat == "json" {
		return slog.NewJSONHandler(w, nil)
	}
	return slog.NewTextHandler(w, nil)
}

// displayHost is the host to show a person: one who listens on every address is at home on localhost.
func displayHost(addr string) string {
	host, _, _ := net.SplitHostPort(addr)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return "localhost"
	}
	return host
}

// The rest reads one value each. An error says what a good value is, and of this one its length at most.

func into[T any](field *T, parse func(string) (T, error)) func(string) error {
	return func(value string) (err error) {
		*field, err = parse(value)
		return err
	}
}

func address(value string) (string, error) {
	_, port, err := net.SplitHostPort(value)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return "", errors.New("must be host:port, for example 127.0.0.1:8080")
	}
	return value, nil
}

// originPattern is an origin as browsers write it. A name in other letters has a form in these, xn--….
var originPattern = regexp.MustCompile(`^(https?)://(?:([a-z0-9.-]+)|\[([0-9a-f:]+)\])(?::([0-9]+))?/?$`)

// origin returns it as a browser sends it: no path, no port that goes without saying, and
// an IPv6 address in its one short form (RFC 5952).
func origin(value string) (string, error) {
	bad := errors.New("must be scheme, host and port alone, for example https://app.example.com")
	parts := originPattern.FindStringSubmatch(strings.ToLower(value))
	if parts == nil {
		return "", bad
	}
	scheme, host := parts[1], parts[2]
	if host == "" {
		ip, err := netip.ParseAddr(parts[3])
		if err != nil || ip.Is4In6() {
			return "", bad
		}
		host = "[" + ip.String() + "]"
	}
	if parts[4] == "" {
		return scheme + "://" + host, nil
	}
	port, err := strconv.ParseUint(parts[4], 10, 16)
	switch {
	case err != nil || port == 0:
		return "", bad
	case scheme == "http" && port == 80, scheme == "https" && port == 443:
		return scheme + "://" + host, nil
	default:
		return fmt.Sprintf("%s://%s:%d", scheme, host, port), nil
	}
}

func sqliteFile(value string) (string, error) {
	if strings.Contains(value, "://") || strings.HasPrefix(value, "file:") || strings.Contains(value, ":memory:") {
		return "", errors.New("must be the path of an SQLite file, for example data/handshake.db")
	}
	return value, nil
}

func secret(value string) ([]byte, error) {
	if len(value) < middleware.MinSecretBytes {
		return nil, fmt.Errorf("must have at least %d bytes, and this has %d", middleware.MinSecretBytes, len(value))
	}
	return []byte(value), nil
}

func duration(value string) (time.Duration, error) {
	const tenYears = 87600 * time.Hour // so that what is added to it does not overflow
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Second || d > tenYears {
		return 0, errors.New("must be a time from 1s to 87600h, for example 15m or 720h")
	}
	return d, nil
}

func cidr(value string) (string, error) {
	if _, err := netip.ParsePrefix(value); err != nil {
		return "", errors.New("must be CIDRs, for example 10.0.0.0/8")
	}
	return value, nil
}

func atLeast(least int) func(string) (int, error) {
	return func(value string) (int, error) {
		const most = 1_000_000_000 // so that what is added to it, or its double, does not overflow
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return n, nil
	}
}

func oneOf(choices ...string) func(string) (string, error) {
	return func(value string) (string, error) {
		if !slices.Contains(choices, value) {
			return "", errors.New("must be one of " + strings.Join(choices, ", "))
		}
		return value, nil
	}
}

// listOf reads what is between commas.
func listOf(parse func(string) (string, error)) func(string) ([]string, error) {
	return func(value string) (list []string, err error) {
		for part := range strings.SplitSeq(value, ",") {
			parsed, err := parse(strings.TrimSpace(part))
			if err != nil {
				return nil, err
			}
			list = append(list, parsed)
		}
		return list, nil
	}
}
