package middleware_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/middleware"
	"example.com/handshake/models"
)

// Whatever a handshake brings, all of it is one good credential or a refusal. What
// was brought is in no log and no reply, nor in the request any more.
// In an input, $ stands for a good token and # for a good ticket.
func FuzzCredentials(f *testing.F) {
	const all, browsers = 0b1111, 0b0110
	for _, seed := range []struct{ header, again, protocols, more, query string }{
		{"Bearer $", "", "", "", ""},
		{"bEARER  $ ", "", "handshake.v1, bearer.$", "", "access_token=$"},
		{"Bearer $", "Bearer $", "", "", ""},
		{"Bearer $=", "", "", "", ""},
		{"Bearer $\n", "", "", "", ""},
		{"Bearer $.$", "", "", "", "ticket=#"},
		{"Basic YTpi", "", "handshake.v1,\tbearer.$", "", ""},
		{"Bearer a,Bearer $", "", "", "", ""},
		{"", "", "handshake.v1", "bearer.$", ""},
		{"", "", "bearer.$", "handshake.v2", ""},
		{"", "", "handshake.v1, bearer.$, bearer.$", "", ""},
		{"", "", ",,bearer.", "handshake.v1", "ticket=#"},
		{"", "", "handshake.v1", "", "ticket=#"},
		{"", "", "handshake.v1", "", "ticket=$&access_token=#"},
		{"", "", "", "", "access_token=$"},
		{"", "", "", "", "access_token=$%0A"},
		{"", "", "", "", "access_token=$&access_token=$"},
		{"", "", "", "", "access%5Ftoken=$&x=%"},
		{"", "", "", "", "token=$;jwt=$"},
	} {
		f.Add(seed.header, seed.again, seed.protocols, seed.more, seed.query, byte(all))
		f.Add(seed.header, seed.again, seed.protocols, seed.more, seed.query, byte(browsers))
	}
	g := newFuzzGate(f)
	f.Fuzz(func(t *testing.T, header, again, protocols, more, query string, open byte) {
		stand := strings.NewReplacer("$", g.token, "#", g.ticket)
		request := func() *http.Request {
			r := &http.Request{Method: http.MethodGet, Header: http.Header{}, URL: &url.URL{Path: "/ws/lobby", RawQuery: stand.Replace(query)}}
			r.RequestURI = r.URL.RequestURI()
			for i, value := range []string{header, again, protocols, more} {
				if value != "" {
					name := []string{"Authorization", "Sec-Websocket-Protocol"}[i/2]
					r.Header.Add(name, stand.Replace(value))
				}
			}
			return r
		}
		var ways []string
		var alone []outcome
		for i, way := range middleware.Sources {
			if open>>i&1 == 1 {
				ways = append(ways, way)
				alone = append(alone, g.ask(t, request(), []string{way}))
			}
		}
		if len(ways) == 0 {
			return // no setting says so
		}
		if got, want := g.ask(t, request(), ways), together(alone); got != want {
			t.Errorf("by each of %q: %+v, and by all: %+v", ways, alone, got)
		}
	})
}

// outcome is what became of a handshake.
type outcome struct {
	via, raw string // the credential that was found
	code     string // of the refusal; empty: it was let in
}

// together is what becomes of a handshake by ways of which each alone would come to this.
func together(alone []outcome) outcome {
	first := outcome{code: "no_token"}
	for _, one := range alone {
		switch {
		case one.code == "invalid_request", first.raw != "" && one.raw != "" && one.raw != first.raw:
			return outcome{code: "invalid_request"}
		case first.raw == "":
			first = one
		}
	}
	return first
}

// fuzzGate is the gate, and somebody whom it would let in.
type fuzzGate struct {
	db            *models.DB
	bearer        *middleware.Bearer
	token, ticket string
}

func newFuzzGate(f *testing.F) fuzzGate {
	f.Helper()
	gin.SetMode(gin.ReleaseMode)
	db, bearer := newBearer(f)
	raw, id := newToken(f, db, bearer)
	ticket, err := db.Tickets.Issue(f.Context(), id, "lobby", time.Now().Add(time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	return fuzzGate{db, bearer, raw, ticket}
}

var bearerSyntax = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`) // RFC 6750, section 2.1

// ask sends a handshake to the gate, with these ways open.
func (g fuzzGate) ask(t *testing.T, r *http.Request, ways []string) (got outcome) {
	t.Helper()
	var log bytes.Buffer
	ticket := r.URL.Query().Get("ticket")
	router := gin.New()
	router.GET("/ws/:room",
		middleware.AccessLog(slog.New(slog.NewTextHandler(&log, nil))),
		func(c *gin.Context) {
			c.Next()
			got.via = middleware.Via(c)
			for _, err := range c.Errors {
				refusal, ok := errors.AsType[*middleware.Refusal](err.Err)
				if !ok {
					t.Fatal(err)
				}
				got.code = refusal.Code
				fmt.Fprintln(&log, refusal.Detail)
			}
		},
		middleware.TokenSource(ways),
		func(c *gin.Context) { got.raw = strings.TrimPrefix(c.GetHeader("Authorization"), "Bearer ") },
		middleware.FindTicket(g.db.Tickets, time.Now),
		g.bearer.Gate,
		func(c *gin.Context) { c.Status(http.StatusNoContent) })
	reply := httptest.NewRecorder()
	router.ServeHTTP(reply, r)

	good := g.token
	if got.via == "ticket" {
		got.raw, good = ticket, g.ticket
	}
	if letIn := reply.Code == http.StatusNoContent; letIn != (got.code == "") || letIn != (got.raw == good) {
		t.Errorf("%+v, with status %d", got, reply.Code)
	}
	if got.via != "" && (!slices.Contains(ways, got.via) || !bearerSyntax.MatchString(got.raw)) {
		t.Errorf("by one of %q has come %+v", ways, got)
	}
	g.checkNothingIsLeft(t, r, got, log.String()+fmt.Sprint(reply.Header(), reply.Body))
	return got
}

func (g fuzzGate) checkNothingIsLeft(t *testing.T, r *http.Request, got outcome, told string) {
	t.Helper()
	signature := g.token[strings.LastIndex(g.token, ".")+1:]
	if strings.Contains(told, signature) || strings.Contains(told, g.ticket) {
		t.Errorf("a secret is in %s", told)
	}
	protocol := strings.Join(r.Header["Sec-Websocket-Protocol"], ",")
	authorization := r.Header.Get("Authorization")
	if r.URL.RawQuery != "" || r.RequestURI != r.URL.Path ||
		protocol != "" && protocol != middleware.Subprotocol ||
		authorization != "" && authorization != "Bearer "+got.raw {
		t.Errorf("this is left: %s %v", r.RequestURI, r.Header)
	}
}
