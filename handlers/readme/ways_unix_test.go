//go:build unix

package readme_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// The section on the four ways in: the request that it has is sent, and what a
// browser is to do is done in one.

// request sends what an http block has, and expects to be let in.
func (w *walk) request(b block) {
	w.Helper()
	text := strings.NewReplacer("\n", "\r\n", "<jwt>", w.jwt(), "<16 random bytes in base64>", "AAAAAAAAAAAAAAAAAAAAAA==").Replace(b.text)
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, text+"\r\n")
	reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || reply.StatusCode != http.StatusSwitchingProtocols {
		w.Errorf("README.md:%d: the handshake was answered with %+v (%v)", b.line, reply, err)
	}
}

// waysInBrowser opens each socket of the table below the block.
func (w *walk) waysInBrowser(b block) {
	w.Helper()
	_, prose := parts(w.T)
	count := 0
	for _, code := range named(prose[b.section]) {
		if !strings.HasPrefix(code, "new WebSocket(url") {
			continue
		}
		count++
		jwt := w.jwt()
		known := fmt.Sprintf("const url = %q, jwt = %q, ticket = %q", "ws://"+w.address+"/ws/table", jwt, w.call("/api/tickets", jwt, `{"room":"table"}`)["ticket"])
		w.enter(fmt.Sprintf(`{ %s
			const socket = %s
			socket.onopen = () => console.log("open")
			socket.onclose = ({ code }) => console.log("closed", code) }`, known, code))
		w.expectPrinted(b, "open")
	}
	if count != 3 {
		w.Errorf("there are %d ways for a browser", count)
	}
	w.logged = len(w.first.from(0))
}

// jwt is one of a user of the test's own.
func (w *walk) jwt() string {
	w.Helper()
	const credentials = `{"username":"walker","password":"correct horse battery"}`
	w.call("/api/register", "", credentials) // the first time
	jwt, _ := w.call("/api/login", "", credentials)["access_token"].(string)
	return jwt
}

func (w *walk) call(path, jwt, body string) (out map[string]any) {
	w.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+w.address+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if jwt != "" {
		request.Header.Set("Authorization", "Bearer "+jwt)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	if err := json.NewDecoder(reply.Body).Decode(&out); err != nil {
		w.Fatal(err)
	}
	return out
}
