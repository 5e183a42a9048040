package handlers_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

// rewrite returns the token with its header and claims changed, and signed anew.
func rewrite(t testing.TB, raw string, method jwt.SigningMethod, key any, change func(header map[string]any, claims jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(raw, claims); err != nil {
		t.Fatal(err)
	}
	token := jwt.NewWithClaims(method, claims)
	change(token.Header, claims)
	rewritten, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	secrets.add(rewritten)
	return rewritten
}

// unchanged leaves a token as it is, so that only the signature is another.
func unchanged(map[string]any, jwt.MapClaims) {}

// forge signs the token with a key that is not the app's.
func forge(t testing.TB, raw string) string {
	t.Helper()
	return rewrite(t, raw, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), unchanged)
}

// withClaims signs other claims with the right key, as only this app could.
func withClaims(t testing.TB, raw string, change func(jwt.MapClaims)) string {
	t.Helper()
	return rewrite(t, raw, jwt.SigningMethodHS256, []byte(jwtSecret), func(_ map[string]any, claims jwt.MapClaims) { change(claims) })
}

func TestRewrittenTokenIsOtherwiseGood(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	// Without this, every test below could pass because rewrite breaks all it touches.
	if r := app.get(t, "/api/me", withClaims(t, l.Token, func(jwt.MapClaims) {})); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// The token must not choose how it is checked (RFC 8725, section 3.1).
func TestOnlyOneAlgorithm(t *testing.T) {
	app := newApp(t)
	raw := app.login(t, "alice").Token
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		name   string
		method jwt.SigningMethod
		key    any
		change func(map[string]any, jwt.MapClaims)
	}{
		{"none", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, unchanged},
		{"HS384", jwt.SigningMethodHS384, []byte(jwtSecret), unchanged},
		{"HS512", jwt.SigningMethodHS512, []byte(jwtSecret), unchanged},
		{"RS256", jwt.SigningMethodRS256, rsaKey, unchanged},
		{"says none", jwt.SigningMethodHS256, []byte(jwtSecret), func(h map[string]any, _ jwt.MapClaims) { h["alg"] = "none" }},
		{"says hs256", jwt.SigningMethodHS256, []byte(jwtSecret), func(h map[string]any, _ jwt.MapClaims) { h["alg"] = "hs256" }},
		{"says nothing", jwt.SigningMethodHS256, []byte(jwtSecret), func(h map[string]any, _ jwt.MapClaims) { delete(h, "alg") }},
		{"crit", jwt.SigningMethodHS256, []byte(jwtSecret), func(h map[string]any, _ jwt.MapClaims) { h["crit"] = []string{"exp"} }},
		{"another key", jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), unchanged},
		{"an empty key", jwt.SigningMethodHS256, []byte{}, unchanged},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			wantProblem(t, app.get(t, "/api/me", rewrite(t, raw, row.method, row.key, row.change)), 401, "invalid_token")
		})
	}
}

// Libraries check many claims only where they are present, so leaving one out could help.
func TestEveryClaimIsRequired(t *testing.T) {
	app := newApp(t)
	raw := app.login(t, "alice").Token
	for _, claim := range []string{"exp", "iat", "iss", "aud", "sub", "jti", "sid"} {
		missing := withClaims(t, raw, func(claims jwt.MapClaims) { delete(claims, claim) })
		wrongType := withClaims(t, raw, func(claims jwt.MapClaims) { claims[claim] = map[string]any{} })
		for name, altered := range map[string]string{"missing": missing, "of another type": wrongType} {
			t.Run(claim+" "+name, func(t *testing.T) {
				wantProblem(t, app.get(t, "/api/me", altered), 401, "invalid_token")
			})
		}
	}
}

// The signature of these is good. They could come from another app that has the same key.
func TestEveryClaimIsChecked(t *testing.T) {
	app := newApp(t)
	l, again, bob := app.login(t, "alice"), app.login(t, "alice"), app.login(t, "bob")
	claimsOf := func(l login) jwt.MapClaims {
		claims := jwt.MapClaims{}
		_, _, _ = jwt.NewParser().ParseUnverified(l.Token, claims)
		return claims
	}
	hour := time.Hour.Seconds()
	rows := []struct {
		name, claim string
		value       any
	}{
		{"longer life", "exp", claimsOf(l)["exp"].(float64) + hour},
		{"issued in the future", "iat", claimsOf(l)["iat"].(float64) + hour},
		{"not yet good", "nbf", claimsOf(l)["iat"].(float64) + hour},
		{"another issuer", "iss", "https://evil.example"},
		{"another audience", "aud", "https://evil.example"},
		{"other audiences", "aud", []string{"https://evil.example", "https://other.example"}},
		{"another user", "sub", claimsOf(bob)["sub"]},
		{"a token of the same user", "jti", claimsOf(again)["jti"]},
		{"a token of another user", "jti", claimsOf(bob)["jti"]},
		{"a token that was never issued", "jti", "AAAAAAAAAAAAAAAAAAAAAAAAAA"},
		{"a session of the same user", "sid", again.SessionID},
		{"a session of another user", "sid", bob.SessionID},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			altered := withClaims(t, l.Token, func(claims jwt.MapClaims) { claims[row.claim] = row.value })
			wantProblem(t, app.get(t, "/api/me", altered), 401, "invalid_token")
		})
	}
}

