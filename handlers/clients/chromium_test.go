package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium runs the script on the app's own page.
func chromium(t *testing.T, file, way, url, credential string) io.Reader {
	t.Helper()
	script, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	shown := make(chan string, 16)
	hear := func(event any) { // must not wait
		if e, ok := event.(*runtime.EventConsoleAPICalled); ok {
			var line string
			_ = json.Unmarshal(e.Args[0].Value, &line)
			shown <- line
		}
	}
	ctx, _ = chromedp.NewContext(ctx, chromedp.WithListener(hear), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(findChromium(t)), chromedp.NoSandbox, chromedp.DisableGPU))
	call := fmt.Sprintf(`listen(%q, %q, %q, (line) => console.log(line)).then(() => console.log("")), true`, way, url, credential)
	if err := chromedp.Do(ctx, chromedp.Navigate("http://"+address), chromedp.Evaluate[chromedp.Void](string(script)+call)); err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	go func() {
		defer func() { _ = in.Close() }()
		for {
			select {
			case line := <-shown:
				if line == "" { // the end
					return
				}
				fmt.Fprintln(in, line)
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	needTool(t, exec.ErrNotFound, "Chromium; on Debian: apt-get install chromium")
	return ""
}
