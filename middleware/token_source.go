package middleware

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// Sources are the ways in which a handshake can bring its credential, in the
// order in which they decide.
var Sources = []string{"header", "subprotocol", "ticket", "query"}

const (
	// Subprotocol is the one this app speaks. It says nothing of tokens, so it can be echoed.
	Subprotocol = "handshake.v1"

	bearerPrefix   = "bearer."
	protocolHeader = "Sec-Websocket-Protocol" // as net/http spells it

	viaKey    = "via"
	ticketKey = "ticket"
)

// Via tells by which of Sources the handshake came in.
func Via(c *gin.Context) string { return c.GetString(viaKey) }

// credential is what a handshake brought by one way.
type credential struct{ source, raw string }

// TokenSource finds the one credential of a handshake. A JWT goes into the
// Authorization header, where the gate looks for it; a ticket is left for
// FindTicket. What was in the URL or among the subprotocols is wiped there, so
// that nothing after this can log it or echo it.
func TokenSource(open []string) gin.HandlerFunc {
	return func(c *gin.Context) {
		found, err := readCredentials(c.Request, open)
		wipe(c.Request)
		if err != nil {
			refuse(c, err)
			return
		}
		first := found[0]
		c.Set(viaKey, first.source)
		if first.source == "ticket" {
			c.Set(ticketKey, first.raw)
		} else {
			c.Request.Header.Set("Authorization", "Bearer "+first.raw)
		}
	}
}

// readCredentials returns at least one credential of the ways that are open, or
// the reason why there is none, or more than one.
func readCredentials(r *http.Request, open []string) ([]credential, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalidRequest("The query of the URL is malformed.")
	}
	var found []credential
	var closed []string
	for _, source := range Sources {
		raw, err := readCredential(source, r, query)
		if !slices.Contains(open, source) {
			if raw != "" || err != nil {
				closed = append(closed, source)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if raw != "" {
			found = append(found, credential{source, raw})
		}
	}
	if len(found) == 0 {
		return nil, noToken(whyNone(closed, open, query))
	}
	return found, sameCredential(found)
}

func readCredential(source string, r *http.Request, query url.Values) (raw string, err error) {
	switch source {
	case "header":
		return bearerHeader(r)
	case "subprotocol":
		return bearerSubprotocol(r)
	case "ticket":
		return parameter(query, "ticket")
	default:
		return parameter(query, "access_token")
	}
}

// sameCredential allows one JWT by two ways. A ticket and a JWT always differ.
func sameCredential(found []credential) error {
	for _, other := range found[1:] {
		if other.raw != found[0].raw {
			return invalidRequest("There are two different credentials, as " + found[0].source + " and as " + other.source + ". Send one.")
		}
	}
	return nil
}

func whyNone(closed, open []string, query url.Values) string {
	ways := "Open here: " + strings.Join(open, ", ") + "."
	switch {
	case len(closed) > 0:
		return "The way in by " + strings.Join(closed, " and ") + " is closed on this server (WS_TOKEN_SOURCES). " + ways
	case slices.Contains(open, "query") && (query.Has("token") || query.Has("jwt")):
		return "There is no credential here: the query parameter is called access_token. " + ways
	default:
		return "The handshake brought no credential. " + ways
	}
}

// bearerSubprotocol reads every line of the header, as a list may be split over several.
func bearerSubprotocol(r *http.Request) (string, error) {
	var raw string
	offered := offeredSubprotocols(r)
	for _, protocol := range offered {
		token, isBearer := strings.CutPrefix(protocol, bearerPrefix)
		switch {
		case !isBearer:
			continue
		case raw != "":
			return "", invalidRequest("There is more than one bearer. subprotocol. Send one.")
		// A subprotocol is a token as HTTP has it, which "=" and "/" are not part of.
		case !isBearerToken(token) || strings.ContainsAny(token, "=/"):
			return "", invalidRequest("The bearer. subprotocol is malformed: after the dot comes the token, without padding.")
		}
		raw = token
	}
	if raw != "" && !slices.Contains(offered, Subprotocol) {
		// The token must not be echoed, and a browser that gets no subprotocol back may give up, as Chrome does.
		return "", invalidRequest("Offer the subprotocol " + Subprotocol + " beside the bearer. one: it is the one that is selected.")
	}
	return raw, nil
}

func offeredSubprotocols(r *http.Request) []string {
	var offered []string
	for _, line := range r.Header.Values(protocolHeader) {
		for protocol := range strings.SplitSeq(line, ",") {
			offered = append(offered, strings.Trim(protocol, " \t"))
		}
	}
	return offered
}

func parameter(query url.Values, name string) (string, error) {
	switch values := query[name]; {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", invalidRequest("The query parameter " + name + " is repeated. Send one.")
	case !isBearerToken(values[0]):
		return "", invalidRequest("The query parameter " + name + " is malformed.")
	default:
		return values[0], nil
	}
}

// wipe leaves only the subprotocol that may be selected, and no query.
func wipe(r *http.Request) {
	offersOurs := slices.Contains(offeredSubprotocols(r), Subprotocol)
	r.Header.Del(protocolHeader)
	if offersOurs {
		r.Header.Set(protocolHeader, Subprotocol)
	}
	r.Header.Del("Authorization")
	r.URL.RawQuery = ""
	r.RequestURI = r.URL.Path
}
