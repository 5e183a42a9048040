package load_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const password = "correct horse battery"

func TestMain(m *testing.M) {
	if os.Getenv("HANDSHAKE_BARE") != "" {
		serveBare()
	}
	os.Exit(m.Run())
}

// server is one of the two, running.
type server struct {
	tb      testing.TB
	address string // host:port
	process *os.Process
	tokens  []string // of its users; the bare one has none
}

func startApp(tb testing.TB, users int) *server {
	tb.Helper()
	program := filepath.Join(tb.TempDir(), "handshake")
	if out, err := exec.Command("go", "build", "-o", program, "example.com/handshake").CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	s := start(tb, program,
		"ADDR=127.0.0.1:0", "DATABASE_URL="+filepath.Join(tb.TempDir(), "load.db"),
		"WS_CONNECTIONS_PER_USER=20000", "WS_CONNECTIONS=20000", "WS_MESSAGES_PER_SECOND=0")
	for i := range users {
		s.tokens = append(s.tokens, s.login("user"+strconv.Itoa(i)))
	}
	return s
}

func startBare(tb testing.TB) *server {
	tb.Helper()
	program, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return start(tb, program, "HANDSHAKE_BARE=1")
}

// start runs a program on the first core, and this one on the second.
func start(tb testing.TB, program string, env ...string) *server {
	tb.Helper()
	command := exec.Command(program)
	if taskset, err := exec.LookPath("taskset"); err == nil {
		_ = exec.Command(taskset, "-acp", "1", strconv.Itoa(os.Getpid())).Run()
		command = exec.Command(taskset, "-c", "0", program)
	}
	command.Env = append(os.Environ(), env...)
	stdout, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	_, address, _ := strings.Cut(strings.TrimSpace(line), "http://")
	return &server{tb: tb, address: address, process: command.Process}
}

func (s *server) call(path, token string, in map[string]string, out any) int {
	s.tb.Helper()
	body, _ := json.Marshal(in)
	request, err := http.NewRequest(http.MethodPost, "http://"+s.address+path, bytes.NewReader(body))
	if err != nil {
		s.tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	text, _ := io.ReadAll(reply.Body)
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			s.tb.Fatalf("%v in %s", err, text)
		}
	}
	return reply.StatusCode
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

// open sends the handshake and reads to the end of the first frame.
func (s *server) open(handshake []byte) *peer {
	s.tb.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.tb.Fatal(err)
	}
	if _, err := conn.Write(handshake); err != nil {
		s.tb.Fatal(err)
	}
	p := &peer{conn: conn, in: bufio.NewReaderSize(conn, 4096)}
	status, err := p.in.ReadString('\n')
	if err != nil || !strings.Contains(status, " 101 ") {
		s.tb.Fatalf("%s %v", status, err)
	}
	for line := ""; line != "\r\n"; {
		if line, err = p.in.ReadString('\n'); err != nil {
			s.tb.Fatal(err)
		}
	}
	if _, err := p.frame(); err != nil {
		s.tb.Fatal(err)
	}
	return p
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
