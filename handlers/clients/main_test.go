// Package clients_test opens sockets to the real program with the clients that
// people have. The scripts in testdata, and gorilla_test.go and coder_test.go, are
// written to be read and copied; matrix_test.go runs them all.
package clients_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const password = "correct horse battery"

// address is that of the program: 127.0.0.1:port. Every test has a user of its own.
var address string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "handshake-clients-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program, err := start(folder)
	code := 1
	if err == nil {
		code = m.Run()
		_ = program.Process.Kill()
		_ = program.Wait()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// start builds the program and runs it until it listens.
func start(folder string) (*exec.Cmd, error) {
	path := filepath.Join(folder, "handshake.exe") // so that Windows runs it, and nobody else minds
	if output, err := exec.Command("go", "build", "-o", path, "../..").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, output)
	}
	program := exec.Command(path)
	program.Dir = folder
	program.Env = []string{"ADDR=127.0.0.1:0"}
	stdout, err := program.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := program.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, address, _ = strings.Cut(strings.TrimSpace(line), "http://")
	return program, err
}

// call sends a request to the API and returns the status and the reply.
func call(t *testing.T, path, token string, in any) (status int, out map[string]any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, bytes.NewReader(body))
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
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return response.StatusCode, out
}

// login registers a new user and returns a JWT.
func login(t *testing.T) string {
	t.Helper()
	in := map[string]string{"username": strings.ToLower(rand.Text()), "password": password}
	if status, out := call(t, "/api/register", "", in); status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, out)
	}
	status, out := call(t, "/api/login", "", in)
	if status != http.StatusOK {
		t.Fatalf("login: %d %v", status, out)
	}
	return out["access_token"].(string)
}

func logout(t *testing.T, token string) {
	t.Helper()
	if status, out := call(t, "/api/logout", token, nil); status != http.StatusNoContent {
		t.Fatalf("logout: %d %v", status, out)
	}
}

// needTool skips a test on a machine that lacks what it needs. In CI that is a
// failure, as .ci/run installs all of it.
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
