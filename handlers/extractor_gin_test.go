package handlers_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	"github.com/gin-gonic/gin"
)

// What gin-jwt does where it is told to look in more places than the header.
func TestTokenLookupOfGinJWT(t *testing.T) {
	gate, err := ginjwt.New(&ginjwt.GinJWTMiddleware{
		Key:         []byte(jwtSecret),
		TokenLookup: "header:Authorization,query:token,cookie:jwt",
	})
	if err != nil {
		t.Fatal(err)
	}
	good, _, err := gate.TokenGenerator(nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := good[:len(good)-4] + "AAAA"
	rows := []struct {
		name                                     string
		header, query, cookie, subprotocol, from string
		in                                       bool
	}{
		{name: "header", header: "Bearer " + good, in: true},
		{name: "query", query: good, in: true},
		{name: "cookie", cookie: good, in: true},
		{name: "subprotocol", subprotocol: good},
		{name: "none"},
		{name: "a bad header, then a good query", header: "Bearer " + bad, query: good},
		{name: "a bad query, then a good cookie", query: bad, cookie: good},
		{name: "the scheme in another case", header: "bearer " + good},
		{name: "the scheme in another case, then a good query", header: "bearer " + bad, query: good, in: true},
		{name: "another scheme, then a good cookie", header: "Basic YTpi", cookie: good, in: true},
		{name: "the cookie, from a page of another origin", cookie: good, from: "https://evil.example", in: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var log bytes.Buffer
			gin.SetMode(gin.ReleaseMode)
			router := gin.New()
			router.Use(gin.LoggerWithWriter(&log))
			router.GET("/ws/:room", gate.MiddlewareFunc(), func(c *gin.Context) { c.Status(http.StatusNoContent) })

			r := httptest.NewRequest(http.MethodGet, "/ws/lobby?token="+row.query, nil)
			for name, value := range map[string]string{"Authorization": row.header, "Origin": row.from} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			r.Header.Set("Sec-WebSocket-Protocol", "handshake.v1, bearer."+row.subprotocol)
			r.AddCookie(&http.Cookie{Name: "jwt", Value: row.cookie})
			w := httptest.NewRecorder()
			router.ServeHTTP(w, r)
			want := map[bool]int{true: http.StatusNoContent, false: http.StatusUnauthorized}[row.in]
			if w.Code != want {
				t.Errorf("%d %s, want %d", w.Code, w.Body, want)
			}
			if !strings.Contains(log.String(), "/ws/lobby?token="+row.query+`"`) {
				t.Errorf("gin's logger writes %s", &log)
			}
		})
	}
}
