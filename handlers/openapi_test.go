package handlers_test

import (
	"bytes"
	"maps"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// contract is the OpenAPI document that the app serves, and what was held against it.
type contract struct {
	document any
	compiler *jsonschema.Compiler
	held     map[string]bool // "POST /api/login 200"
}

const contractURL = "https://app.example.com/openapi.yaml"

func newContract(t testing.TB, app *testApp) *contract {
	t.Helper()
	r := app.get(t, "/openapi.yaml", "")
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/yaml" { // RFC 9512
		t.Fatalf("%d %v", r.status, r.header)
	}
	text, err := yaml.YAMLToJSON(r.body)
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{compiler: jsonschema.NewCompiler(), held: map[string]bool{}}
	c.compiler.AssertFormat()
	if c.document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if err := c.compiler.AddResource(contractURL, c.document); err != nil {
		t.Fatal(err)
	}
	return c
}

// object goes down the document by names. It also returns the names of the place where it arrives, which a $ref
// at the end leads away to.
func (c *contract) object(names ...string) (map[string]any, []string) {
	object, _ := c.document.(map[string]any)
	for _, name := range names {
		object, _ = object[name].(map[string]any)
	}
	if ref, ok := object["$ref"].(string); ok {
		return c.object(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return object, names
}

// operations are all that the document has: "GET /api/me".
func (c *contract) operations() (operations []string) {
	paths, _ := c.object("paths")
	for path, item := range paths {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				operations = append(operations, strings.ToUpper(method)+" "+path)
			}
		}
	}
	return operations
}

// hold holds a reply against what the document says of the operation.
func (c *contract) hold(t testing.TB, operation string, r reply) {
	t.Helper()
	method, path, _ := strings.Cut(operation, " ")
	at := []string{"paths", path, strings.ToLower(method), "responses", strconv.Itoa(r.status)}
	if response, _ := c.object(at...); response == nil {
		at[4] = "default"
	}
	response, place := c.object(at...)
	if response == nil {
		t.Fatalf("%s has no answer %d: %s", operation, r.status, r.body)
	}
	c.held[operation+" "+at[4]] = true

	headers, _ := response["headers"].(map[string]any)
	for name := range headers {
		header, place := c.object(slices.Concat(place, []string{"headers", name})...)
		value := r.header.Get(name)
		if value == "" {
			if header["required"] == true {
				t.Errorf("%s: %d without %s", operation, r.status, name)
			}
		} else if err := c.validate(value, append(place, "schema")...); err != nil {
			t.Errorf("%s: %d: %s: %v", operation, r.status, name, err)
		}
	}
	for _, name := range []string{"WWW-Authenticate", "Retry-After"} {
		if r.header.Get(name) != "" && headers[name] == nil && at[4] != "default" {
			t.Errorf("%s: %d has %s, of which the contract says nothing", operation, r.status, name)
		}
	}
	c.holdBody(t, operation, response, place, r)
}

