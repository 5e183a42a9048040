// Package yours_test does in a copy of the checkout what the README's section "Make it yours" says.
package yours_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

const (
	original = "example.com/" + "handshake" // in two parts, so that a renamed copy still knows it
	renamed  = "github.com/you/shop"
)

// copyOf is a copy of the checkout, which a fork has no use for: there the section has done its work.
func copyOf(t *testing.T) (folder string) {
	t.Helper()
	if info, ok := debug.ReadBuildInfo(); !ok || info.Main.Path != original {
		t.Skip("this module has a path of its own")
	}
	folder = t.TempDir()
	copyInto(t, folder)
	return folder
}

func copyInto(t *testing.T, folder string) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(folder, strings.TrimPrefix(path, root))
		switch {
		case entry.IsDir() && slices.Contains([]string{".git", "data", "node_modules"}, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular() || entry.Name() == ".git": // which is a file in a worktree
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a program in the folder, which must go well.
func run(t *testing.T, folder string, environment []string, name string, args ...string) (output string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = folder
	command.Env = append(os.Environ(), environment...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// needTools skips a test on a machine that lacks what it needs. In CI that is a failure.
func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") == "true" {
			t.Fatalf("this needs %s: %v", name, err)
		} else if err != nil {
			t.Skipf("this needs %s: %v", name, err)
		}
	}
}

// section is the README's, with its subsections.
func section(t *testing.T, folder string) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(readme), "\n## Make it yours\n")
	text, _, ended := strings.Cut(after, "\n## ")
	if !found || !ended {
		t.Fatal("the README has no such section")
	}
	return text
}

// shell returns the section's commands, block by block.
func shell(t *testing.T, folder string) (blocks []string) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)\n```sh\n(.*?)```").FindAllStringSubmatch(section(t, folder), -1) {
		blocks = append(blocks, block[1])
	}
	if len(blocks) != 2 {
		t.Fatalf("want the commands that rename and that leave a note, got %q", blocks)
	}
	return blocks
}

// renamedCopy is a copy, renamed by the README's own command.
func renamedCopy(t *testing.T) (folder string) {
	t.Helper()
	needTools(t, "sh", "find", "perl")
	folder = copyOf(t)
	run(t, folder, nil, "sh", "-c", shell(t, folder)[0])
	if got := strings.TrimSpace(run(t, folder, nil, "go", "list", "-m")); got != renamed {
		t.Fatalf("the module is %s", got)
	}
	return folder
}

// Those of handlers take the longest: they are run where the recipe has been followed.
var quick = []string{"test", ".", "./middleware/...", "./migrations", "./models"}

func TestRenamedCopyPassesItsTests(t *testing.T) {
	folder := renamedCopy(t)
	for path, content := range goFiles(t, folder) {
		if strings.Contains(content, original) {
			t.Errorf("%s still has the old name", path)
		}
	}
	run(t, folder, nil, "go", "vet", "./...")
	run(t, folder, nil, "go", quick...)
}

func goFiles(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
