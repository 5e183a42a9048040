package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
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

func TestBrowsersTalk(t *testing.T) {
	chrome := newChromium(t, newApp(t))
	alice, bob := chrome.device("alice"), chrome.device("bob")
	alice.enter("subprotocol")
	bob.enter("ticket")
	alice.wait(`text("#members").includes("bob")`)

	const markup = `<img src=x onerror=alert(1)><b>hello</b>`
	bob.say(markup)
	alice.say("I read it as you wrote it")
	alice.wait(fmt.Sprintf(`text("#messages .message:not(.own) .text") === %q`, markup))
	alice.wait(`!$("#messages img, #messages b")`)

	alice.wait(`localStorage.length === 0 && sessionStorage.length === 0 && document.cookie === ""`)
}

func TestBrowserWaysIn(t *testing.T) {
	alice := newChromium(t, newApp(t)).device("alice")
	for way, told := range map[string]string{"subprotocol": "in the list of subprotocols", "ticket": "your ticket", "query": "in the address"} {
		alice.enter(way)
		alice.wait(fmt.Sprintf(`text("#status").includes(%q)`, told))
		alice.click("#leave")
	}
	alice.wait(`$("#way-header").disabled`)
}

// Tabs share the cookie that a refresh uses up. Plain http has no locks to take turns by, except on localhost.
func TestBrowserKeepsLoginOverReload(t *testing.T) {
	chrome := newChromium(t, newApp(t))
	for _, without := range []string{"", `Object.defineProperty(Navigator.prototype, "locks", {value: undefined});`} {
		chrome.script += without
		first := chrome.device("alice")
		tabs := []*tab{first, chrome.open(first.ctx)}
		tabs[1].wait(`view() === "join"`)
		for range 3 {
			for _, tab := range tabs {
				tab.wait(`old = true`)
				_ = chromedp.Do(tab.ctx, chromedp.Evaluate[chromedp.Void](`location.reload()`))
			}
			for _, tab := range tabs {
				tab.wait(`typeof old === "undefined" && view() && view() !== "restore"`)
				tab.wait(`view() === "join" && text("#account-name") === "alice" && text("#notice").includes("was kept")`)
			}
		}
		first.enter("subprotocol")
	}
}

func TestBrowserEndsAnotherSession(t *testing.T) {
	chrome := newChromium(t, newApp(t))
	here, there := chrome.device("alice"), chrome.device("alice")
	here.enter("subprotocol")
	there.enter("subprotocol")

	const mine, other = "#session-list li:nth-child(1)", "#session-list li:nth-child(2)"
	here.click("#show-sessions")
	here.wait(fmt.Sprintf(`text(%q).includes("this device") && text(%q) === "1"`, mine, other+" [data-field=sockets]"))
	here.click(other + " > button")
	there.wait(`view() === "auth" && text("#notice").includes("3000, “session ended”")`)
	here.wait(fmt.Sprintf(`$(%q) && !$(%q)`, mine, other))
	here.click("#sessions-close")
	here.say("I go on")
	here.wantSockets(1)

	here.click("#show-sessions")
	here.click(mine + " > button")
	here.wait(`view() === "auth" && text("#notice").includes("ended") && !$("#sessions").open`)
}

func TestBrowserLogoutClosesTheSessionsSockets(t *testing.T) {
	chrome := newChromium(t, newApp(t))
	first, other := chrome.device("alice"), chrome.device("alice")
	second := chrome.open(first.ctx)
	for _, tab := range []*tab{first, second, other} {
		tab.enter("subprotocol")
	}
	first.click("#logout")
	first.wait(`view() === "auth" && text("#notice") === "You are logged out."`)
	second.wait(`view() === "auth" && text("#notice").includes("3000, “session ended”")`)
	other.say("I go on")
	other.wantSockets(1)
}

func shortTokens(o *handlers.Options, _ *hub.Options) { o.AccessTokenTTL = 5 * time.Second }

func TestBrowserRenewsItsSocket(t *testing.T) {
	app := newApp(t, shortTokens)
	alice := newChromium(t, app).device("alice")
	alice.enter("subprotocol")
	alice.wait(`seen = [], new MutationObserver(() => seen.push(text("#status-code"))).observe($("#status-code"), {childList: true}), true`)
	alice.wait(`/Token ends in 0:0[1-5]/.test(text("#countdown"))`)
	alice.wait(`String(seen).startsWith("expiring,renewed,expiring,renewed")`)
	alice.say("It is the same connection")

	l := app.login(t, "alice")
	if r := app.do(t, app.request(t, http.MethodDelete, "/api/sessions", l.Token, nil)); r.status != http.StatusNoContent {
		t.Fatalf("%d %s", r.status, r.body)
	}
	alice.wait(`view() === "auth" && text("#notice").includes("3000, “session ended”")`)
	alice.wantSockets(1)
}

func TestBrowserComesBackAfterExpiry(t *testing.T) {
	alice := newChromium(t, newApp(t, shortTokens)).device("alice")
	alice.enter("subprotocol")
	alice.wait(`Math.random = () => 0.1`) // short waits
	block := func(path string) {
		pattern := &network.BlockPattern{URLPattern: alice.app.url + path, Block: true}
		if _, err := chromedp.Call(alice.ctx, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{pattern}}); err != nil {
			t.Fatal(err)
		}
	}
	block("/api/refresh")
	alice.wait(`text("#status").includes("nothing to get in with")`)
	block("/nothing")
	alice.wait(`text("#messages").includes("You are back.")`)
	alice.wantSockets(2)
}

func TestBrowserWaitsWhenThrottled(t *testing.T) {
	alice := newChromium(t, newApp(t)).device("alice")
	alice.click("#logout")
	alice.wait(`view() === "auth"`)
	alice.wait(`counted = false, new MutationObserver(() => counted ||= /in 0:\d\d/.test(text("#auth-submit"))).observe($("#auth-submit"), {childList: true}), true`)
	for range 30 {
		if alice.is(`counted`) {
			break
		}
		alice.fill("#password", "not the password")
		alice.click("#auth-submit")
		alice.wait(`text("#auth-error")`)
	}
	alice.wait(`counted && !$("#auth-submit").disabled && text("#wait-over") === "You can try again now."`)
	alice.fill("#password", password)
	alice.click("#auth-submit")
	alice.wait(`view() === "join"`)
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
}

// newChromium starts one. At its end, nothing may have gone wrong on any page.
func newChromium(t *testing.T, app *testApp) *chromium {
	t.Helper()
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

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "this needs Chromium; on Debian: apt-get install chromium"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
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
		// The browser itself notes each refusal of the API, as of a first visit's refresh. No page can keep it from that.
		if e.Entry.Source != "network" || !strings.HasPrefix(e.Entry.URL, p.app.url+"/api/") {
			fault = "in the log: " + e.Entry.Text
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
