package yours_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"testing"
)

const gonew = "golang.org/x/tools/cmd/gonew@v0.52.0"

// TestGonewMakesACopy publishes the checkout in a module proxy that is a folder, and has gonew copy it from there.
func TestGonewMakesACopy(t *testing.T) {
	copyOf(t) // skips a fork
	published := publish(t)
	work := t.TempDir()
	tools := t.TempDir()
	run(t, work, []string{"GOBIN=" + tools}, "go", "install", gonew)
	run(t, work, []string{
		"GOPROXY=file://" + filepath.ToSlash(published),
		"GONOSUMDB=" + original,
		"GOMODCACHE=" + filepath.Join(t.TempDir(), "modules"), // the machine's own would keep it
		"GOFLAGS=-modcacherw",                                 // so that it can be removed
	}, filepath.Join(tools, "gonew"), original, renamed)

	folder := filepath.Join(work, "shop")
	run(t, folder, nil, "go", "vet", "./...")
	run(t, folder, nil, "go", "test", "-run", "Imports|Settings", ".")
}

// publish makes a module proxy of a folder, as go help goproxy describes it.
func publish(t *testing.T) (folder string) {
	t.Helper()
	const version = "v0.1.0"
	tree := t.TempDir() // what is in the archive
	inside := filepath.Join(tree, filepath.FromSlash(original)+"@"+version)
	copyInto(t, inside)

	folder = t.TempDir()
	versions := filepath.Join(folder, filepath.FromSlash(original), "@v")
	if err := os.MkdirAll(versions, 0o700); err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(filepath.Join(inside, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"list": version + "\n", version + ".info": `{"Version":"` + version + `"}`, version + ".mod": string(module),
	} {
		if err := os.WriteFile(filepath.Join(versions, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := os.Create(filepath.Join(versions, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	files := zip.NewWriter(archive)
	if err := files.AddFS(os.DirFS(tree)); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return folder
}
