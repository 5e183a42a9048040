// Package load_test measures the real program, and beside it a bare server that
// does nothing but WebSockets, in turn, so that what it reports are ratios:
//
//	go test -run '^$' -bench . -benchtime 1x ./handlers/load
//
// Where the machine has two cores, the server runs on one and the client on the other.
package load_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	members  = 1000
	password = "correct horse battery"
)

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

// BenchmarkHandshakes is how many handshakes a second each way in lets through.
func BenchmarkHandshakes(b *testing.B) {
	app, plain := startApp(b, 1), startBare(b)
	token := app.tokens[0]
	ways := []struct {
		name      string
		handshake func() []byte
	}{
		{"header", func() []byte { return app.handshake("", "Authorization: Bearer "+token+"\r\n") }},
		{"subprotocol", func() []byte {
			return app.handshake("", "Sec-WebSocket-Protocol: handshake.v1, bearer."+token+"\r\n")
		}},
		{"query", func() []byte { return app.handshake("?access_token="+token, "") }},
	}
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			compare(b, "handshakes/s",
				func() float64 { return app.handshakes(way.handshake()) },
				func() float64 { return plain.handshakes(plain.handshake("", "Authorization: Bearer "+token+"\r\n")) })
		})
	}
}

// compare runs the two in turn and reports the median of their ratios.
func compare(b *testing.B, unit string, app, plain func() float64) {
	app() // to warm up
	plain()
	for b.Loop() {
		var figures, ratios []float64
		for range 7 {
			figure := app()
			figures, ratios = append(figures, figure), append(ratios, figure/plain())
		}
		b.ReportMetric(median(figures), unit)
		b.ReportMetric(median(ratios), "of-bare")
	}
	b.ReportMetric(0, "ns/op")
}

func median(figures []float64) float64 {
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// handshakes opens and closes connections, eight at a time, and returns how many a second.
func (s *server) handshakes(handshake []byte) float64 {
	const each = 250
	began := time.Now()
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range each {
				_ = s.open(handshake).conn.Close()
			}
		})
	}
	clients.Wait()
	return 8 * each / time.Since(began).Seconds()
}

// BenchmarkFanOut is deliveries a second to a full room, with so many messages under way.
func BenchmarkFanOut(b *testing.B) {
	for _, underWay := range []int{1, 16} {
		b.Run(fmt.Sprintf("%d-under-way", underWay), func(b *testing.B) {
			app, plain := startApp(b, 1), startBare(b)
			full := app.fill(members, app.handshake("", "Authorization: Bearer "+app.tokens[0]+"\r\n"))
			fullPlain := plain.fill(members, plain.handshake("", ""))
			compare(b, "deliveries/s",
				func() float64 { return full.fanOut(underWay) },
				func() float64 { return fullPlain.fanOut(underWay) })
		})
	}
}

// messages are sent in one run of fanOut.
const messages = 96

// room is one that is full. A message's text is its number in the run.
type room struct {
	peers []*peer
	left  [messages]atomic.Int32 // who has not heard it yet
	heard chan int               // the number of a message that the last member has heard
}

func (s *server) fill(members int, handshake []byte) *room {
	r := &room{heard: make(chan int, messages)}
	for range members {
		p := s.open(handshake)
		r.peers = append(r.peers, p)
		go r.listen(p)
	}
	return r
}

func (r *room) listen(p *peer) {
	for {
		payload, err := p.frame()
		if err != nil {
			return
		}
		_, rest, ok := bytes.Cut(payload, []byte(`"text":"`))
		if !ok {
			continue
		}
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		number, err := strconv.Atoi(string(text))
		if err == nil && r.left[number].Add(-1) == 0 {
			r.heard <- number
		}
	}
}

func (r *room) send(number int) {
	r.left[number].Store(int32(len(r.peers)))
	r.peers[0].say(`{"type":"message","text":"` + strconv.Itoa(number) + `"}`)
}

// fanOut keeps so many messages under way, and returns deliveries a second.
func (r *room) fanOut(underWay int) float64 {
	began := time.Now()
	for i := range messages {
		if i >= underWay {
			<-r.heard
		}
		r.send(i)
	}
	for range underWay {
		<-r.heard
	}
	return messages * members / time.Since(began).Seconds()
}
