package hub

import "github.com/gorilla/websocket"

// Closing is why the server closes a connection, and what a client does then. TooManyConnections
// and Forbidden are not sent here: who is over the limit is refused before, and there are no roles.
type Closing struct {
	Code   int
	Reason string // the text in the close frame
	Action string // for the client
}

// 3000 and 3003 are registered for Unauthorized and Forbidden. They are those of
// the table in WIRE.md; the page's client and the README have the same.
var (
	Bye                = Closing{1000, "bye", "nothing"}
	ShuttingDown       = Closing{1001, "shutting down", "reconnect"}
	NotUTF8            = Closing{1007, "text is not UTF-8", "stop"}
	UnreadableFrame    = Closing{1008, "unreadable frame", "stop"}
	TooManyBadFrames   = Closing{1008, "too many bad frames", "stop"}
	MessageTooBig      = Closing{1009, "message too big", "stop"}
	InternalError      = Closing{1011, "internal error", "back off, reconnect"}
	TooSlow            = Closing{1013, "too slow", "back off, reconnect"}
	TooManyMessages    = Closing{1013, "too many messages", "back off, reconnect"}
	TooManyConnections = Closing{1013, "too many connections", "back off, reconnect"}
	TokenExpired       = Closing{3000, "token expired", "refresh, reconnect"}
	SessionEnded       = Closing{3000, "session ended", "log in again"}
	Forbidden          = Closing{3003, "forbidden", "stop"}
)

// Closings are all of them, in the order of their codes.
var Closings = []Closing{
	Bye, ShuttingDown, NotUTF8, UnreadableFrame, TooManyBadFrames, MessageTooBig, InternalError,
	TooSlow, TooManyMessages, TooManyConnections, TokenExpired, SessionEnded, Forbidden,
}

func (c Closing) frame() []byte {
	return frame(websocket.CloseMessage, websocket.FormatCloseMessage(c.Code, c.Reason))
}
