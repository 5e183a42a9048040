package hub_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"example.com/handshake/handlers/hub"
)

// The bits and bytes of a frame (RFC 6455, section 5.2).
const (
	fin    = 1 << 7 // in the first byte
	masked = 1 << 7 // in the second
	text   = fin | websocket.TextMessage
)

// pipeClient is a client's end of a connection in memory, of which it can end its
// own half and still listen, as over TCP.
type pipeClient struct {
	*bufio.Reader
	in, out net.Conn
}

// serverEnd is the other end.
type serverEnd struct {
	net.Conn // what the client sends
	out      net.Conn
}

func (s serverEnd) Write(p []byte) (int, error)         { return s.out.Write(p) }
func (s serverEnd) SetWriteDeadline(at time.Time) error { return s.out.SetWriteDeadline(at) }

func (s serverEnd) SetDeadline(at time.Time) error {
	_ = s.Conn.SetDeadline(at)
	return s.out.SetDeadline(at)
}

func (s serverEnd) Close() error {
	_ = s.Conn.Close()
	return s.out.Close()
}

// hijacked gives the server's end away, as net/http does.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// joinByPipe opens a connection to the lobby, with hours to live.
func joinByPipe(t *testing.T, h *hub.Hub, user string) *pipeClient {
	t.Helper()
	if err := h.Reserve(user); err != nil {
		t.Fatal(err)
	}
	return joinSeated(t, h, user)
}

// joinSeated is for one who has a seat.
func joinSeated(t *testing.T, h *hub.Hub, user string) *pipeClient {
	t.Helper()
	clientIn, serverOut := net.Pipe()
	serverIn, clientOut := net.Pipe()
	client := &pipeClient{bufio.NewReader(clientIn), clientIn, clientOut}
	t.Cleanup(func() { _, _ = clientIn.Close(), clientOut.Close() })

	joined := make(chan error, 1)
	go func() { joined <- joinOver(h, serverEnd{serverIn, serverOut}, user) }()
	response, err := http.ReadResponse(client.Reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(response, err)
	}
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	return client
}

// joinOver is for one who has a seat, and a connection.
func joinOver(h *hub.Hub, conn net.Conn, user string) error {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	member := hub.Member{UserID: user, Username: user, SessionID: user, ExpiresAt: time.Now().Add(time.Hour)}
	renew := func(token string) (hub.Member, error) { return renewed(token, member) }
	return h.Join(hijacked{httptest.NewRecorder(), conn}, r, "lobby", member, renew)
}

// renewed knows a token for each way in which a renewal can end.
func renewed(token string, member hub.Member) (hub.Member, error) {
	switch token {
	case "fresh":
		return member, nil
	case "another user's":
		return hub.Member{UserID: "bob", SessionID: "bob"}, nil
	case "expired":
		return hub.Member{}, hub.ErrTokenExpired
	case "unavailable":
		return hub.Member{}, io.ErrUnexpectedEOF
	default:
		return hub.Member{}, hub.ErrTokenInvalid
	}
}

// next reads one frame, which must be whole and as a server may send it. At the end
// of the connection the error is io.EOF.
func (c *pipeClient) next(t *testing.T) (opcode byte, payload []byte, err error) {
	t.Helper()
	_ = c.in.SetReadDeadline(time.Now().Add(10 * time.Second))
	first, err := c.ReadByte()
	if err == io.EOF {
		return 0, nil, err
	}
	second, err := c.ReadByte()
	if err != nil {
		t.Fatal(err)
	}
	size, err := frameSize(c, second)
	if err != nil {
		t.Fatal(err)
	}
	opcode = first - fin
	isControl := opcode >= websocket.CloseMessage
	if first&0xf0 != fin || second&masked != 0 || isControl && size > 125 || size > 1<<20 {
		t.Fatalf("a frame begins with %x %x", first, second)
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(c, payload); err != nil {
		t.Fatal(err)
	}
	return opcode, payload, nil
}

// frameSize reads the length of a frame's payload, of which the frame's second byte says how it is written.
func frameSize(r io.Reader, second byte) (uint64, error) {
	var extended [8]byte
	short := uint64(second &^ masked)
	switch short {
	case 126:
		_, err := io.ReadFull(r, extended[6:])
		return binary.BigEndian.Uint64(extended[:]), err
	case 127:
		_, err := io.ReadFull(r, extended[:])
		return binary.BigEndian.Uint64(extended[:]), err
	default:
		return short, nil
	}
}

// clientFrame is a frame as a client sends it, under a mask that changes nothing.
func clientFrame(first byte, payload string) []byte {
	frame := []byte{first}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, masked|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, masked|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, masked|127), uint64(n))
	}
	return append(append(frame, 0, 0, 0, 0), payload...)
}

// endsWithAFrame tells whether what a client sends is made of whole frames, as far
// as anybody can tell where one ends.
func endsWithAFrame(sent []byte) bool {
	for r := bytes.NewReader(sent); r.Len() > 0; {
		header := [2]byte{}
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return false
		}
		size, err := frameSize(r, header[1])
		if header[1]&masked != 0 {
			size += 4
		}
		if err != nil || size > uint64(r.Len()) {
			return false
		}
		_, _ = io.CopyN(io.Discard, r, int64(size))
	}
	return true
}
