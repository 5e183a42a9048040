package handlers_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// withDemo makes the app show what it sees, as it does outside release.
func withDemo(o *handlers.Options, _ *hub.Options) {
	o.Demo = func(w io.Writer) slog.Handler {
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
	}
}

// patience is for what takes a moment, unless the machine is busy.
const patience = 30 * time.Second

// chromium is a browser of the test's own.
type chromium struct {
	t      *testing.T
	app    *testApp
	ctx    context.Context
	script string // runs in every page before its own

	mu     sync.Mutex
	faults []string
	failed []string // parts of the addresses of requests that are meant to fail
}

// allow lets the browser note that such requests fail: no page can keep it from that.
func (c *chromium) allow(addresses ...string) *chromium {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = append(c.failed, addresses...)
	return c
}

func (c *chromium) isMeantToFail(note string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.failed, func(address string) bool { return strings.Contains(note, address) })
}

// newChromium starts one. At its end, nothing may have gone wrong on any page.
func newChromium(t *testing.T, app *testApp) *chromium {
	t.Helper()
	skipShort(t)
	path := findChromium(t)
	app.tick(t)
	// The defaults are headless, and without background traffic; the profile is new, and removed at the end.
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true)))
	c := &chromium{t: t, app: app, ctx: ctx, script: `
		const $ = (selector) => document.querySelector(selector);
		const text = (selector) => $(selector)?.textContent.trim() ?? "";
		const view = () => document.body?.dataset.view;
		addEventListener("securitypolicyviolation", ({ violatedDirective: rule, blockedURI }) => console.error("CSP", rule, blockedURI));`}
	t.Cleanup(func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, fault := range c.faults {
			t.Error(fault)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// skipShort leaves browsers out where the same tests have run with them already.
func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves browsers out")
	}
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "this needs Chromium; on Debian: apt-get install chromium")
	return ""
}

// tick does what the program does twice a second.
func (a *testApp) tick(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var ticking sync.WaitGroup
	ticking.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(time.Second / 4) {
			a.Tick()
			if err := a.CheckSessions(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	t.Cleanup(func() { cancel(); ticking.Wait() })
}

// tab is a page in the browser.
type tab struct {
	*chromium
	ctx     context.Context
	sockets atomic.Int64 // that it has opened so far
}

// device opens a page with cookies of its own, and logs this user in.
func (c *chromium) device(username string) *tab {
	c.t.Helper()
	c.app.post(c.t, "/api/register", "", map[string]string{"username": username, "password": password})
	device := c.open(c.ctx, chromedp.WithNewBrowserContext())
	device.click("label:has(#mode-login)")
	device.fill("#username", username)
	device.fill("#password", password)
	device.click("#auth-submit")
	device.wait(`view() === "join"`)
	return device
}

// open opens a page, beside another of the same device where that is the parent.
func (c *chromium) open(parent context.Context, options ...chromedp.ContextOption) *tab {
	c.t.Helper()
	p := &tab{chromium: c}
	p.ctx, _ = chromedp.NewContext(parent, append(options, chromedp.WithListener(p.hear))...)
	early := page.AddScriptToEvaluateOnNewDocumentParams{Source: c.script}
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, early); err != nil {
		c.t.Fatal(err)
	}
	p.do(chromedp.Navigate(c.app.url))
	return p
}

// hear notes what must not happen: an error, a report of the content policy, a request that leaves the origin.
func (p *tab) hear(event any) {
	fault := ""
	switch e := event.(type) {
	case *network.EventWebSocketCreated:
		p.sockets.Add(1)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, p.app.url+"/") {
			fault = "a request to " + e.Request.URL
		}
	case *runtime.EventExceptionThrown:
		fault = "an exception: " + e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		fault = fmt.Sprintf("on the console: %s", e.Args[0].Value)
	case *log.EventEntryAdded:
		if note := e.Entry.URL + " " + e.Entry.Text; !p.isMeantToFail(note) {
			fault = "in the log: " + note
		}
	}
	if fault != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.faults = append(p.faults, fault)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill types over what a field holds.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`$(%q).select()`, selector)), chromedp.KeyEvent(text))
}

// enter joins the lobby.
func (p *tab) enter(way string) {
	p.t.Helper()
	p.click("#way-" + way)
	p.click("#join-submit")
	p.wait(`$("#connection").dataset.state === "open"`)
}

// say sends a message, and waits for it to come back.
func (p *tab) say(message string) {
	p.t.Helper()
	p.fill("#text", message)
	p.click("#send")
	p.wait(fmt.Sprintf(`text("#messages .own:last-of-type .text") === %q`, message))
}

func (p *tab) wantSockets(n int64) {
	p.t.Helper()
	if got := p.sockets.Load(); got != n {
		p.t.Errorf("the page opened %d sockets, want %d", got, n)
	}
}

// is tells whether this is true on the page. While that is reloaded, nothing is.
func (p *tab) is(condition string) bool {
	yes, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
	return err == nil && yes
}

func (p *tab) wait(condition string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !p.is(condition); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(deadline) {
			shown, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText`))
			p.t.Fatalf("waited in vain for %s on:\n%s", condition, shown)
		}
	}
}