func (c *contract) holdBody(t testing.TB, operation string, response map[string]any, place []string, r reply) {
	t.Helper()
	content, _ := response["content"].(map[string]any)
	kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	switch {
	case content == nil: // nothing is said of it
	case content[kind] == nil:
		t.Errorf("%s: %d is %s", operation, r.status, kind)
	default:
		body := any(string(r.body))
		if strings.HasSuffix(kind, "json") {
			var err error
			if body, err = jsonschema.UnmarshalJSON(bytes.NewReader(r.body)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.validate(body, append(place, "content", kind, "schema")...); err != nil {
			t.Errorf("%s: %d: %v in %s", operation, r.status, err, r.body)
		}
	}
}

// validate holds a value against the schema at a place, which is written as a JSON pointer (RFC 6901).
func (c *contract) validate(value any, place ...string) error {
	pointer := contractURL + "#"
	for _, name := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	schema, err := c.compiler.Compile(pointer)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func TestOpenAPIDocumentIsWellFormed(t *testing.T) {
	c := newContract(t, newApp(t))
	official, err := jsonschema.NewCompiler().Compile(filepath.Join("testdata", "openapi-3.1.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := official.Validate(c.document); err != nil {
		t.Error(err)
	}
	schemas, _ := c.object("components", "schemas")
	for name := range schemas {
		if _, err := c.compiler.Compile(contractURL + "#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenAPIHasEveryRouteAndNoOther(t *testing.T) {
	app := newApp(t, withDemo)
	var routes []string
	for _, route := range app.Handler.(*gin.Engine).Routes() {
		if route.Method != http.MethodHead { // it is GET without the body
			routes = append(routes, route.Method+" "+regexp.MustCompile(`[:*](\w+)`).ReplaceAllString(route.Path, "{$1}"))
		}
	}
	operations := newContract(t, app).operations()
	slices.Sort(routes)
	slices.Sort(operations)
	if !slices.Equal(routes, operations) {
		t.Errorf("the router has\n%s\nand web/openapi.yaml\n%s", strings.Join(routes, "\n"), strings.Join(operations, "\n"))
	}
}

func TestOpenAPIHasEveryCode(t *testing.T) {
	source, err := os.ReadFile("problem.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	for _, line := range regexp.MustCompile(`"(\w+)": +http\.Status`).FindAllSubmatch(source, -1) {
		codes[string(line[1])] = true
	}
	code, _ := newContract(t, newApp(t)).object("components", "schemas", "Problem", "properties", "code")
	documented := map[string]bool{}
	for _, one := range code["enum"].([]any) {
		documented[one.(string)] = true
	}
	if len(codes) == 0 || !maps.Equal(codes, documented) {
		t.Errorf("problem.go has %v and web/openapi.yaml %v", codes, documented)
	}
}

// TestOpenAPIHoldsForLiveReplies asks for every answer that the document has, success and failure.
func TestOpenAPIHoldsForLiveReplies(t *testing.T) {
	app := newApp(t, withDemo, func(_ *handlers.Options, o *hub.Options) { o.ConnectionsPerUser, o.Connections = 1, 2 })
	c := newContract(t, app)
	alice, loggedIn := app.loginReply(t, "alice")
	c.hold(t, "POST /api/login", loggedIn)

	c.holdBodies(t, app, alice.Token)
	c.holdTokens(t, app, alice.Token)
	c.holdPage(t, app)
	c.holdRefresh(t, app, loggedIn.cookie(t))
	c.holdSocket(t, app, alice)
	c.holdDemo(t, app, alice)

	c.hold(t, "GET /api/me", app.get(t, "/api/me", alice.Token))
	c.hold(t, "GET /api/sessions", app.get(t, "/api/sessions", alice.Token))
	end := func(path, token string) reply { return app.do(t, app.request(t, http.MethodDelete, path, token, nil)) }
	c.hold(t, "DELETE /api/sessions/{id}", end("/api/sessions/none", alice.Token))
	c.hold(t, "DELETE /api/sessions/{id}", end("/api/sessions/"+alice.SessionID, alice.Token))
	c.hold(t, "DELETE /api/sessions", end("/api/sessions", app.login(t, "alice").Token))
	c.hold(t, "POST /api/logout", app.post(t, "/api/logout", app.login(t, "alice").Token, nil))

	late := app.login(t, "alice")
	c.holdThrottles(t, app)
	app.Drain()
	c.hold(t, "GET /readyz", app.get(t, "/readyz", ""))
	if err := app.db.Close(); err != nil {
		t.Fatal(err)
	}
	c.holdFailures(t, app, late.Token)

	for _, operation := range c.operations() {
		method, path, _ := strings.Cut(operation, " ")
		responses, _ := c.object("paths", path, strings.ToLower(method), "responses")
		for status := range responses {
			if !c.held[operation+" "+status] && status != "default" {
				t.Errorf("no reply was held against %s %s", operation, status)
			}
		}
	}
}

func (c *contract) holdBodies(t *testing.T, app *testApp, token string) {
	bob := map[string]string{"username": "bob", "password": password}
	c.hold(t, "POST /api/register", app.post(t, "/api/register", "", bob)) // 201
	c.hold(t, "POST /api/register", app.post(t, "/api/register", "", bob)) // 409
	c.hold(t, "POST /api/login", app.post(t, "/api/login", "", map[string]string{"username": "bob", "password": "not his"}))
	c.hold(t, "POST /api/tickets", app.post(t, "/api/tickets", token, map[string]string{"room": "lobby"}))
	for _, path := range []string{"/api/register", "/api/login", "/api/tickets"} {
		for _, body := range []string{`{"username":1}`, `{"room":""}`, "{}}", "[]", strings.Repeat(" ", 5000)} {
			c.hold(t, "POST "+path, app.postAs(t, path, token, "application/json", body))
		}
		c.hold(t, "POST "+path, app.postAs(t, path, token, "text/plain", "{}"))
	}
}

// holdTokens brings no token, a malformed one and a wrong one to whatever wants one.
func (c *contract) holdTokens(t *testing.T, app *testApp, token string) {
	for _, operation := range c.operations() {
		method, path, _ := strings.Cut(operation, " ")
		if needs, _ := c.object("paths", path, strings.ToLower(method)); !slices.Contains(schemes(needs), "bearer") {
			continue
		}
		path = strings.NewReplacer("{id}", "x", "{room}", "lobby").Replace(path)
		for _, bad := range []string{"", "a b", forge(t, token)} {
			c.hold(t, operation, app.do(t, app.request(t, method, path, bad, nil)))
		}
	}
}

// schemes are the ways in that an operation has.
func schemes(operation map[string]any) (names []string) {
	alternatives, _ := operation["security"].([]any)
	for _, alternative := range alternatives {
		names = slices.AppendSeq(names, maps.Keys(alternative.(map[string]any)))
	}
	return names
}

func (c *contract) holdPage(t *testing.T, app *testApp) {
	files := map[string]string{
		"/": "/", "/openapi.yaml": "/openapi.yaml",
		"/static/index.html": "/static/{path}", "/static/app.css": "/static/{path}", "/static/js/app.js": "/static/{path}",
		"/static/favicon.svg": "/static/{path}", "/static/openapi.yaml": "/static/{path}", "/static/nothing": "/static/{path}",
		"/livez": "/livez", "/readyz": "/readyz",
	}
	for path, template := range files {
		r := app.get(t, path, "")
		c.hold(t, "GET "+template, r)
		if tag := r.header.Get("ETag"); tag != "" {
			again := app.request(t, http.MethodGet, path, "", nil)
			again.Header.Set("If-None-Match", tag)
			c.hold(t, "GET "+template, app.do(t, again)) // 304
		}
	}
}

func (c *contract) holdRefresh(t *testing.T, app *testApp, cookie *http.Cookie) {
	r := app.refresh(t, cookie.Value)
	r.cookie(t) // from now on it is searched for in the log
	var l login
	r.into(t, &l)
	secrets.add(l.Token)
	c.hold(t, "POST /api/refresh", r)
	c.hold(t, "POST /api/refresh", app.refresh(t, "none"))
	foreign := app.request(t, http.MethodPost, "/api/refresh", "", nil)
	foreign.Header.Set("Origin", "https://elsewhere.example")
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	c.hold(t, "POST /api/refresh", app.do(t, foreign))
}

func (c *contract) holdSocket(t *testing.T, app *testApp, alice login) {
	const join = "GET /ws/{room}"
	ask := func(path string, l login, header ...string) {
		t.Helper()
		request := app.request(t, http.MethodGet, path, l.Token, nil)
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		c.hold(t, join, app.do(t, request))
	}
	ask("/ws/lobby", alice)                                        // 426
	ask("/ws/a.b", alice)                                          // 400 for the room
	ask("/ws/lobby?access_token=other", alice)                     // 400 for two credentials
	ask("/ws/lobby", alice, "Upgrade", "websocket")                // 400 for the handshake
	ask("/ws/lobby", alice, "Origin", "https://elsewhere.example") // 403
	socket, r := app.dial(t, "/ws/lobby", bearer(alice.Token))     // 101
	c.hold(t, join, r)
	ask("/ws/lobby", alice) // 429
	bob := app.login(t, "bob")
	app.join(t, bob, "lobby")
	ask("/ws/lobby", app.login(t, "carol")) // 503
	_ = socket.Close()
}

// holdDemo asks what the server saw of a handshake, and of one that was refused.
func (c *contract) holdDemo(t *testing.T, app *testApp, alice login) {
	const sighting = "GET /api/demo/handshakes/{room}"
	for _, header := range []http.Header{bearer(alice.Token), {}} {
		app.dial(t, "/ws/"+lane, header)
		c.hold(t, sighting, app.get(t, "/api/demo/handshakes/"+lane, alice.Token))
	}
	c.hold(t, sighting, app.get(t, "/api/demo/handshakes/"+lane, alice.Token)) // 404
	expired := app.post(t, "/api/demo/expired-token", alice.Token, nil)
	var l login
	expired.into(t, &l)
	secrets.add(l.Token)
	c.hold(t, "POST /api/demo/expired-token", expired)
}

func (c *contract) holdThrottles(t *testing.T, app *testApp) {
	for range 6 {
		c.hold(t, "POST /api/login", app.try(t, "", "nobody", "wrong password"))
	}
	for range 300 {
		if _, err := app.db.Attempts.Register(t.Context(), "127.0.0.1", app.clock.now()); err != nil {
			t.Fatal(err)
		}
	}
	c.hold(t, "POST /api/register", app.from(t, "", "/api/register", "dave", password))
}

// holdFailures asks everything of an app whose database has gone.
func (c *contract) holdFailures(t *testing.T, app *testApp, token string) {
	credentials := map[string]string{"username": "alice", "password": password}
	c.hold(t, "POST /api/register", app.post(t, "/api/register", "", credentials))
	c.hold(t, "POST /api/login", app.post(t, "/api/login", "", credentials))
	c.hold(t, "POST /api/refresh", app.refresh(t, strings.Repeat("A", 52)))
	c.hold(t, "GET /api/me", app.get(t, "/api/me", token))
	c.hold(t, "GET /ws/{room}", app.get(t, "/ws/lobby", token))
	c.hold(t, "GET /readyz", app.get(t, "/readyz", ""))
}
