package handlers_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// lanes are what must come of each, by what the browser and the server really did:
// the page's verdict, and words that its account of it must have.
var lanes = map[string]struct {
	verdict string
	account []string
}{
	"none":        {"1006, refused with 401", []string{"401 no_token", "code=no_token"}},
	"header":      {"SyntaxError", []string{"subprotocol '[object Object]' is invalid", "Nothing was sent"}},
	"subprotocol": {"101, open", []string{"picked handshake.v1", `"via":"subprotocol"`, "Sec-Websocket-Protocol: handshake.v1, bearer.eyJhbG…(", "status=101", "via=subprotocol"}},
	"ticket":      {"101, open", []string{`"via":"ticket"`, "?ticket=", "…(26 characters) HTTP/1.1", "via=ticket"}},
	"query":       {"101, open", []string{`"via":"query"`, "?access_token=eyJhbG…(", "[GIN] ", "route=/ws/:room"}},
	"token":       {"1006, refused with 401", []string{"401 no_token", "the query parameter is called access_token", "?token=eyJhbG…("}},
	"alone":       {"1006, refused with 400", []string{"426 upgrade_required", "400 invalid_request", "Sec-Websocket-Protocol: bearer.eyJhbG…("}},
	"padding":     {"SyntaxError", []string{"is invalid", "Nothing was sent"}},
	"expired":     {"1006, refused with 401", []string{"401 token_expired", "code=token_expired"}},
	"foreign":     {"1006, refused with 403", []string{"426 upgrade_required", "403 origin_not_allowed", "Origin: null", "Its origin was null"}},
	"spent":       {"1006, refused with 401", []string{"401 invalid_token", "code=invalid_token"}},
}

// newReader opens the page outside release, for somebody who has just logged in.
func newReader(t *testing.T) *tab {
	t.Helper()
	return newChromium(t, newApp(t, withDemo)).allow("/ws/lane-").device("alice")
}

func (p *tab) runAll() {
	p.t.Helper()
	p.click("#run-all")
	p.wait(`text("#run-all-status") === "11 lanes done."`)
}

func TestLanesEndAsTheyMust(t *testing.T) {
	alice := newReader(t)
	alice.wait(`import("/static/js/client/index.js").then(({ currentSession }) => token = currentSession().token), true`)
	alice.runAll()
	alice.wait(fmt.Sprintf(`document.querySelectorAll(".lane").length === %d`, len(lanes)))
	for id, want := range lanes {
		card := "#lane-" + id
		if !alice.is(fmt.Sprintf(`text("%s .verdict") === %q`, card, want.verdict)) {
			t.Errorf("%s: %s", id, alice.text(card+" .verdict"))
		}
		for _, words := range want.account {
			if account := alice.text(card + " .outcome"); !strings.Contains(account, words) {
				t.Errorf("%s: no %q in %s", id, words, account)
			}
		}
	}
	secret := alice.value(`token`)
	secrets.add(secret)
	wantNoSecret(t, alice.text("body"), secret)
}

func TestEachLaneRunsByItself(t *testing.T) {
	alice := newReader(t)
	for id, want := range lanes {
		alice.click("#lane-" + id + " .row button")
		alice.wait(fmt.Sprintf(`text("#lane-%s .verdict") === %q`, id, want.verdict))
	}
}

// Without a login there is one thing to try, and the page says how to try the others.
func TestLanesBeforeTheLogin(t *testing.T) {
	chrome := newChromium(t, newApp(t, withDemo)).allow("/ws/lane-")
	visitor := chrome.open(chrome.ctx, chromedp.WithNewBrowserContext())
	visitor.wait(`view() === "auth" && document.querySelectorAll(".lane .row button:enabled").length === 1`)
	visitor.click("#try")
	visitor.wait(`text("#try-out").includes("SyntaxError: ")`)
	visitor.click("#run-all")
	visitor.wait(`text("#run-all-status") === "1 lane done." && text("#lane-none .verdict") === "1006, refused with 401"`)
}

