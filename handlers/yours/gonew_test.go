package yours_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const gonew = "golang.org/x/tools/cmd/gonew@v0.52.0"

// TestGonewMakesACopy publishes the checkout in a module proxy that is a folder, and has gonew copy it from there.
func TestGonewMakesACopy(t *testing.T) {
	copyOf(t) // skips a fork
	if os.Getenv("CI") != "true" {
		t.Skip("this fetches gonew: CI=true go test ./handlers/yours does it")
	}
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
	source := t.TempDir()
	copyInto(t, source)
	module, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	versions := filepath.Join(folder, filepath.FromSlash(original), "@v")
	if err := os.MkdirAll(versions, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"list":            []byte(version + "\n"),
		version + ".info": []byte(`{"Version":"` + version + `"}`),
		version + ".mod":  module,
		version + ".zip":  archive(t, source, original+"@"+version),
	} {
		if err := os.WriteFile(filepath.Join(versions, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// archive has the files of a folder below a prefix. It has no folders, which go refuses in a module.
func archive(t *testing.T, folder, prefix string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	files := zip.NewWriter(&buffer)
	tree := os.DirFS(folder)
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		file, err := files.Create(prefix + "/" + path)
		if err != nil {
			return err
		}
		_, err = file.Write(content)
		return err
	})
	if err := errors.Join(err, files.Close()); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}
