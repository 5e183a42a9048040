package clients_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// listener is a client that shows what it hears, a frame on each line, until it is
// refused or its connection ends.
type listener func(t *testing.T, file, way, url, credential string) io.Reader

const (
	allWays     = "header subprotocol ticket query"
	browserWays = "subprotocol ticket query" // a page cannot set a header
)

// clients has every client, and its own words for the two things that go wrong.
var clients = []struct {
	file    string
	listen  listener
	ways    string
	refused string
	ended   string
}{
	{"testdata/websocket_client.py", python("websocket"), allWays, "Handshake status 401 Unauthorized", "ended: 3000 session ended"},
	{"testdata/websockets_client.py", python("websockets"), allWays, "HTTP 401", "received 3000 (registered) session ended"},
	{"testdata/ws.js", node, allWays, "refused: 401", "ended: 3000 session ended"},
	{"testdata/wscat.sh", wscat, allWays, "Unexpected server response: 401", `Disconnected (code: 3000, reason: "session ended")`},
	{"gorilla_test.go", inGo(listenWithGorilla), allWays, "websocket: bad handshake", "websocket: close 3000: session ended"},
	{"coder_test.go", inGo(listenWithCoder), allWays, "expected handshake response status code 101 but got 401", `status = StatusCode(3000) and reason = "session ended"`},
	{"testdata/curl.sh", curl, allWays, "HTTP/1.1 401 Unauthorized", "session ended"},
	{"testdata/browser.js", chromium, browserWays, "refused: 1006", "ended: 3000 session ended"},
}

// Each is let in, hears that its session has ended, and is told why the same credential does not let it in again.
func TestClients(t *testing.T) {
	for _, client := range clients {
		for way := range strings.FieldsSeq(client.ways) {
			t.Run(filepath.Base(client.file)+"/"+way, func(t *testing.T) {
				t.Parallel()
				jwt := login(t)
				credential := jwt
				if way == "ticket" {
					credential = ticket(t, jwt)
				}
				lines := bufio.NewReader(client.listen(t, client.file, way, "ws://"+address+"/ws/lobby", credential))
				expectWelcome(t, lines, way)
				logout(t, jwt)
				expectWords(t, lines, client.ended)

				again := client.listen(t, client.file, way, "ws://"+address+"/ws/lobby", credential)
				expectWords(t, again, client.refused, `"status":401`, `"code":"invalid_token"`, `"detail":"`)
			})
		}
	}
}

func ticket(t *testing.T, jwt string) string {
	t.Helper()
	status, out := call(t, "/api/tickets", jwt, map[string]string{"room": "lobby"})
	if status != http.StatusCreated {
		t.Fatalf("ticket: %d %v", status, out)
	}
	return out["ticket"].(string)
}

// expectWelcome reads to the first frame. curl and wscat show other things before it.
func expectWelcome(t *testing.T, lines *bufio.Reader, way string) {
	t.Helper()
	var before strings.Builder
	for {
		line, err := readFrame(lines)
		if err != nil {
			t.Fatalf("no frame came: %v\n%s%s", err, &before, line)
		}
		before.WriteString(line)
		_, frame, found := strings.Cut(line, `{"type":"welcome"`)
		if !found {
			continue
		}
		var welcome struct {
			Room, Via string
			Members   []string
		}
		if err := json.Unmarshal([]byte(`{"type":"welcome"`+frame), &welcome); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if welcome.Room != "lobby" || welcome.Via != way || len(welcome.Members) == 0 {
			t.Errorf("it received %s", line)
		}
		return
	}
}

// readFrame reads to the end of a line or of a welcome, which curl shows without one.
func readFrame(from *bufio.Reader) (string, error) {
	var line strings.Builder
	for {
		b, err := from.ReadByte()
		if err != nil {
			return line.String(), err
		}
		line.WriteByte(b)
		if b == '\n' || strings.HasSuffix(line.String(), "}}") {
			return line.String(), nil
		}
	}
}

// expectWords reads to the end.
func expectWords(t *testing.T, from io.Reader, words ...string) {
	t.Helper()
	all, err := io.ReadAll(from)
	if err != nil {
		t.Error(err)
	}
	for _, word := range words {
		if !strings.Contains(string(all), word) {
			t.Errorf("%s is not in:\n%s", word, all)
		}
	}
}

// run starts a program. What it says on both channels is one, as on a terminal.
func run(t *testing.T, credential string, environment []string, name string, args ...string) io.Reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a client that hangs ends
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(append(os.Environ(), environment...), "CREDENTIAL="+credential)
	out, in := io.Pipe()
	command.Stdout, command.Stderr = in, in
	if _, err := command.StdinPipe(); err != nil { // open to the end, as a terminal is
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // a client that is refused has another status
		_ = in.Close()
		close(ended)
	}()
	t.Cleanup(func() { cancel(); _ = out.Close(); <-ended })
	return out
}

func python(module string) listener {
	return func(t *testing.T, file, way, url, credential string) io.Reader {
		t.Helper()
		install := "python3 with Debian's package python3-" + module
		path := "/usr/bin/python3" // the one that has Debian's packages, where there are several
		if _, err := os.Stat(path); err != nil {
			path, err = exec.LookPath("python3")
			needTool(t, err, install)
		}
		output, err := exec.CommandContext(t.Context(), path, "-c", "import "+module).CombinedOutput()
		if err != nil {
			needTool(t, fmt.Errorf("%w: %s", err, output), install)
		}
		return run(t, credential, nil, path, file, way, url)
	}
}

// nodeModules is the folder that has the packages of npm.
func nodeModules(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("HANDSHAKE_NODE_MODULES")
	_, err := os.Stat(filepath.Join(folder, name))
	needTool(t, err, "npm install "+name+", and HANDSHAKE_NODE_MODULES to name the folder node_modules")
	return folder
}

func node(t *testing.T, file, way, url, credential string) io.Reader {
	t.Helper()
	path, err := exec.LookPath("node")
	needTool(t, err, "Node.js")
	packages := []string{"NODE_PATH=" + nodeModules(t, "ws")}
	return run(t, credential, packages, path, file, way, url)
}

// wscat says how it ended only on a terminal, which script makes.
func wscat(t *testing.T, file, way, url, credential string) io.Reader {
	t.Helper()
	terminal, err := exec.LookPath("script")
	needTool(t, err, "the program script, which is part of util-linux")
	search := "PATH=" + filepath.Join(nodeModules(t, "wscat"), ".bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	command := fmt.Sprintf("sh %s %s %s", file, way, url)
	return run(t, credential, []string{search}, terminal, "--quiet", "--return", "--command", command, os.DevNull)
}

func curl(t *testing.T, file, way, url, credential string) io.Reader {
	t.Helper()
	_, err := exec.LookPath("curl")
	needTool(t, err, "curl")
	return run(t, credential, nil, "sh", file, way, "http"+strings.TrimPrefix(url, "ws"))
}

func inGo(listen func(ctx context.Context, way, url, credential string, out io.Writer)) listener {
	return func(t *testing.T, _, way, url, credential string) io.Reader {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		out, in := io.Pipe()
		go func() {
			listen(ctx, way, url, credential, in)
			_ = in.Close()
		}()
		return out
	}
}