// Two machines may disagree about the time by seconds, and not by minutes.
func TestClockSkew(t *testing.T) {
	const life = 15 * time.Minute
	rows := []struct {
		name  string
		moved time.Duration
		code  string
	}{
		{"5 s after the end", life + 5*time.Second, ""},
		{"120 s after the end", life + 120*time.Second, "token_expired"},
		{"5 s before it was issued", -5 * time.Second, ""},
		{"120 s before it was issued", -120 * time.Second, "invalid_token"},
	}
	app := newApp(t)
	app.clock.stop()
	l := app.login(t, "alice")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			app.clock.advance(row.moved)
			defer app.clock.advance(-row.moved)
			r := app.get(t, "/api/me", l.Token)
			if row.code != "" {
				wantProblem(t, r, 401, row.code)
			} else if r.status != http.StatusOK {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

func TestOnlyOneTextIsTheToken(t *testing.T) {
	app := newApp(t)
	raw := app.login(t, "alice").Token
	// The last of 43 characters carries two spare bits. A lax decoder ignores them.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	end := strings.IndexByte(alphabet, raw[len(raw)-1])
	for spare := 1; spare < 4; spare++ {
		twin := raw[:len(raw)-1] + string(alphabet[end+spare])
		wantProblem(t, app.get(t, "/api/me", twin), 401, "invalid_token")
	}
	for _, tail := range []string{"%0A", "%20", "%00", "%0D%0A"} {
		wantProblem(t, app.get(t, "/ws/lobby?access_token="+raw+tail, ""), 400, "invalid_request")
	}
}

// Whoever tries tokens out is not to learn how close one came.
func TestInvalidTokensAreToldAlike(t *testing.T) {
	app := newApp(t)
	ended, good := app.login(t, "alice"), app.login(t, "alice")
	app.post(t, "/api/logout", ended.Token, nil)
	disabled, deleted := app.login(t, "bob"), app.login(t, "carol")
	app.exec(t, "UPDATE users SET disabled_at = created_at WHERE username = 'bob'")
	app.exec(t, "DELETE FROM users WHERE username = 'carol'")
	tokens := map[string]string{
		"no JWT":           "AAAA",
		"almost a JWT":     "AAAA.BBBB.CCCC",
		"forged":           forge(t, good.Token),
		"unsigned":         rewrite(t, good.Token, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, unchanged),
		"never issued":     withClaims(t, good.Token, func(c jwt.MapClaims) { c["jti"] = "unknown" }),
		"without exp":      withClaims(t, good.Token, func(c jwt.MapClaims) { delete(c, "exp") }),
		"for others":       withClaims(t, good.Token, func(c jwt.MapClaims) { c["aud"] = "others" }),
		"expired, forged":  forge(t, withClaims(t, good.Token, func(c jwt.MapClaims) { c["exp"] = 1 })),
		"of ended session": ended.Token,
		"of disabled user": disabled.Token,
		"of deleted user":  deleted.Token,
	}
	first := app.get(t, "/api/me", tokens["forged"])
	for name, raw := range tokens {
		t.Run(name, func(t *testing.T) {
			r := app.get(t, "/api/me", raw)
			wantProblem(t, r, 401, "invalid_token")
			wantSameProblem(t, r, first)
		})
	}
}

// The signature and the session are still good. The row of the user says no.
func TestUserIsOutAtOnce(t *testing.T) {
	rows := []struct{ name, statement string }{
		{"disabled", "UPDATE users SET disabled_at = created_at"},
		{"deleted", "DELETE FROM users"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			app := newApp(t)
			l := app.login(t, "alice")
			ticket := app.ticket(t, l, "lobby")
			app.exec(t, row.statement)
			wantProblem(t, app.get(t, "/api/me", l.Token), 401, "invalid_token")
			app.wantOut(t, by("header", l.Token), 401, "invalid_token")
			app.wantOut(t, by("ticket", ticket), 401, "invalid_token")
		})
	}
}

func TestTokenAndTicketNeverStandInForOneAnother(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	ticket := app.ticket(t, l, "lobby")
	app.wantOut(t, by("ticket", l.Token), 401, "invalid_token")
	for _, source := range []string{"header", "subprotocol", "query"} {
		app.wantOut(t, by(source, ticket), 401, "invalid_token")
	}
	wantProblem(t, app.get(t, "/api/me", ticket), 401, "invalid_token")
	wantProblem(t, app.get(t, "/api/me?ticket="+ticket, ""), 401, "no_token")
	app.wantIn(t, by("ticket", ticket), "ticket")
}

// The socket has four ways in. Everything else has the header alone.
func TestOnlyTheSocketReadsOtherWays(t *testing.T) {
	app := newApp(t)
	l := app.login(t, "alice")
	request := app.request(t, http.MethodGet, "/api/me?access_token="+l.Token, "", nil)
	request.Header = by("subprotocol", l.Token).header
	wantProblem(t, app.do(t, request), 401, "no_token")

	request = app.request(t, http.MethodGet, "/api/me", "", nil)
	request.Header["Authorization"] = []string{"Bearer " + l.Token, "Bearer " + l.Token}
	wantProblem(t, app.do(t, request), 400, "invalid_request")
	if r := app.do(t, app.request(t, http.MethodGet, "/api/me", "", nil)); r.header.Get("WWW-Authenticate") != `Bearer realm="handshake"` {
		t.Errorf("WWW-Authenticate: %q", r.header.Get("WWW-Authenticate"))
	}
}
