//go:build linux

package production_test

import (
	"debug/elf"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// dockerfile has the instructions, in order: their names, and what follows.
func dockerfile(t *testing.T) (instructions [][2]string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			name, rest, _ := strings.Cut(line, " ")
			instructions = append(instructions, [2]string{name, rest})
		}
	}
	return instructions
}

// An engine that could build the image needs more than a test may have. So the commands are run
// here, and what they made runs as it would there: alone in its root, as that user.
func TestWhatTheDockerfileRuns(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("this needs to be run by root")
		}
		t.Skip("this needs to be run by root")
	}
	source, out, image := checkout(t), t.TempDir(), t.TempDir()
	here := strings.NewReplacer("/out/", out+"/")
	owned := regexp.MustCompile(`^--from=build --chown=65532:65532 --chmod=0700 (\S+) /(\S+)$`)
	plain := regexp.MustCompile(`^--from=build (\S+) /(\S+)$`)
	var environment []string
	entry := ""
	for _, instruction := range dockerfile(t) {
		rest := here.Replace(instruction[1])
		switch instruction[0] {
		case "RUN":
			shell(t, source, rest)
		case "ENV":
			environment = strings.Fields(rest)
		case "USER":
			if rest != "65532:65532" {
				t.Errorf("the user is %s", rest)
			}
		case "ENTRYPOINT":
			entry = strings.Trim(rest, `["]`)
		case "COPY":
			if copied := owned.FindStringSubmatch(rest); copied != nil {
				shell(t, image, "cp -r "+copied[1]+" "+copied[2]+" && chown -R 65532:65532 "+copied[2]+" && chmod 0700 "+copied[2])
			} else if copied := plain.FindStringSubmatch(rest); copied != nil {
				shell(t, image, "cp -r "+copied[1]+" "+copied[2])
			}
		}
	}
	static, err := elf.Open(filepath.Join(image, entry))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range static.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("it is not static: another program would have to load it")
		}
	}
	_ = static.Close()
	if err := os.Chmod(image, 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), entry)
	command.Err = nil // the path is that in the image
	command.Dir = "/"
	command.Env = append(append(environment, release...), "ADDR=127.0.0.1:0") // a port that is free
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: image, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	app := await(t, command)
	base := "http://" + app.address
	if status := call(t, http.DefaultClient, http.MethodGet, base+"/readyz", "", nil, nil); status != http.StatusOK {
		t.Errorf("/readyz: %d", status)
	}
	login(t, http.DefaultClient, base, "alice")
	if _, err := os.Stat(filepath.Join(image, "data/handshake.db")); err != nil {
		t.Error(err)
	}
}

// compose.yaml and the workflow stand where their own programs alone can try them. This holds what they share with the rest.
func TestImageHasTheGoOfTheModule(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))[1]
	for _, name := range []string{"Dockerfile", ".github/workflows/ci.yml", ".devcontainer/devcontainer.json"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, image := range regexp.MustCompile(`golang:([0-9.]+)`).FindAllStringSubmatch(string(content), -1) {
			if image[1] != version {
				t.Errorf("%s has Go %s, and go.mod %s", name, image[1], version)
			}
		}
	}
	if !strings.Contains(dockerfile(t)[0][1], "golang:"+version+" ") {
		t.Errorf("the image is built from %s", dockerfile(t)[0][1])
	}
}
