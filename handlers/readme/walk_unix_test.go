//go:build unix

package readme_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"
)

// patience is for what takes a moment, unless the machine is busy. It may have to compile.
const patience = 3 * time.Minute

// documented is the address that the README has. It may be taken on this machine,
// so the server gets another by ADDR, and that is put where the README has this.
const documented = "127.0.0.1:8080"

// elsewhere are the sections whose commands another package runs.
var elsewhere = map[string]string{
	"Clients":       "../clients",
	"Make it yours": "../yours",
	"Production":    "../production",
	"Measured":      "../load",
}

func TestWalkthrough(t *testing.T) {
	blocks, _ := parts(t)
	w := newWalk(t)
	for _, b := range blocks {
		if folder, ok := elsewhere[b.section]; ok {
			if _, err := os.Stat(folder); err != nil {
				t.Errorf("README.md:%d: nothing runs this: %v", b.line, err)
			}
			continue
		}
		w.step(b)
	}
	if want := []string{"console", "go", "http", "js", "log", "python", "sh"}; !slices.Equal(w.seen, want) {
		t.Errorf("there were blocks of %q, want %q", w.seen, want)
	}
}

// walk is somebody who follows the README.
type walk struct {
	*testing.T
	folder  string
	address string // the server's
	server  *exec.Cmd
	first   screen // the first terminal
	logged  int    // how much of it a log block has seen
	typing  io.Writer
	second  screen
	browser *browser
	seen    []string
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	w := &walk{T: t, folder: checkout(t), address: "127.0.0.1:0"} // a port that is free, and then that one
	w.lookForTools()
	shell := exec.Command("sh")
	typing, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.typing = typing
	w.start(shell, &w.second)
	return w
}

