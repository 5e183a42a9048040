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
	ctx      context.Context
	console  screen
	compared int // bytes of the console that have been compared
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

// inBrowser types each line into the console, and compares what they print with the comment after them.
func (w *walk) inBrowser(b block) {
	w.Helper()
	shownBefore := true
	for line := range strings.Lines(b.text) {
		shown, isComment := strings.CutPrefix(line, "// ")
		if isComment {
			w.expectPrinted(b, shown)
		} else {
			w.enter(line)
		}
		shownBefore = isComment
	}
	if !shownBefore {
		w.Errorf("README.md:%d: the last line shows nothing", b.line)
	}
}

// enter types code into the console and presses Enter.
func (w *walk) enter(code string) {
	w.Helper()
	if w.browser == nil {
		w.openBrowser()
	}
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
}

// expectPrinted compares what the console has printed since the last time.
func (w *walk) expectPrinted(b block, shown string) {
	w.Helper()
	printed := func() string { return w.browser.console.from(w.browser.compared) }
	if !eventually(patience/6, func() bool { return matches(shown, printed()) }) {
		w.Fatalf("README.md:%d: the console prints\n%s\nand the README has\n%s", b.line, printed(), shown)
	}
	w.browser.compared += len(printed())
}
