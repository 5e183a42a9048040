package handlers

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/handshake/middleware"
)

// Whatever a body is, it is read, or refused with a code that has a status.
func FuzzLoginBody(f *testing.F) {
	f.Add(`{"username":"alice","password":"correct horse"}`)
	f.Add(`{"username":"alice","username":"bob"}`)
	f.Add(`{"Username":"alice"}{}`)
	f.Add(`{"username":5,"password":null}`)
	f.Add("{\"password\":\"\xff\\ud800\"}")
	f.Add("[]")
	f.Fuzz(func(t *testing.T, body string) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodPost, "/api/login", strings.NewReader(body))
		c.Request.Header.Set("Content-Type", "application/json")
		var in credentials
		err := readBody(c, &in)
		if err == nil {
			_ = in.validate()
			return
		}
		told, ok := errors.AsType[*middleware.Refusal](err)
		if !ok || statuses[told.Code] == 0 || told.Detail == "" {
			t.Fatalf("%v", err)
		}
	})
}
