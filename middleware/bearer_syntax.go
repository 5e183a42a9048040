package middleware

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// hasCriticalHeader tells whether the JWT demands an extension, of which this
// program knows none (RFC 7515, section 4.1.11).
func hasCriticalHeader(raw string) bool {
	var header struct {
		Critical json.RawMessage `json:"crit"`
	}
	encoded, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	return err != nil || json.Unmarshal(text, &header) != nil || header.Critical != nil
}

// isBearerToken tells whether raw has the syntax of one (RFC 6750, section 2.1).
func isBearerToken(raw string) bool {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	unpadded := strings.TrimRight(raw, "=")
	return unpadded != "" && strings.Trim(unpadded, characters) == ""
}

// bearerHeader returns the token of the Authorization header, or "" where there
// is none: another scheme, such as Basic, is no bearer token.
func bearerHeader(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return "", invalidRequest("There is more than one Authorization header. Send one.")
	}
	if len(values) == 0 {
		return "", nil
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	raw = strings.Trim(raw, " ")
	if !isBearerToken(raw) {
		return "", invalidRequest("The Authorization header is malformed. Send: Authorization: Bearer, a space, and the token.")
	}
	return raw, nil
}
