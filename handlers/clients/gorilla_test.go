package clients_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gorilla/websocket"
)

// listenWithGorilla is a client with github.com/gorilla/websocket. The URL is ws://127.0.0.1:8080/ws/lobby.
func listenWithGorilla(ctx context.Context, way, url, credential string, out io.Writer) {
	header := http.Header{}
	dialer := *websocket.DefaultDialer
	switch way {
	case "header":
		header.Set("Authorization", "Bearer "+credential)
	case "subprotocol":
		dialer.Subprotocols = []string{"handshake.v1", "bearer." + credential}
	case "ticket":
		url += "?ticket=" + credential
	case "query":
		url += "?access_token=" + credential
	}

	conn, response, err := dialer.DialContext(ctx, url, header)
	if err != nil {
		fmt.Fprintln(out, "refused:", err)
		if response != nil { // the first 1,024 bytes of the reply's body are in it
			body, _ := io.ReadAll(response.Body)
			fmt.Fprintln(out, response.Status, string(body))
		}
		return
	}
	defer func() { _ = conn.Close() }()

	for {
		_, frame, err := conn.ReadMessage()
		if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
			fmt.Fprintln(out, "ended:", closed.Code, closed.Text)
			fmt.Fprintln(out, closed)
		}
		if err != nil {
			return
		}
		fmt.Fprintln(out, string(frame))
	}
}
