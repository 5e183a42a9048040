package handlers_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/golang-jwt/jwt/v4/request"
)

// What the library that many people come from really does. The first two extractors
// are those of dgrijalva/jwt-go, and the third was added by its successor.
func TestExtractorsOfJWTGo(t *testing.T) {
	rows := []struct {
		name, query, header string
		oauth2, headerOnly  string // what each extractor finds
		bearer              string
	}{
		{"header", "", "Bearer abc", "abc", "abc", "abc"},
		{"header, scheme in another case", "", "bearer abc", "abc", "abc", "abc"},
		{"header, another scheme", "", "Basic YTpi", "Basic YTpi", "Basic YTpi", ""},
		{"access_token", "?access_token=abc", "", "abc", "", ""},
		{"both", "?access_token=def", "Bearer abc", "abc", "abc", "abc"},
		{"token", "?token=abc", "", "", "", ""},
		{"jwt", "?jwt=abc", "", "", "", ""},
		{"neither", "", "", "", "", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			extractors := map[string]struct {
				request.Extractor
				want string
			}{
				"OAuth2Extractor":              {request.OAuth2Extractor, row.oauth2},
				"AuthorizationHeaderExtractor": {request.AuthorizationHeaderExtractor, row.headerOnly},
				"BearerExtractor":              {request.BearerExtractor{}, row.bearer},
			}
			for name, extractor := range extractors {
				r := httptest.NewRequest(http.MethodGet, "/ws/lobby"+row.query, nil)
				r.Header.Set("Sec-WebSocket-Protocol", "handshake.v1, bearer.xyz") // neither looks there
				if row.header != "" {
					r.Header.Set("Authorization", row.header)
				}
				got, err := extractor.ExtractToken(r)
				if got != extractor.want || errors.Is(err, request.ErrNoTokenInRequest) != (extractor.want == "") {
					t.Errorf("%s: %q, %v; want %q", name, got, err, extractor.want)
				}
			}
		})
	}
}
