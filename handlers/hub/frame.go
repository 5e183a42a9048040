package hub

import (
	"encoding/binary"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/websocket"
)

// The frames that the server sends. Each is one JSON object, its type first.
type (
	welcomeFrame struct {
		Type       string    `json:"type"` // welcome: the first frame of every connection
		Room       string    `json:"room"`
		Connection string    `json:"connection"`
		User       userField `json:"user"`
		Via        string    `json:"via"`
		ExpiresAt  time.Time `json:"expires_at"` // when the token ends
		Members    []string  `json:"members"`
		Limits     limits    `json:"limits"`
		Saw        any       `json:"saw,omitzero"`
	}
	userField struct {
		ID       string `json:"id"`
		Username string `json:"username"`
	}
	limits struct {
		MessageBytes      int64 `json:"message_bytes"`
		MessagesPerSecond int   `json:"messages_per_second"` // 0: no limit
		TextCharacters    int   `json:"text_characters"`
	}
	messageFrame struct {
		Type string    `json:"type"` // message: to everyone in the room, its sender too
		Room string    `json:"room"`
		ID   string    `json:"id"`
		From string    `json:"from"`
		Text string    `json:"text"`
		At   time.Time `json:"at"`
	}
	ackFrame struct {
		Type string         `json:"type"` // ack: to the sender of a message with a ref
		Ref  jsontext.Value `json:"ref"`
		ID   string         `json:"id"`
	}
	presenceFrame struct {
		Type string `json:"type"` // joined, left: a user's first connection in the room, or the last
		User string `json:"user"`
	}
	expiringFrame struct {
		Type      string    `json:"type"` // expiring: the token is about to end
		ExpiresAt time.Time `json:"expires_at"`
	}
	renewedFrame struct {
		Type      string    `json:"type"` // renewed: after renew
		ExpiresAt time.Time `json:"expires_at"`
	}
	errorFrame struct {
		Type   string         `json:"type"` // error: the frame was understood as bad; the connection stays
		Ref    jsontext.Value `json:"ref,omitzero"`
		Code   string         `json:"code"`
		Detail string         `json:"detail"`
	}
)

// inFrame is any frame that a client sends.
type inFrame struct {
	Type string         `json:"type"`
	Ref  jsontext.Value `json:"ref"`  // whatever the client chose; its ack or error bears the same
	Text string         `json:"text"` // of a message
	// Token is a fresh JWT, of a renew.
	Token string `json:"token"`
}

// encode returns v as a text frame ready for the wire: header and payload, unmasked,
// as a server sends it (RFC 6455, section 5.2). It is made once and sent to many.
func encode(v any) []byte {
	// A ref goes back as it came, even with half a character in it, which a browser writes as \ud83d.
	payload, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true), jsontext.PreserveRawStrings(true))
	if err != nil {
		panic(err) // the structs above hold nothing that can fail
	}
	return frame(websocket.TextMessage, payload)
}

func frame(opcode byte, payload []byte) []byte {
	const final = 1 << 7
	b := make([]byte, 0, len(payload)+10)
	b = append(b, final|opcode)
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}
