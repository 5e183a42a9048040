package middleware

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// Saw is a request as it came, in words that can be shown: no secret is whole.
type Saw struct {
	RequestID string      `json:"request_id"`
	Method    string      `json:"method"`
	Path      string      `json:"path"` // with the query
	Protocol  string      `json:"protocol"`
	Headers   []SawHeader `json:"headers"` // by name, as net/http spells them
}

// SawHeader is one line of a header.
type SawHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// plainHeaders are those shown as they are. Whatever else a client sends may be a secret.
var plainHeaders = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Connection", "Dnt", "Host", "Origin", "Pragma", "Priority", "Sec-Fetch-Dest",
	"Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-Storage-Access", "Sec-Gpc", "Sec-Websocket-Extensions", "Sec-Websocket-Key",
	"Sec-Websocket-Version", "Upgrade", "User-Agent",
}

func see(c *gin.Context) *Saw {
	r := c.Request
	saw := &Saw{RequestID: RequestID(c), Method: r.Method, Path: clean(r.URL.Path), Protocol: r.Proto}
	if r.URL.RawQuery != "" {
		saw.Path += "?" + shortenQuery(r.URL.RawQuery)
	}
	saw.Headers = []SawHeader{{"Host", clean(r.Host)}} // net/http takes it out of the others
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			saw.Headers = append(saw.Headers, SawHeader{name, shortenHeader(name, value)})
		}
	}
	return saw
}

func shortenHeader(name, value string) string {
	switch {
	case slices.Contains(plainHeaders, name):
		return clean(value)
	case name == "Authorization":
		scheme, rest, found := strings.Cut(value, " ")
		if found && strings.EqualFold(scheme, "Bearer") {
			return clean(scheme) + " " + shorten(rest)
		}
	case name == protocolHeader:
		offers := strings.Split(value, ",")
		for i, offer := range offers {
			offers[i] = shortenSubprotocol(strings.Trim(offer, " \t"))
		}
		return strings.Join(offers, ", ")
	}
	return shorten(value)
}

func shortenSubprotocol(offer string) string {
	if offer == Subprotocol {
		return offer
	}
	if token, ok := strings.CutPrefix(offer, bearerPrefix); ok {
		return bearerPrefix + shorten(token)
	}
	return shorten(offer)
}

// shortenQuery keeps the names of the parameters, unless one is so long that it may be the secret itself.
func shortenQuery(query string) string {
	parameters := strings.Split(query, "&")
	for i, parameter := range parameters {
		name, value, found := strings.Cut(parameter, "=")
		if len(name) > 16 {
			name = shorten(name)
		}
		parameters[i] = clean(name)
		if found {
			parameters[i] += "=" + shorten(value)
		}
	}
	return strings.Join(parameters, "&")
}

// shorten leaves the beginning, which is the same in every JWT, and too little of a ticket to be used.
func shorten(secret string) string {
	shown := ""
	if len(secret) >= 24 {
		shown = secret[:6]
	}
	return fmt.Sprintf("%s…(%d characters)", clean(shown), len(secret))
}

// clean makes text of what may be any bytes, as JSON holds nothing else.
func clean(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
