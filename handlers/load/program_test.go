package load_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const password = "correct horse battery"

// buildFolder is where the program is, once a test has needed it.
var buildFolder string

func TestMain(m *testing.M) {
	if os.Getenv("HANDSHAKE_BARE") != "" {
		serveBare()
	}
	code := m.Run()
	_ = os.RemoveAll(buildFolder)
	os.Exit(code)
}

// built is how this test was built: the value of -race or CGO_ENABLED.
func built(key string) string {
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == key {
			return setting.Value
		}
	}
	return ""
}

// program is the app, built as this test was. It is built once.
var program = sync.OnceValues(func() (path string, err error) {
	if buildFolder, err = os.MkdirTemp("", "handshake-load-"); err != nil {
		return "", err
	}
	path = filepath.Join(buildFolder, "handshake.exe") // so that Windows runs it, and nobody else minds
	command := exec.Command("go", "build", "-race="+cmp.Or(built("-race"), "false"), "-o", path, "../..")
	command.Env = append(os.Environ(), "CGO_ENABLED="+built("CGO_ENABLED"))
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// server is one of the two, running.
type server struct {
	tb      testing.TB
	address string // host:port
	process *os.Process
	command *exec.Cmd
	tokens  []string // of its users; the bare one has none
}

// startApp starts the app to be measured, with so many users logged in.
func startApp(tb testing.TB, users int) *server {
	tb.Helper()
	s := startAppIn(tb, tb.TempDir())
	for i := range users {
		s.tokens = append(s.tokens, s.login("user"+strconv.Itoa(i)))
	}
	return s
}

// startAppIn starts it in a folder, where it finds its users again.
func startAppIn(tb testing.TB, folder string) *server {
	tb.Helper()
	path, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	return start(tb, path, "GIN_MODE=release", "WS_TOKEN_SOURCES=header,subprotocol,ticket,query",
		"ADDR=127.0.0.1:0", "PUBLIC_URL=https://handshake.test", "JWT_SECRET="+secret,
		"DATABASE_URL="+filepath.Join(folder, "load.db"),
		"WS_CONNECTIONS_PER_USER=20000", "WS_CONNECTIONS=20000", "WS_MESSAGES_PER_SECOND=0")
}

func startBare(tb testing.TB) *server {
	tb.Helper()
	path, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return start(tb, path, "HANDSHAKE_BARE=1")
}

// start runs a program on the first core, and this one on the second.
func start(tb testing.TB, path string, env ...string) *server {
	tb.Helper()
	command := exec.Command(path)
	if taskset, err := exec.LookPath("taskset"); err == nil {
		_ = exec.Command(taskset, "-acp", "1", strconv.Itoa(os.Getpid())).Run()
		command = exec.Command(taskset, "-c", "0", path)
	}
	command.Env = append(os.Environ(), env...)
	return launch(tb, command)
}

// launch runs a program until it listens. The end of the test kills it.
func launch(tb testing.TB, command *exec.Cmd) *server {
	tb.Helper()
	stdout, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	s := &server{tb: tb, process: command.Process, command: command}
	tb.Cleanup(s.kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	_, s.address, _ = strings.Cut(strings.TrimSpace(line), "http://")
	return s
}

// kill ends the program at once, wherever it is: on Unix this is kill -9.
func (s *server) kill() {
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) into(tb testing.TB, v any) {
	tb.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		tb.Fatalf("%v in %s", err, r.body)
	}
}

// try sends a request, which may fail. A cookie goes along unless it is empty.
func (s *server) try(method, path, token, cookie string, in any) (r reply, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // a test that hangs ends
	defer cancel()
	body, _ := json.Marshal(in)
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, bytes.NewReader(body))
	if err != nil {
		return r, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return r, err
	}
	defer func() { _ = response.Body.Close() }()
	r.status, r.header = response.StatusCode, response.Header
	r.body, err = io.ReadAll(response.Body)
	return r, err
}

// call posts something that must be answered, and returns the status.
func (s *server) call(path, token string, in map[string]string, out any) int {
	s.tb.Helper()
	r, err := s.try(http.MethodPost, path, token, "", in)
	if err != nil {
		s.tb.Fatal(err)
	}
	if out != nil {
		r.into(s.tb, out)
	}
	return r.status
}

func (s *server) login(username string) (token string) {
	s.tb.Helper()
	in := map[string]string{"username": username, "password": password}
	s.call("/api/register", "", in, nil)
	var out struct {
		AccessToken string `json:"access_token"`
	}
	if status := s.call("/api/login", "", in, &out); status != http.StatusOK {
		s.tb.Fatalf("login: %d", status)
	}
	return out.AccessToken
}

// handshake is the bytes of an opening handshake.
func (s *server) handshake(query, header string) []byte {
	return []byte("GET /ws/lobby" + query + " HTTP/1.1\r\nHost: " + s.address + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + header + "\r\n")
}

// open sends the handshake, which must succeed, and reads to the end of the first frame.
func (s *server) open(handshake []byte) *peer {
	s.tb.Helper()
	p, status, err := s.dial(handshake)
	if p == nil {
		s.tb.Fatalf("%s %v", status, err)
	}
	return p
}

// dial sends the handshake, and reads to the end of the first frame. Where it is
// refused, there is no peer, but a status line if there was an answer.
func (s *server) dial(handshake []byte) (p *peer, status string, err error) {
	return s.dialFor(time.Minute, handshake)
}

func (s *server) dialFor(wait time.Duration, handshake []byte) (p *peer, status string, err error) {
	conn, err := net.DialTimeout("tcp", s.address, wait)
	if err != nil {
		return nil, "", err
	}
	_ = conn.SetDeadline(time.Now().Add(wait))
	p = &peer{conn: conn, in: bufio.NewReaderSize(conn, 4096)}
	if status, err = p.shake(handshake); err != nil {
		_ = conn.Close()
		return nil, status, err
	}
	_ = conn.SetDeadline(time.Time{})
	return p, status, nil
}

var errRefused = errors.New("the handshake is refused")

func (p *peer) shake(handshake []byte) (status string, err error) {
	if _, err := p.conn.Write(handshake); err != nil {
		return "", err
	}
	if status, err = p.in.ReadString('\n'); err != nil {
		return status, err
	}
	if !strings.Contains(status, " 101 ") {
		return status, errRefused
	}
	for line := ""; line != "\r\n"; {
		if line, err = p.in.ReadString('\n'); err != nil {
			return status, err
		}
	}
	_, err = p.frame()
	return status, err
}

// peer is a client's end of a connection, as lean as can be: the server is what is measured.
type peer struct {
	conn net.Conn
	in   *bufio.Reader
}

// frame returns the next frame's payload, which is good until the next call.
func (p *peer) frame() ([]byte, error) {
	header, err := p.in.Peek(2)
	if err != nil {
		return nil, err
	}
	length, skip := int(header[1]), 2
	if length == 126 {
		if header, err = p.in.Peek(4); err != nil {
			return nil, err
		}
		length, skip = int(header[2])<<8|int(header[3]), 4
	}
	_, _ = p.in.Discard(skip)
	if length > p.in.Size() {
		_, err = p.in.Discard(length)
		return nil, err
	}
	payload, err := p.in.Peek(length)
	if err == nil {
		_, err = p.in.Discard(length)
	}
	return payload, err
}

// say sends a text frame with a mask of zeros.
func (p *peer) say(text string) {
	frame := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	_, _ = p.conn.Write(frame)
}
