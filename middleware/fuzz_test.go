package middleware

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Whatever a handshake brings, it is one good credential or a refusal, and after
// the wipe nothing of it is left where it could be logged or echoed.
func FuzzCredentials(f *testing.F) {
	f.Add("Bearer abc.def.ghi", "", "", "")
	f.Add("", "handshake.v1, bearer.abc.def.ghi", "", "")
	f.Add("", "handshake.v1", "bearer.abc", "")
	f.Add("basic YTpi", "bearer.", ",,", "access_token=abc")
	f.Add("BEARER  a=", "", "", "ticket=a&ticket=b&access_token=%0a")
	f.Fuzz(func(t *testing.T, authorization, protocols, moreProtocols, query string) {
		r := &http.Request{Method: http.MethodGet, Header: http.Header{}, URL: &url.URL{Path: "/ws/lobby", RawQuery: query}}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		r.Header.Add(protocolHeader, protocols)
		r.Header.Add(protocolHeader, moreProtocols)

		found, err := readCredentials(r, Sources)
		if err == nil && len(found) == 0 {
			t.Fatal("neither a credential nor a refusal")
		}
		if err == nil && !isBearerToken(found[0].raw) {
			t.Fatalf("%q has come through", found[0].raw)
		}
		wipe(r)
		if left := r.Header.Get("Authorization") + r.URL.RawQuery + strings.Join(r.Header[protocolHeader], ""); left != "" && left != Subprotocol {
			t.Fatalf("%q is left", left)
		}
	})
}
