package handlers_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
	"example.com/handshake/web"
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

	// What is stored says that there is a login, and cannot be used as one.
	alice.wait(`Object.keys(localStorage).join() === "handshake-session" && localStorage["handshake-session"].length === 26`)
	alice.wait(`sessionStorage.length === 0 && document.cookie === ""`)
}

// A first visit, a login, some talk, a reload and a logout leave nothing on the console.
func TestBrowserStaysQuiet(t *testing.T) {
	chrome := newChromium(t, newApp(t, withDemo))
	visitor := chrome.open(chrome.ctx, chromedp.WithNewBrowserContext())
	visitor.wait(`view() === "auth"`)
	visitor.click("#guest-login")
	visitor.wait(`view() === "join" && text("#account-name").startsWith("guest-")`)
	visitor.enter("ticket")
	visitor.say("Good morning")
	visitor.wait(`old = true`)
	_ = chromedp.Do(visitor.ctx, chromedp.Evaluate[chromedp.Void](`location.reload()`))
	visitor.wait(`typeof old === "undefined" && view() === "join"`)
	visitor.click("#logout")
	visitor.wait(`view() === "auth" && localStorage.length === 0`)
	visitor.wait(`old = true`)
	_ = chromedp.Do(visitor.ctx, chromedp.Evaluate[chromedp.Void](`location.reload()`))
	visitor.wait(`typeof old === "undefined" && view() === "auth"`)
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
		if without != "" {
			chrome.script += without
			chrome.allow("/api/refresh") // one of two may come second, and tries again
		}
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
	here.wait(`$("#your-sessions").scrollIntoView() ?? true`)
	here.wait(fmt.Sprintf(`text(%q).includes("this device") && text(%q) === "1"`, mine, other+" [data-field=sockets]"))
	here.click(other + " > button")
	there.wait(`view() === "auth" && text("#notice").includes("3000, “session ended”")`)
	here.wait(fmt.Sprintf(`$(%q) && !$(%q)`, mine, other))
	here.say("I go on")
	here.wantSockets(1)

	here.click(mine + " > button")
	here.wait(`view() === "auth" && text("#notice").includes("3000, “session ended”: log in again") && $("#sessions").hidden`)
	here.wait(`text("#code-rows .hit").startsWith("3000session ended")`)
	here.wantSockets(1)
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

// The other tab has logged out, and this one has heard nothing of it.
func TestBrowserLogsOutOfWhatHasEnded(t *testing.T) {
	chrome := newChromium(t, newApp(t)).allow("/api/")
	first := chrome.device("alice")
	second := chrome.open(first.ctx)
	second.wait(`view() === "join"`)
	first.click("#logout")
	first.wait(`view() === "auth"`)
	second.click("#logout")
	second.wait(`view() === "auth" && text("#notice") === "You are logged out."`)
	if second.is(`$("#auth").hidden || !$("#account").hidden`) {
		t.Error("the page cannot be logged in to")
	}
}

// What the client's first file shows to those who copy it does what it says.
func TestClientsExampleWorks(t *testing.T) {
	source, err := fs.ReadFile(web.Files, "js/client/index.js")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(source), "//   import ")
	example, _, found := strings.Cut("//   import "+example, "//\n// What it does")
	example = strings.ReplaceAll(regexp.MustCompile(`(?m)^//(   )?`).ReplaceAllString(example, ""), "console.log", "logged.push")
	example = regexp.MustCompile(`import (\{.*\}) from ("[^"]+");`).ReplaceAllString(example, "const $1 = client = await import($2);")
	if !found || !strings.Contains(example, "await import") {
		t.Fatalf("there is no example: %s", example)
	}
	app := newApp(t)
	chrome := newChromium(t, app).allow("/api/")
	bob := chrome.device("bob")
	bob.enter("subprotocol")
	app.post(t, "/api/register", "", map[string]string{"username": "alice", "password": password})
	page := chrome.open(chrome.ctx, chromedp.WithNewBrowserContext())
	page.wait(`view() === "auth"`)
	page.do(chromedp.Evaluate[chromedp.Void](`logged = []; client = null; (async () => {` + example + `})().catch((error) => logged.push(String(error))); void 0`))
	bob.wait(`text("#messages .message .text") === "Good morning"`)

	// Another login on the same page is another user's.
	app.post(t, "/api/register", "", map[string]string{"username": "carol", "password": password})
	page.wait(`client.login("carol", "` + password + `").then(() => relogged = client.currentSession().user.username), true`)
	page.wait(`globalThis.relogged === "carol"`)
}

// A login that is over is no reason to come back, and whoever copied the client is told of it.
func TestClientStopsWithoutALogin(t *testing.T) {
	app := newApp(t)
	chrome := newChromium(t, app).allow("/api/")
	page := chrome.open(chrome.ctx, chromedp.WithNewBrowserContext())
	page.wait(`view() === "auth"`)
	page.do(chromedp.Evaluate[chromedp.Void](`client = null; states = []; why = ""; (async () => {
		client = await import("/static/js/client/index.js");
		client.events.addEventListener("ended", ({ detail }) => (why = detail));
		lobby = new client.Connection({ room: "lobby", way: "subprotocol", onState: (state) => states.push(state), onFrame() {} });
		lobby.connect();
	})(); void 0`))
	page.wait(`states.at(-1)?.name === "closed" && states.at(-1).action === "log in again" && why === ""`)

	desk := app.login(t, "alice")
	page.wait(`client.login("alice", "` + password + `").then(() => lobby.connect()), true`)
	page.wait(`states.at(-1).name === "open"`)
	if r := app.delete(t, "/api/sessions", desk); r.status != http.StatusNoContent {
		t.Fatalf("end all: %d", r.status)
	}
	page.wait(`why !== "" && client.currentSession() === null && states.at(-1).code === 3000`)
}

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
	alice := newChromium(t, newApp(t, shortTokens)).allow("/api/refresh", "/api/sessions", "/ws/lobby").device("alice")
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
	alice := newChromium(t, newApp(t)).allow("/api/login").device("alice")
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
