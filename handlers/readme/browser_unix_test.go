//go:build unix

package readme_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"strings"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a page of the app, with the console of the developer tools.
type browser struct {
	ctx     context.Context
	console screen
}

func findChromium() (path string, err error) {
	for _, name := range []string{"/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", err
}

func (w *walk) openBrowser() {
	w.Helper()
	path, err := findChromium()
	if err != nil {
		w.Fatal(err)
	}
	w.browser = &browser{}
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithListener(w.browser.hear), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-component-update", true)))
	w.Cleanup(cancel)
	w.browser.ctx = ctx
	if err := chromedp.Do(ctx, chromedp.Navigate("http://"+w.address)); err != nil {
		w.Fatal(err)
	}
}

// hear keeps what is printed on the console.
func (b *browser) hear(event any) {
	called, ok := event.(*runtime.EventConsoleAPICalled)
	if !ok {
		return
	}
	var words []string
	for _, arg := range called.Args {
		var text string
		if json.Unmarshal([]byte(arg.Value), &text) != nil {
			text = arg.Description
		}
		words = append(words, text)
	}
	_, _ = b.console.Write([]byte(strings.Join(words, " ") + "\n"))
}

// inBrowser types the lines up to a comment into the console, and compares what that prints with the comment.
func (w *walk) inBrowser(b block) {
	w.Helper()
	code := ""
	for line := range strings.Lines(b.text) {
		if shown, ok := strings.CutPrefix(line, "// "); ok {
			w.evaluate(b, code, shown)
			code = ""
		} else {
			code += line
		}
	}
	if code != "" {
		w.Errorf("README.md:%d: this shows nothing:\n%s", b.line, code)
	}
}

func (w *walk) evaluate(b block, code, shown string) {
	w.Helper()
	if w.browser == nil {
		w.openBrowser()
	}
	start := len(w.browser.console.from(0))
	ctx, cancel := context.WithTimeout(w.browser.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: code, ReplMode: new(true), AwaitPromise: new(true)})
	if err != nil {
		w.Fatal(err)
	}
	if thrown := result.ExceptionDetails; thrown != nil {
		message, _, _ := strings.Cut(thrown.Exception.Description, "\n") // without the stack
		_, _ = w.browser.console.Write([]byte(message + "\n"))
	}
	if !eventually(patience/6, func() bool { return matches(shown, w.browser.console.from(start)) }) {
		w.Fatalf("README.md:%d: the console prints\n%s\nand the README has\n%s", b.line, w.browser.console.from(start), shown)
	}
}