// In release the server says nothing of what it saw, and signs nothing that has expired.
func TestLanesInRelease(t *testing.T) {
	withoutQuery := func(o *handlers.Options, _ *hub.Options) {
		o.TokenSources = []string{"header", "subprotocol", "ticket"}
	}
	alice := newChromium(t, newApp(t, withoutQuery)).allow("/ws/lane-").device("alice")
	alice.wait(`$("#way-query").disabled && text("#way-query-hint").startsWith("Closed") && !$("#way-ticket").disabled`)
	alice.wait(`$("#guest").hidden && $("#saw-note").hidden && !$("#lane-expired")`)
	alice.click("#run-all")
	alice.wait(`text("#run-all-status") === "10 lanes done."`)
	alice.wait(`text("#lane-subprotocol .verdict") === "101, open" && text("#lane-none .outcome").includes("401 no_token")`)
	for _, lane := range []string{"alone", "foreign"} { // of which the question cannot be the same
		alice.wait(fmt.Sprintf(`text("#lane-%[1]s .verdict") === "1006, refused" && text("#lane-%[1]s .outcome").includes("answered differently")`, lane))
	}
	alice.wait(`!text("body").includes("The line in this server’s log")`)
}

// What the page hands to the reader works as it is, with the reader's token in it.
func TestCopiedSnippetsRun(t *testing.T) {
	alice := newReader(t)
	alice.wait(`navigator.clipboard.writeText = async (text) => { copied = text }, true`)
	python := "/usr/bin/python3" // the one that has Debian's packages, where there are several
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	for language, run := range map[string]struct {
		ending  string
		command []string
	}{
		"python": {"py", []string{python}},
		"node":   {"cjs", []string{"node"}},
		"curl":   {"sh", []string{"sh"}},
		"go":     {"go", []string{"go", "run"}},
	} {
		alice.wait(fmt.Sprintf(`$("[value=%s]").click(), copied = "", true`, language))
		alice.click("#copy")
		alice.wait(`copied && text("#copied").startsWith("Copied, with your token")`)
		if alice.is(`text("#snippet").includes("eyJhbG")`) {
			t.Error("the token is shown without being asked for")
		}
		snippet := alice.value(`copied`)
		t.Run(language, func(t *testing.T) {
			switch {
			case language == "python" && exec.Command(python, "-c", "import websocket").Run() != nil:
				missing(t, "this needs Python with websocket-client; on Debian: apt-get install python3-websocket")
			case language == "curl" && exec.Command("curl", "--version").Run() != nil:
				missing(t, "this needs curl; on Debian: apt-get install curl")
			case language == "node":
				snippet = beforeNode22(t) + snippet
			}
			file := filepath.Join(t.TempDir(), "snippet."+run.ending)
			if err := os.WriteFile(file, []byte(snippet), 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.Command(run.command[0], append(run.command[1:], file)...)
			command.Env = append(os.Environ(), "NODE_PATH="+os.Getenv("HANDSHAKE_NODE_MODULES"))
			out, err := command.CombinedOutput()
			if language == "curl" && err != nil && err.Error() == "exit status 28" {
				err = nil // its time was over, as it was told
			}
			if err != nil || !strings.Contains(string(out), `"type":"welcome"`) || !strings.Contains(string(out), `"via":"header"`) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// beforeNode22 is what the page says to put on top where Node has no WebSocket that takes headers.
func beforeNode22(t *testing.T) string {
	t.Helper()
	version, err := exec.Command("node", "--version").Output()
	if err != nil {
		missing(t, "this needs Node.js; on Debian: apt-get install nodejs")
	}
	var major int
	if _, err := fmt.Sscanf(string(version), "v%d.", &major); err != nil {
		t.Fatal(err)
	}
	if major >= 22 {
		return ""
	}
	if _, err := os.Stat(filepath.Join(os.Getenv("HANDSHAKE_NODE_MODULES"), "ws")); err != nil {
		missing(t, "this needs ws in the node_modules that HANDSHAKE_NODE_MODULES names: npm install ws")
	}
	return "const WebSocket = require(\"ws\");\n"
}

// missing skips a test on a person's machine, and fails it in CI.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// narrow is the least width that the page is made for.
const narrow = 360

// TestPageIsAccessible looks at every state of the page, in both themes, narrow and wide.
func TestPageIsAccessible(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join(os.Getenv("HANDSHAKE_NODE_MODULES"), "axe-core", "axe.min.js"))
	if err != nil {
		missing(t, "this needs axe-core in the node_modules that HANDSHAKE_NODE_MODULES names: npm install axe-core")
	}
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{narrow, 1280} {
			t.Run(fmt.Sprint(theme, width), func(t *testing.T) {
				app := newApp(t, withDemo)
				chrome := newChromium(t, app).allow("/ws/lane-", "/api/")
				p := chrome.open(chrome.ctx, chromedp.WithNewBrowserContext())
				p.look(theme, width)
				check := func(state string) {
					t.Helper()
					p.wait(`document.documentElement.scrollWidth <= innerWidth`)
					// Over the debugger, as the page's policy lets no foreign script in.
					p.do(chromedp.Evaluate[chromedp.Void](string(axe) + `; found = null; axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
						found = violations.map(({ id, help, nodes }) => id + ": " + help + " " + nodes.map(({ html }) => html.slice(0, 120)).join(" | ")).join("\n"), (error) => found = String(error)); void 0`))
					p.wait(`found !== null`)
					if found := p.value(`found`); found != "" {
						t.Errorf("%s: %s", state, found)
					}
				}
				p.wait(`view() === "auth"`)
				check("before the login")
				p.click("#auth-submit")
				p.wait(`$("#username").getAttribute("aria-invalid")`)
				check("a faulty form")
				p.click("#guest-login")
				p.wait(`view() === "join"`)
				p.click("#reveal")
				p.runAll()
				p.wait(`document.querySelectorAll("details").forEach((one) => one.open = true), text("#session-list") || $("#sessions").scrollIntoView()`)
				check("all lanes run, all details open")
				p.enter("subprotocol")
				p.say("Good morning")
				check("in a room")
				p.wait(`Math.random = () => 0.9`) // a wait that can be looked at
				app.hub.EndSessions(slices.Collect(maps.Keys(app.hub.Sockets())), hub.TooSlow)
				p.wait(`$("#connection").dataset.state === "waiting" && /^Again in 0:0[1-4]$/.test(text("#countdown"))`)
				check("waiting to come back")
				p.wait(`$("#connection").dataset.state === "open"`)
				p.wait(`text("#session-list") || $("#sessions").scrollIntoView()`)
				p.click("#session-list li > button")
				p.wait(`view() === "auth" && text("#notice")`)
				check("the session ended")
			})
		}
	}
}

func (p *tab) look(theme string, width int64) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		p.t.Fatal(err)
	}
	size := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1}
	if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, size); err != nil {
		p.t.Fatal(err)
	}
}