// checkout is a copy of the working tree, as git would have it.
func checkout(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("../../.git"); errors.Is(err, os.ErrNotExist) {
		t.Skip("this is no checkout, so what belongs to it cannot be told")
	}
	// Whoever owns the checkout, its files are only listed.
	list := exec.Command("git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = "../.."
	names, err := list.Output()
	needTool(t, err, "git")
	folder := t.TempDir()
	for name := range strings.SplitSeq(strings.Trim(string(names), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join("../..", name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		target := filepath.Join(folder, name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(target), 0o777)
		}
		if err == nil {
			err = os.WriteFile(target, content, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// needTool skips the test, or fails it in CI, which installs what it needs.
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

func (w *walk) lookForTools() {
	w.Helper()
	_, err := exec.LookPath("curl")
	needTool(w.T, err, "curl")
	// Where there are several Pythons, this one has Debian's packages.
	if _, err := os.Stat("/usr/bin/python3"); err == nil {
		bin := w.TempDir()
		if err := os.Symlink("/usr/bin/python3", filepath.Join(bin, "python3")); err != nil {
			w.Fatal(err)
		}
		w.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	needTool(w.T, exec.Command("python3", "-c", "import websocket").Run(), "python3 with websocket-client; on Debian: apt-get install python3-websocket")
	if modules := os.Getenv("HANDSHAKE_NODE_MODULES"); modules != "" {
		if err := os.Symlink(modules, filepath.Join(w.folder, "node_modules")); err != nil {
			w.Fatal(err)
		}
	}
	node := exec.Command("node", "--input-type=module", "-e", "import 'ws'")
	node.Dir = w.folder
	needTool(w.T, node.Run(), "node, and ws in the node_modules that HANDSHAKE_NODE_MODULES names: npm install ws")
	_, err = findChromium()
	needTool(w.T, err, "Chromium; on Debian: apt-get install chromium")
}

// start runs a program in the folder. What it starts itself ends with it.
func (w *walk) start(program *exec.Cmd, s *screen) {
	w.Helper()
	program.Dir = w.folder
	program.Env = append(os.Environ(), "ADDR="+w.address, "PYTHONUNBUFFERED=1") // as Python writes to a terminal
	program.Stdout, program.Stderr = s, s
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := program.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = syscall.Kill(-program.Process.Pid, syscall.SIGKILL)
		_ = program.Wait()
	})
}

// screen keeps what a terminal shows.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) from(start int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text.Bytes()[start:])
}

// eventually waits until done is true, and tells whether it was in time.
func eventually(limit time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

var fileName = regexp.MustCompile(`^(?://|#) ([\w.]+)\n`)

func (w *walk) step(b block) {
	w.Helper()
	if i, found := slices.BinarySearch(w.seen, b.lang); !found {
		w.seen = slices.Insert(w.seen, i, b.lang)
	}
	b.text = strings.ReplaceAll(b.text, documented, w.address)
	if w.server == nil && b.lang != "sh" {
		w.Fatalf("README.md:%d: the server does not run yet", b.line)
	}
	name := fileName.FindStringSubmatch(b.text)
	switch {
	case name != nil:
		if err := os.WriteFile(filepath.Join(w.folder, name[1]), []byte(b.text), 0o666); err != nil {
			w.Fatal(err)
		}
	case b.lang == "sh":
		w.firstTerminal(b)
	case b.lang == "console":
		w.secondTerminal(b)
	case b.lang == "js":
		w.inBrowser(b)
	case b.lang == "log":
		w.log(b)
	case b.lang == "http":
		w.request(b)
		w.waysInBrowser(b)
	default:
		w.Errorf("README.md:%d: nothing holds a block of %q", b.line, b.lang)
	}
}

// firstTerminal starts the server. The suite is not started, as this is a part of it: CI runs that very line.
func (w *walk) firstTerminal(b block) {
	w.Helper()
	typed := strings.TrimSpace(b.text)
	if typed == "go test ./..." {
		ci, err := os.ReadFile("../../.ci/run")
		if err != nil || !strings.Contains(string(ci), "\n"+typed+"\n") {
			w.Errorf("README.md:%d: CI does not run this line (%v)", b.line, err)
		}
		return
	}
	if !strings.HasSuffix(typed, "go run .") {
		w.Fatalf("README.md:%d: nothing holds this", b.line)
	}
	if w.server != nil { // Ctrl-C
		_ = syscall.Kill(-w.server.Process.Pid, syscall.SIGINT)
		_ = w.server.Wait()
	}
	start := len(w.first.from(0))
	w.server = exec.Command("sh", "-c", typed)
	w.start(w.server, &w.first)
	listening := regexp.MustCompile(`(?m)^listening on http://(\S+)$`)
	var found []string
	if !eventually(patience, func() bool {
		found = listening.FindStringSubmatch(w.first.from(start))
		return found != nil
	}) {
		w.Fatalf("README.md:%d: the server does not listen:\n%s", b.line, w.first.from(start))
	}
	w.address = found[1]
}

// prompt is printed when a command has ended.
const prompt = "\nhandshake-prompt\n"

// secondTerminal types each command when the one before it has ended, or, after "&",
// has printed what is shown.
func (w *walk) secondTerminal(b block) {
	w.Helper()
	start := len(w.second.from(0))
	got := func() string { return strings.ReplaceAll(w.second.from(start), prompt, "\n") }
	shown := ""
	for i, c := range commands(w.T, b) {
		if _, err := fmt.Fprintf(w.typing, "%sprintf '%s'\n", c.typed, strings.ReplaceAll(prompt, "\n", `\n`)); err != nil {
			w.Fatal(err)
		}
		shown += c.printed
		ended := func() bool { return strings.Count(w.second.from(start), prompt) > i }
		if !eventually(patience, ended) {
			w.Fatalf("README.md:%d: this does not end: %s\nIt printed\n%s", b.line, c.typed, got())
		}
		if !eventually(patience/6, func() bool { return begins(shown, got()) }) {
			w.Fatalf("README.md:%d: after\n%sthere is\n%s\nand the README has\n%s", b.line, c.typed, got(), shown)
		}
	}
	if !matches(shown, got()) {
		w.Fatalf("README.md:%d: there is\n%s\nand the README has\n%s", b.line, got(), shown)
	}
}

// log looks for lines in the first terminal, each after the one before. A line of gin's
// is compared with what gin's own logger writes.
func (w *walk) log(b block) {
	w.Helper()
	for line := range strings.Lines(b.text) {
		if strings.HasPrefix(line, "[GIN]") {
			if got := ginsLog(w.T); !matches(line, got) {
				w.Errorf("README.md:%d: gin's logger writes\n%s", b.line, got)
			}
			continue
		}
		found := regexp.MustCompile(`(?m)^` + pattern(line))
		var at []int
		if !eventually(patience/6, func() bool {
			at = found.FindStringIndex(w.first.from(w.logged))
			return at != nil
		}) {
			w.Fatalf("README.md:%d: the log has no such line as\n%s\nin\n%s", b.line, line, w.first.from(w.logged))
		}
		w.logged += at[1]
	}
}

// ginsLog is what gin's own logger writes of a socket with its token in the query.
func ginsLog(t *testing.T) string {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	var written screen
	router := gin.New()
	router.Use(gin.LoggerWithWriter(&written))
	router.GET("/ws/:room", func(c *gin.Context) {
		if conn, err := new(websocket.Upgrader).Upgrade(c.Writer, c.Request, nil); err == nil {
			_, _, _ = conn.ReadMessage()
			_ = conn.Close()
		}
	})
	server := httptest.NewServer(router)
	defer server.Close()
	socket, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/ws/lobby?access_token=eyJhbGciOiJIUzI1NiJ9", nil)
	if err != nil {
		t.Fatal(err)
	}
	if written.from(0) != "" {
		t.Error("it writes before the socket ends")
	}
	_ = socket.Close()
	eventually(patience/6, func() bool { return strings.HasSuffix(written.from(0), "\n") })
	return written.from(0)
}
