// Package production_test does what the README's section on production says: its
// commands are run, its proxies are started in front of the real program, and what
// the Dockerfile builds runs as it would in a container.
package production_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	root     = "../.."
	password = "correct horse battery"
	secret   = "a-secret-of-the-tests-with-32-bytes-and-more"
)

// release are the settings that production demands.
var release = []string{"GIN_MODE=release", "PUBLIC_URL=https://app.example.com", "JWT_SECRET=" + secret}

var program string // the path of the real one

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "handshake-production-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(folder, "handshake.exe") // so that Windows runs it, and nobody else minds
	code := 1
	if output, err := exec.Command("go", "build", "-o", program, "../..").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, output)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// section is the README's on production.
func section(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n## Production\n")
	text, _, ended := strings.Cut(text, "\n## ")
	if !found || !ended {
		t.Fatal("the README has no section on production")
	}
	return text
}

// snippets are the section's blocks in one language.
func snippets(t *testing.T, language string) (found []string) {
	t.Helper()
	for _, block := range strings.Split(section(t), "\n```"+language+"\n")[1:] {
		text, _, _ := strings.Cut(block, "\n```\n")
		found = append(found, text+"\n")
	}
	if len(found) == 0 {
		t.Fatalf("the section has no block of %s", language)
	}
	return found
}

// alter replaces what cannot be as it is in a test: ports, and paths that belong to the system.
func alter(t *testing.T, text string, oldnew ...string) string {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			t.Fatalf("%q is not in\n%s", oldnew[i], text)
		}
		text = strings.ReplaceAll(text, oldnew[i], oldnew[i+1])
	}
	return text
}

// app is a program that runs.
type app struct {
	address string // 127.0.0.1:port
	kill    func()
}

func start(t *testing.T, environment ...string) app {
	t.Helper()
	command := exec.CommandContext(t.Context(), program)
	command.Dir = t.TempDir()
	command.Env = append([]string{"ADDR=127.0.0.1:0"}, environment...)
	return await(t, command)
}

// await starts the command and returns when the program listens.
func await(t *testing.T, command *exec.Cmd) app {
	t.Helper()
	var log bytes.Buffer
	command.Stderr = &log
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		kill()
		t.Fatalf("it did not start: %v\n%s", err, &log)
	}
	_, address, _ := strings.Cut(strings.TrimSpace(line), "http://")
	return app{address, kill}
}

// call sends a request by way of a client, and decodes the reply into out, if there is any.
func call(t *testing.T, client *http.Client, method, url, token string, in, out any) int {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Forwarded-For", "203.0.113.9") // whoever says so may be anybody
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	} else if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	return response.StatusCode
}

// login registers a user, if there is none of that name, and returns a JWT.
func login(t *testing.T, client *http.Client, base, username string) string {
	t.Helper()
	in := map[string]string{"username": username, "password": password}
	call(t, client, http.MethodPost, base+"/api/register", "", in, nil)
	var out struct {
		AccessToken string `json:"access_token"`
	}
	if status := call(t, client, http.MethodPost, base+"/api/login", "", in, &out); status != http.StatusOK {
		t.Fatalf("login: %d", status)
	}
	return out.AccessToken
}

func ticket(t *testing.T, client *http.Client, base, token string) string {
	t.Helper()
	var out struct{ Ticket string }
	if status := call(t, client, http.MethodPost, base+"/api/tickets", token, map[string]string{"room": "lobby"}, &out); status != http.StatusCreated {
		t.Fatalf("ticket: %d", status)
	}
	return out.Ticket
}

// shell runs commands as a person does who copies them, and returns what they say.
func shell(t *testing.T, folder, commands string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "sh", "-e", "-c", commands)
	command.Dir = folder
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, commands, output)
	}
	return string(output)
}

// checkout copies the project without what git ignores.
func checkout(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == "data" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(folder, name), 0o755)
		case name == ".git" || name == ".env" || !entry.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, name), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// needTool skips a test on a machine that lacks what it needs. In CI that is a
// failure, as .ci/run installs all of it.
func needTool(t *testing.T, name, install string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("this needs %s: %v", install, err)
		}
		t.Skipf("this needs %s: %v", install, err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for something that another program is about to do.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to that")
		}
	}
}