// text is what an element says, shown or not.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return p.value(fmt.Sprintf(`text(%q)`, selector))
}

func (p *tab) value(expression string) string {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		p.t.Fatal(err)
	}
	return value
}

// The keyboard alone does everything: Tab reaches each control, Enter and Space press it.
func TestKeyboardAlone(t *testing.T) {
	chrome := newChromium(t, newApp(t, withDemo)).allow("/ws/lane-")
	p := chrome.open(chrome.ctx, chromedp.WithNewBrowserContext())
	p.wait(`view() === "auth"`)
	p.tabTo("guest-login", "\r")
	p.wait(`view() === "join" && document.activeElement.id === "inside-title"`)
	p.tabTo("try", "\r")
	p.wait(`text("#try-out").includes("SyntaxError")`)
	p.tabTo("run-all", " ")
	p.wait(`text("#run-all-status") === "11 lanes done."`)
	p.tabTo("room-name", "\r")
	p.wait(`$("#connection").dataset.state === "open" && document.activeElement.id === "text"`)
	p.do(chromedp.KeyEvent("By keyboard\r"))
	p.wait(`text("#messages .own .text") === "By keyboard"`)
	p.tabTo("end-all", "\r")
	p.wait(`view() === "auth" && document.activeElement.id === "guest-login" && $("#username").value === ""`) // nobody knows the password
}

// tabTo presses Tab until the element has the focus, and then that key.
func (p *tab) tabTo(id, key string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !p.is(fmt.Sprintf(`document.activeElement.id === %q`, id)); {
		if time.Now().After(deadline) {
			p.t.Fatalf("Tab does not get to %s", id)
		}
		p.do(chromedp.KeyEvent("\t"))
	}
	p.do(chromedp.KeyEvent(key))
}
