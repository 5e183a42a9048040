package yours_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// step is one snippet of the recipe: a new file, or lines below one that is there.
type step struct{ path, below, text string }

func steps(t *testing.T, folder string) (all []step) {
	t.Helper()
	text := section(t, folder)
	pattern := regexp.MustCompile("(?s)(?:New file|In) `([^`]+)`(?:, below `([^`]+)`)?:\n\n```[a-z]+\n(.*?)```\n")
	for _, found := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, step{found[1], found[2], found[3]})
	}
	if fences := len(regexp.MustCompile("(?m)^```[a-z]+$").FindAllString(text, -1)); fences != len(all)+2 {
		t.Fatalf("of %d snippets, two of them commands, the test can follow %d", fences, len(all))
	}
	return all
}

func (s step) follow(t *testing.T, folder string) {
	t.Helper()
	path := filepath.Join(folder, filepath.FromSlash(s.path))
	old, err := os.ReadFile(path)
	content := s.text
	switch {
	case s.below == "" && !os.IsNotExist(err):
		t.Fatalf("%s is there already (%v)", s.path, err)
	case s.below != "":
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(s.below) + "\n")
		places := line.FindAllIndex(old, -1)
		if len(places) != 1 {
			t.Fatalf("%s has the line %q %d times", s.path, s.below, len(places))
		}
		end := places[0][1]
		content = string(old[:end]) + s.text + string(old[end:])
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRecipeAddsAFeature(t *testing.T) {
	needTools(t, "sh", "curl")
	folder := renamedCopy(t)
	for _, step := range steps(t, folder) {
		step.follow(t, folder)
		if strings.HasSuffix(step.path, ".go") {
			if unformatted := run(t, folder, nil, "gofmt", "-l", step.path); unformatted != "" {
				t.Errorf("not as gofmt has it: %s", unformatted)
			}
		}
	}
	run(t, folder, nil, "go", "vet", "./...")
	run(t, folder, nil, "go", quick...)
	run(t, folder, nil, "go", "test", "-short", "./handlers", "./handlers/hub")

	app := start(t, folder)
	token := app.login(t)
	socket, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+app.host+"/ws/lobby",
		http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatalf("%v %v", err, response)
	}
	defer func() { _ = socket.Close() }()

	command := strings.ReplaceAll(shell(t, folder)[1], "127.0.0.1:8080", app.host)
	run(t, folder, []string{"token=" + token}, "sh", "-c", command)

	promised := regexp.MustCompile("is sent `([^`]+)`").FindStringSubmatch(section(t, folder))
	if frame := nextFrame(t, socket, "note"); promised == nil || frame != promised[1] {
		t.Errorf("the room was sent %s, and the README has %q", frame, promised)
	}
	status, body := app.call(t, http.MethodGet, "/api/rooms/lobby/notes", token, "")
	if status != http.StatusOK || !strings.Contains(body, `"author":"ada"`) || !strings.Contains(body, `"text":"Buy milk."`) {
		t.Errorf("the notes are %d %s", status, body)
	}
	if status, body := app.call(t, http.MethodGet, "/api/rooms/lobby/notes", "", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token the notes are %d %s", status, body)
	}
}

func nextFrame(t *testing.T, socket *websocket.Conn, kind string) string {
	t.Helper()
	_ = socket.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		_, text, err := socket.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(text), `{"type":"`+kind+`"`) {
			return string(text)
		}
	}
}

func TestPageCanBeTakenOut(t *testing.T) {
	folder := copyOf(t)
	files, err := os.ReadDir(filepath.Join(folder, "web"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := file.Name(); name != "web.go" && name != "openapi.yaml" {
			if err := os.RemoveAll(filepath.Join(folder, "web", name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace(t, filepath.Join(folder, "web", "web.go"), `//go:embed .*\n`, "//go:embed openapi.yaml\n")
	routes := filepath.Join(folder, "handlers", "routes.go")
	replace(t, routes, `.*handle\(pages\.index\)\)\n`, "")
	replace(t, routes, `.*handle\(pages\.static\)\)\n`, "")
	replace(t, filepath.Join(folder, "handlers", "page.go"), `func \(p page\) index\(.*\n`, "")
	replace(t, filepath.Join(folder, "handlers", "page.go"), `func \(p page\) static\(.*\n`, "")
	run(t, folder, nil, "go", "vet", "./...")

	app := start(t, folder)
	app.login(t)
	for path, want := range map[string]int{"/": 404, "/static/app.css": 404, "/openapi.yaml": 200, "/livez": 200} {
		if status, _ := app.call(t, http.MethodGet, path, "", ""); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// replace puts the text in the one place where the pattern is.
func replace(t *testing.T, path, pattern, text string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	places := regexp.MustCompile(pattern).FindAllIndex(content, -1)
	if len(places) != 1 {
		t.Fatalf("%s has %s %d times", path, pattern, len(places))
	}
	changed := string(content[:places[0][0]]) + text + string(content[places[0][1]:])
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// program is one that runs.
type program struct{ host string }

// start builds what is in the folder, and runs it until it listens.
func start(t *testing.T, folder string) program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.exe") // so that Windows runs it, and nobody else minds
	run(t, folder, nil, "go", "build", "-o", path, ".")
	command := exec.CommandContext(t.Context(), path)
	command.Dir = t.TempDir()
	command.Env = []string{"ADDR=127.0.0.1:0"}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() }) // the end of the test has killed it
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, host, _ := strings.Cut(strings.TrimSpace(line), "http://")
	return program{host}
}

func (p program) call(t *testing.T, method, path, token, body string) (status int, reply string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.host+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// login registers ada and returns her token.
func (p program) login(t *testing.T) (token string) {
	t.Helper()
	const body = `{"username":"ada","password":"correct horse battery"}`
	if status, reply := p.call(t, http.MethodPost, "/api/register", "", body); status != http.StatusCreated {
		t.Fatalf("%d %s", status, reply)
	}
	status, reply := p.call(t, http.MethodPost, "/api/login", "", body)
	var in struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil || status != http.StatusOK {
		t.Fatalf("%v: %d", err, status)
	}
	return in.AccessToken
}
