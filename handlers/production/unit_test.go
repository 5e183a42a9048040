package production_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The first block of commands builds the program and its settings, with which it starts.
func TestFirstStart(t *testing.T) {
	needTool(t, "openssl", "openssl")
	folder := checkout(t)
	shell(t, folder, snippets(t, "sh")[0])
	if info, err := os.Stat(filepath.Join(folder, ".env")); err != nil || info.Mode() != 0o600 {
		t.Errorf(".env is %v (%v)", info, err)
	}
	if info, err := os.Stat(filepath.Join(folder, "handshake")); err != nil || info.Mode()&0o001 == 0 {
		t.Errorf("the unit's user cannot run the program: %v (%v)", info, err)
	}
	command := exec.CommandContext(t.Context(), "sh", "-c", "set -a; . ./.env; set +a; exec ./handshake")
	command.Dir = folder
	command.Env = []string{"ADDR=127.0.0.1:0", "PATH=" + os.Getenv("PATH")}
	app := await(t, command)
	if token := login(t, http.DefaultClient, "http://"+app.address, "alice"); token == "" {
		t.Error("there is no token")
	}
}

// The block of a backup is run while the app writes. The copy then serves the app.
func TestBackupOfADatabaseInUse(t *testing.T) {
	needTool(t, "sqlite3", "sqlite3")
	folder := t.TempDir()
	run := func(path string) app {
		command := exec.CommandContext(t.Context(), program)
		command.Dir = folder
		command.Env = append([]string{"ADDR=127.0.0.1:0", "DATABASE_URL=" + path}, release...)
		return await(t, command)
	}
	used := run("data/handshake.db")
	base := "http://" + used.address
	jwt := login(t, http.DefaultClient, base, "alice")

	backup := exec.CommandContext(t.Context(), "sh", "-e", "-c", snippets(t, "sh")[1])
	backup.Dir = folder
	written, done := 0, make(chan error, 1)
	for ended := false; !ended; {
		ticket(t, http.DefaultClient, base, jwt)
		if written++; written == 10 {
			go func() { done <- backup.Run() }()
		}
		select {
		case err := <-done:
			ended = true
			if err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	used.kill()

	found, err := filepath.Glob(filepath.Join(folder, "backup-*.db"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the copies are %q (%v)", found, err)
	}
	if info, err := os.Stat(found[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("who may read the copy: %v (%v)", info.Mode(), err)
	}
	var tickets int
	said := shell(t, folder, "sqlite3 "+found[0]+" 'PRAGMA integrity_check; SELECT count(*) FROM tickets'")
	if _, err := fmt.Sscanf(said, "ok\n%d", &tickets); err != nil || tickets < 10 || tickets > written {
		t.Errorf("%d tickets were written, and of the copy it says %q", written, said)
	}
	var me struct{ User struct{ Username string } }
	copied := run(found[0])
	call(t, http.DefaultClient, http.MethodGet, "http://"+copied.address+"/api/me", jwt, nil, &me)
	if me.User.Username != "alice" {
		t.Errorf("the copy's answer is %+v", me)
	}
}

func TestSystemdAcceptsTheUnit(t *testing.T) {
	needTool(t, "systemd-analyze", "systemd-analyze; on Debian: apt-get install systemd")
	folder := t.TempDir()
	path := filepath.Join(folder, "handshake.service")
	write(t, path, alter(t, snippets(t, "ini")[0], "/usr/local/bin/handshake", program))
	if said := shell(t, folder, "systemd-analyze verify --man=no "+path+" 2>&1"); said != "" {
		t.Error(said)
	}
	said := shell(t, folder, "systemd-analyze security --offline=true "+path)
	if !regexp.MustCompile(`exposure level for handshake\.service: [0-2]\.[0-9] OK`).MatchString(said) {
		t.Error(said)
	}
}

// What the section says of times, words and codes is in the code.
func TestWordsAreThoseOfTheCode(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "main.go"), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	stopWithin := ""
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok && spec.Names[0].Name == "stopWithin" {
			stopWithin = spec.Values[0].(*ast.BinaryExpr).X.(*ast.BasicLit).Value + " s"
		}
		return true
	})
	text := section(t)
	if !strings.Contains(text, "gone within "+stopWithin+";") {
		t.Errorf("the app is gone within %s", stopWithin)
	}

	var code bytes.Buffer
	for _, name := range []string{"main.go", "handlers/problem.go", "middleware/access_log.go"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		code.Write(content)
	}
	_, watch, found := strings.Cut(text, "\nWatch `/readyz`")
	if !found {
		t.Fatal("it does not say what to watch")
	}
	for _, word := range regexp.MustCompile("`([a-z_ ]+)`").FindAllStringSubmatch(watch, -1) {
		if !strings.Contains(code.String(), `"`+word[1]+`"`) {
			t.Errorf("%s is not in the code", word[1])
		}
	}
}

// Status 2 keeps systemd from starting it again and again.
func TestWrongSettingEndsWithTheStatusThatTheUnitKnows(t *testing.T) {
	command := exec.CommandContext(t.Context(), program)
	command.Env = []string{"GIN_MODE=release"}
	_ = command.Run()
	want := fmt.Sprintf("RestartPreventExitStatus=%d\n", command.ProcessState.ExitCode())
	if !strings.Contains(snippets(t, "ini")[0], want) {
		t.Errorf("%s is not in the unit", want)
	}
}
