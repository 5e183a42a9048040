package handlers_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Another engine, with words of its own for what a constructor throws.
func TestFirefox(t *testing.T) {
	f := newFirefox(t)
	app := newApp(t, withDemo)
	app.tick(t)
	f.call("browsingContext.navigate", map[string]any{"context": f.context, "url": app.url, "wait": "complete"})
	f.wait(`document.body.dataset.view === "auth"`)
	f.evaluate(`document.querySelector("#guest-login").click()`)
	f.wait(`document.body.dataset.view === "join"`)
	f.evaluate(`document.querySelector("#run-all").click()`)
	f.wait(`document.querySelector("#run-all-status").textContent === "11 lanes done."`)
	for id, want := range lanes {
		got := f.evaluate(fmt.Sprintf(`document.querySelector("#lane-%s .verdict").textContent`, id))
		if id == "foreign" && got == "1006, never sent" {
			continue // its frames without an origin may open no socket under the page's policy
		}
		if got != want.verdict {
			account := f.evaluate(fmt.Sprintf(`document.querySelector("#lane-%s").innerText`, id))
			t.Errorf("%s: %v, want %s:\n%v", id, got, want.verdict, account)
		}
	}

	f.call("browsingContext.reload", map[string]any{"context": f.context, "wait": "complete"})
	f.wait(`document.body.dataset.view === "join" && document.querySelector("#notice").textContent.includes("was kept")`)
	f.evaluate(`document.querySelector("#join-submit").click()`)
	f.wait(`document.querySelector("#connection").dataset.state === "open"`)
	f.evaluate(`document.querySelector("#your-sessions").scrollIntoView()`)
	f.wait(`document.querySelector("#session-list button") !== null`)
	f.evaluate(`document.querySelector("#session-list button").click()`)
	f.wait(`document.body.dataset.view === "auth" && document.querySelector("#notice").textContent.includes("3000, “session ended”: log in again")`)
}

// firefox is driven by WebDriver BiDi, which it speaks by itself: https://w3c.github.io/webdriver-bidi/
type firefox struct {
	t       *testing.T
	conn    *websocket.Conn
	id      int
	context string
}

func newFirefox(t *testing.T) *firefox {
	t.Helper()
	skipShort(t)
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		if path, err = exec.LookPath("firefox"); err != nil {
			missing(t, "this needs Firefox; on Debian: apt-get install firefox-esr")
		}
	}
	home := t.TempDir()
	command := exec.Command(path, "--headless", "--no-remote", "--profile", home, "--remote-debugging-port", "0", "about:blank")
	command.Env = append(os.Environ(), "HOME="+home, "MOZ_CRASHREPORTER_DISABLE=1")
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if _, at, ok := strings.Cut(lines.Text(), "WebDriver BiDi listening on "); ok {
				address <- at
			}
		}
	}()
	f := &firefox{t: t}
	t.Cleanup(func() {
		if f.conn != nil {
			_ = f.conn.Close()
		}
		_ = command.Process.Kill()
		<-drained
		_ = command.Wait()
	})
	select {
	case at := <-address:
		if f.conn, _, err = websocket.DefaultDialer.Dial(at+"/session", nil); err != nil {
			t.Fatal(err)
		}
	case <-time.After(2 * patience):
		t.Fatal("Firefox did not start")
	}
	f.call("session.new", map[string]any{"capabilities": map[string]any{}})
	var tree struct{ Contexts []struct{ Context string } }
	if err := json.Unmarshal(f.call("browsingContext.getTree", map[string]any{}), &tree); err != nil || len(tree.Contexts) == 0 {
		t.Fatal("Firefox has no tab")
	}
	f.context = tree.Contexts[0].Context
	return f
}

// call sends a command and returns its result. Events in between are passed over.
func (f *firefox) call(method string, params map[string]any) json.RawMessage {
	f.t.Helper()
	f.id++
	if err := f.conn.WriteJSON(map[string]any{"id": f.id, "method": method, "params": params}); err != nil {
		f.t.Fatal(err)
	}
	for {
		var answer struct {
			ID             int
			Type           string
			Result         json.RawMessage
			Error, Message string
		}
		_ = f.conn.SetReadDeadline(time.Now().Add(2 * patience))
		if err := f.conn.ReadJSON(&answer); err != nil {
			f.t.Fatal(err)
		}
		if answer.ID != f.id {
			continue
		}
		if answer.Type == "error" {
			f.t.Fatalf("%s: %s: %s", method, answer.Error, answer.Message)
		}
		return answer.Result
	}
}

// evaluate returns what the expression is on the page, where it is plain text, a number or a truth.
func (f *firefox) evaluate(expression string) any {
	f.t.Helper()
	var evaluated struct {
		Type   string
		Result struct{ Value any }
	}
	result := f.call("script.evaluate", map[string]any{
		"expression": expression, "target": map[string]any{"context": f.context}, "awaitPromise": false,
	})
	if err := json.Unmarshal(result, &evaluated); err != nil || evaluated.Type != "success" {
		f.t.Fatalf("%s: %s", expression, result)
	}
	return evaluated.Result.Value
}

func (f *firefox) wait(condition string) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); f.evaluate(condition) != true; time.Sleep(25 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("waited in vain for %s on:\n%v", condition, f.evaluate(`document.body.innerText`))
		}
	}
}
