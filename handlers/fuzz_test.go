package handlers

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"example.com/handshake/middleware"
)

// Whatever a body is, it is read as another reader of JSON would, or refused with a
// problem. In an input, $ stands for a password: it is in no log, and in no reply
// but as the name of a member, where it stood.
func FuzzLoginBody(f *testing.F) {
	for _, body := range []string{
		`{"username":"alice","password":"$"}`,
		`{"username":"alice","username":"bob"}`,
		`{"user\u006eame":"alice","username":"$"}`,
		`{"Username":"alice"}{}`,
		`{"username":"$","password":"$"}`,
		`{"username":5,"password":null}`,
		`{"username":"alice","password":["$"]}`,
		`{"$":{"$":"$"}}`,
		"{\"password\":\"\xff\\ud800\"}",
		`{"password":"e\u0301e\u0301e\u0301e\u0301"}`,
		`{"username":"alice","password":"password1"}`,
		`{"username":"alice"}` + strings.Repeat(" ", maxBodyBytes),
		"[]", "null", "",
	} {
		f.Add("application/json", body)
	}
	f.Add("Application/JSON; charset=utf-8", `{}`)
	f.Add("application/json, text/plain", `{}`)
	f.Add("text/plain", `{"password":"$"}`)

	var log bytes.Buffer
	var read *credentials
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	logger := slog.New(slog.NewTextHandler(&log, nil))
	router.POST("/", middleware.AccessLog(logger), writeProblems(logger), handle(func(c *gin.Context) error {
		var in credentials
		if err := readBody(c, &in); err != nil {
			return err
		}
		read = &in
		return in.validate()
	}))
	f.Fuzz(func(t *testing.T, contentType, body string) {
		const secret = "correct horse battery"
		body = strings.ReplaceAll(body, "$", secret)
		log.Reset()
		read = nil
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		request.Header.Set("Content-Type", contentType)
		reply := httptest.NewRecorder()
		router.ServeHTTP(reply, request)

		if read != nil {
			if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), "application/json") || len(body) > maxBodyBytes || !utf8.ValidString(body) {
				t.Errorf("this was read: %q of %q", body, contentType)
			}
			if want := readFlat(t, body); *read != want {
				t.Errorf("read %q, want %q", *read, want)
			}
		}
		told := reply.Body.String()
		if reply.Code != http.StatusOK {
			told = checkProblem(t, reply)
		}
		if strings.Contains(told+log.String(), secret) {
			t.Errorf("a secret is in %s %s", told, &log)
		}
	})
}

// readFlat reads an object of strings with encoding/json, token by token.
func readFlat(t *testing.T, body string) (in credentials) {
	t.Helper()
	members := map[string]*string{"username": &in.Username, "password": &in.Password}
	tokens := json.NewDecoder(strings.NewReader(body))
	if open, err := tokens.Token(); open != json.Delim('{') {
		if open == nil && err == nil { // null, which is as good as {}
			return in
		}
		t.Fatalf("%q begins with %v (%v)", body, open, err)
	}
	for tokens.More() {
		name, _ := tokens.Token()
		value, err := tokens.Token()
		member := members[name.(string)]
		if err != nil || member == nil {
			t.Fatalf("%q has %v twice, or should not have it (%v)", body, name, err)
		}
		*member, _ = value.(string)
		delete(members, name.(string))
	}
	_, _ = tokens.Token() // the closing brace
	if _, err := tokens.Token(); err != io.EOF {
		t.Fatalf("something follows in %q", body)
	}
	return in
}

// checkProblem returns what the server itself says in a problem.
func checkProblem(t *testing.T, reply *httptest.ResponseRecorder) string {
	t.Helper()
	var told problem
	if err := json.Unmarshal(reply.Body.Bytes(), &told); err != nil {
		t.Fatal(err)
	}
	if told.Status != reply.Code || statuses[told.Code] != reply.Code || reply.Code >= 500 || told.Detail == "" {
		t.Errorf("%d: %+v", reply.Code, told)
	}
	said := told.Detail
	for _, one := range told.Errors {
		if one.Detail == "" {
			t.Errorf("no detail: %+v", told)
		}
		said += one.Detail
	}
	return said
}
