//go:build linux

package production_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// site is the app behind a proxy, as a client at 127.0.0.2 sees it. The proxy and the app are at 127.0.0.1.
type site struct {
	client *http.Client
	dialer *websocket.Dialer
	folder string // of the proxy
	app    app
}

// proxies are those of the README. Each starts one at this port, which passes on to upstream.
var proxies = map[string]func(t *testing.T, folder, port, upstream string){
	"nginx": startNginx,
	"Caddy": startCaddy,
}

func startNginx(t *testing.T, folder, port, upstream string) {
	t.Helper()
	startNginxWith(t, folder, alter(t, snippets(t, "nginx")[0],
		"443", "127.0.0.1:"+port, "127.0.0.1:8080", upstream,
		"/etc/ssl/handshake", filepath.Join(folder, "handshake"),
		"/var/log/nginx/", folder+"/"))
}

func startNginxWith(t *testing.T, folder, snippet string) {
	t.Helper()
	needTool(t, "nginx", "nginx; on Debian: apt-get install nginx-light")
	main := "daemon off; pid nginx.pid; error_log error.log; events {} http {\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		main += fmt.Sprintf("%s_temp_path %s;\n", kind, filepath.Join(folder, kind))
	}
	write(t, filepath.Join(folder, "nginx.conf"), main+snippet+"}\n")
	run(t, folder, "nginx", "-p", folder, "-c", "nginx.conf", "-e", "error.log")
}

func startCaddy(t *testing.T, folder, port, upstream string) {
	t.Helper()
	needTool(t, "caddy", "caddy; on Debian: apt-get install caddy")
	// It cannot get a certificate for a name that is not its own, so it is given one.
	snippet := alter(t, snippets(t, "caddyfile")[0],
		"app.example.com {\n", "app.example.com {\n\tbind 127.0.0.1\n\ttls handshake.pem handshake.key\n",
		"127.0.0.1:8080", upstream)
	startCaddyWith(t, folder, port, snippet)
}

func startCaddyWith(t *testing.T, folder, port, snippet string) {
	t.Helper()
	options := "{\n\tadmin off\n\tauto_https disable_redirects\n\thttps_port " + port + "\n}\n"
	write(t, filepath.Join(folder, "Caddyfile"), options+snippet)
	run(t, folder, "caddy", "run", "--config", "Caddyfile")
}

// run starts a proxy, whose standard error becomes the file log.
func run(t *testing.T, folder, name string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), name, args...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // so that nginx takes its workers along
	command.WaitDelay = 10 * time.Second
	command.Dir = folder
	command.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Wait()
		_ = log.Close()
	})
}

