package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/websocket"
)

const (
	maxTextCharacters = 4096
	maxBadFrames      = 10 // in a row
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// hear reads one message and does what it says. The error is the connection's.
func (c *client) hear(kind int, message io.Reader) error {
	text := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(text)
	text.Reset()
	if _, err := text.ReadFrom(io.LimitReader(message, c.hub.options.MessageBytes+1)); err != nil {
		return err
	}
	switch {
	case int64(text.Len()) > c.hub.options.MessageBytes:
		c.end(MessageTooBig)
	case kind != websocket.TextMessage:
		c.end(UnreadableFrame)
	case !utf8.Valid(text.Bytes()):
		c.end(NotUTF8)
	default:
		c.obey(text.Bytes())
	}
	return nil
}

func (c *client) obey(text []byte) {
	var in inFrame
	// A browser sends half an emoji as \ud83d. It is understood as U+FFFD, the replacement character.
	if err := json.Unmarshal(text, &in, jsontext.AllowInvalidUTF8(true)); err != nil {
		c.onInvalidFrame(text)
		return
	}
	switch in.Type {
	case "message":
		c.onMessage(in)
	case "renew":
		c.onRenew(in)
	default:
		c.refuse(in, "unknown_type", "This server knows frames of the types message and renew.")
	}
}

// onInvalidFrame looks for the ref, which may stand behind the fault that ended the reading.
func (c *client) onInvalidFrame(text []byte) {
	var known struct {
		Ref jsontext.Value `json:"ref"`
	}
	err := json.Unmarshal(text, &known, jsontext.AllowInvalidUTF8(true))
	if _, isSyntax := errors.AsType[*jsontext.SyntacticError](err); isSyntax {
		c.end(UnreadableFrame)
		return
	}
	c.refuse(inFrame{Ref: known.Ref}, "invalid_frame", "A frame is one JSON object whose type, text and token are strings.")
}

// onRenew moves the connection's end to that of a fresh token of the same user and session.
func (c *client) onRenew(in inFrame) {
	fresh, err := c.renew(in.Token)
	switch {
	case errors.Is(err, ErrTokenExpired):
		c.end(TokenExpired)
	case errors.Is(err, ErrTokenInvalid):
		c.end(SessionEnded)
	case err != nil:
		c.sayError(in, "unavailable", "The token could not be checked just now. Try again.")
	case fresh.UserID != c.userID || fresh.SessionID != c.sessionID:
		c.end(SessionEnded)
	default:
		c.bad = 0
		c.setEnd(fresh)
		c.send(encode(renewedFrame{"renewed", fresh.ExpiresAt}))
	}
}

func (c *client) onMessage(in inFrame) {
	if n := utf8.RuneCountInString(in.Text); n < 1 || n > maxTextCharacters {
		c.refuse(in, "invalid_text", fmt.Sprintf("A text has 1 to %d characters.", maxTextCharacters))
		return
	}
	c.bad = 0
	id := c.hub.say(c, in.Text)
	if hasRef(in) {
		c.send(encode(ackFrame{"ack", in.Ref, id}))
	}
}

// refuse tells the client of a bad frame, and ends one that sends nothing else.
func (c *client) refuse(in inFrame, code, detail string) {
	if c.bad++; c.bad >= maxBadFrames {
		c.end(TooManyBadFrames)
		return
	}
	c.sayError(in, code, detail)
}

func (c *client) sayError(in inFrame, code, detail string) {
	out := errorFrame{Type: "error", Code: code, Detail: detail}
	if hasRef(in) {
		out.Ref = in.Ref
	}
	c.send(encode(out))
}

func hasRef(in inFrame) bool { return len(in.Ref) > 0 && in.Ref.Kind() != 'n' }