// newSite starts the app as in production, and a proxy before it.
func newSite(t *testing.T, startProxy func(t *testing.T, folder, port, upstream string), settings ...string) *site {
	t.Helper()
	app := start(t, append(append([]string{}, release...), settings...)...)
	folder := t.TempDir()
	roots := makeCertificate(t, folder)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_ = free.Close()
	startProxy(t, folder, port, app.address)

	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return from.DialContext(ctx, network, address)
	}
	config := &tls.Config{RootCAs: roots}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	s := &site{
		client: &http.Client{Transport: transport, Timeout: 30 * time.Second},
		dialer: &websocket.Dialer{NetDialContext: dial, TLSClientConfig: config, HandshakeTimeout: 30 * time.Second},
		folder: folder, app: app,
	}
	eventually(t, func() bool {
		response, err := s.client.Get(public + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return s
}

const public = "https://app.example.com"

// open opens a socket through the proxy and reads its welcome.
func (s *site) open(t *testing.T, query string, header http.Header) *websocket.Conn {
	t.Helper()
	conn, response, err := s.dialer.DialContext(t.Context(), "wss://app.example.com/ws/lobby"+query, header)
	if err != nil {
		t.Fatalf("%v: %+v", err, response)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	var frame struct{ Type string }
	if err := conn.ReadJSON(&frame); err != nil || frame.Type != "welcome" {
		t.Fatalf("%v: %+v", err, frame)
	}
	return conn
}

func (s *site) sessionIP(t *testing.T, token string) string {
	t.Helper()
	var out struct{ Sessions []struct{ IP string } }
	if status := call(t, s.client, http.MethodGet, public+"/api/sessions", token, nil, &out); status != http.StatusOK || len(out.Sessions) != 1 {
		t.Fatalf("%d: %+v", status, out)
	}
	return out.Sessions[0].IP
}

func TestSocketGoesThroughTheProxy(t *testing.T) {
	for name, startProxy := range proxies {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, startProxy, "TRUSTED_PROXIES=127.0.0.1/32")
			jwt := login(t, s.client, public, "alice")
			if ip := s.sessionIP(t, jwt); ip != "127.0.0.2" {
				t.Errorf("the client's address is shown as %s", ip)
			}
			// The app's own page sends this origin, whatever the address the app listens on.
			conn := s.open(t, "", http.Header{"Authorization": {"Bearer " + jwt}, "Origin": {public}})
			if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"message","text":"hello"}`)); err != nil {
				t.Fatal(err)
			}
			if _, frame, err := conn.ReadMessage(); err != nil || !strings.Contains(string(frame), `"hello"`) {
				t.Errorf("%s (%v)", frame, err)
			}
			call(t, s.client, http.MethodPost, public+"/api/logout", jwt, nil, nil)
			_, _, err := conn.ReadMessage()
			if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != 3000 || closed.Text != "session ended" {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestProxyIsBelievedOnlyWhenTrusted(t *testing.T) {
	s := newSite(t, startNginx)
	if ip := s.sessionIP(t, login(t, s.client, public, "alice")); ip != "127.0.0.1" {
		t.Errorf("the client's address is shown as %s", ip)
	}
}

// logs are all that the proxy wrote.
func (s *site) logs(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"log", "handshake.log", "error.log"} {
		content, err := os.ReadFile(filepath.Join(s.folder, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

// enterEveryWay returns the credentials that have gone through the proxy.
func (s *site) enterEveryWay(t *testing.T) []string {
	t.Helper()
	jwt := login(t, s.client, public, "alice")
	once := ticket(t, s.client, public, jwt)
	for _, conn := range []*websocket.Conn{
		s.open(t, "", http.Header{"Authorization": {"Bearer " + jwt}}),
		s.open(t, "", http.Header{"Sec-Websocket-Protocol": {"handshake.v1, bearer." + jwt}}),
		s.open(t, "?ticket="+once, nil),
		s.open(t, "?access_token="+jwt, nil),
	} {
		_ = conn.Close() // proxies log a socket when it has ended
	}
	eventually(t, func() bool { return strings.Count(s.logs(t), "/ws/lobby") >= 4 })
	return []string{jwt, once}
}

func TestProxyLogsNoCredential(t *testing.T) {
	for name, startProxy := range proxies {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, startProxy, "WS_TOKEN_SOURCES=header,subprotocol,ticket,query")
			for _, credential := range s.enterEveryWay(t) {
				if strings.Contains(s.logs(t), credential) {
					t.Errorf("the log has %s:\n%s", credential, s.logs(t))
				}
			}
		})
	}
}

// That the README says what is to be left out is worth something only while the usual log has it.
func TestUsualProxyLogHasCredentials(t *testing.T) {
	usual := map[string]func(t *testing.T, folder, port, upstream string){
		"nginx": func(t *testing.T, folder, port, upstream string) {
			startNginxWith(t, folder, alter(t, snippets(t, "nginx")[0],
				"443", "127.0.0.1:"+port, "127.0.0.1:8080", upstream,
				"/etc/ssl/handshake", filepath.Join(folder, "handshake"),
				"/var/log/nginx/handshake.log no_query", folder+"/handshake.log"))
		},
		"Caddy": func(t *testing.T, folder, port, upstream string) {
			needTool(t, "caddy", "caddy; on Debian: apt-get install caddy")
			startCaddyWith(t, folder, port, "app.example.com {\n\tbind 127.0.0.1\n\ttls handshake.pem handshake.key\n"+
				"\treverse_proxy "+upstream+"\n\tlog\n}\n")
		},
	}
	for name, startProxy := range usual {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, startProxy, "WS_TOKEN_SOURCES=header,subprotocol,ticket,query")
			credentials := s.enterEveryWay(t)
			for _, form := range []string{"?access_token=" + credentials[0], "?ticket=" + credentials[1]} {
				if !strings.Contains(s.logs(t), form) {
					t.Errorf("%s is not in the log:\n%s", form, s.logs(t))
				}
			}
			if has := strings.Contains(s.logs(t), "bearer."+credentials[0]); has != (name == "Caddy") {
				t.Errorf("that the token of the subprotocol is in the log is %v:\n%s", has, s.logs(t))
			}
		})
	}
}

// Nor does it promise what it cannot: where the app does not answer, both write down the URL.
func TestProxyLogOfErrorsHasTheTicket(t *testing.T) {
	for name, startProxy := range proxies {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, startProxy)
			once := ticket(t, s.client, public, login(t, s.client, public, "alice"))
			s.app.kill()
			_, response, err := s.dialer.DialContext(t.Context(), "wss://app.example.com/ws/lobby?ticket="+once, nil)
			if response == nil || response.StatusCode != http.StatusBadGateway {
				t.Fatalf("%+v (%v)", response, err)
			}
			eventually(t, func() bool { return strings.Contains(s.logs(t), once) })
		})
	}
}

// nginx cuts what is silent for 60 s, which nobody waits for at each change.
func TestPingKeepsASilentSocketOpen(t *testing.T) {
	if os.Getenv("CI") != "true" {
		t.Skip("this waits longer than a minute: CI=true go test ./handlers/production does it")
	}
	for name, startProxy := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, startProxy)
			conn := s.open(t, "", http.Header{"Authorization": {"Bearer " + login(t, s.client, public, "alice")}})
			opened := time.Now()
			_ = conn.SetReadDeadline(opened.Add(65 * time.Second))
			_, frame, err := conn.ReadMessage()
			if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
				t.Errorf("after %v: %s (%v)", time.Since(opened), frame, err)
			}
		})
	}
}
