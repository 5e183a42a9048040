package clients_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/coder/websocket"
)

// listenWithCoder is a client with github.com/coder/websocket. The URL is ws://127.0.0.1:8080/ws/lobby.
func listenWithCoder(ctx context.Context, way, url, credential string, out io.Writer) {
	options := websocket.DialOptions{HTTPHeader: http.Header{}}
	switch way {
	case "header":
		options.HTTPHeader.Set("Authorization", "Bearer "+credential)
	case "subprotocol":
		options.Subprotocols = []string{"handshake.v1", "bearer." + credential}
	case "ticket":
		url += "?ticket=" + credential
	case "query":
		url += "?access_token=" + credential
	}

	conn, response, err := websocket.Dial(ctx, url, &options)
	if err != nil {
		fmt.Fprintln(out, "refused:", err)
		if response != nil { // the first 1,024 bytes of the reply's body are in it
			body, _ := io.ReadAll(response.Body)
			fmt.Fprintln(out, response.Status, string(body))
		}
		return
	}
	defer func() { _ = conn.CloseNow() }()

	for {
		_, frame, err := conn.Read(ctx)
		if closed, ok := errors.AsType[websocket.CloseError](err); ok {
			fmt.Fprintln(out, "ended:", int(closed.Code), closed.Reason)
			fmt.Fprintln(out, err)
		}
		if err != nil {
			return
		}
		fmt.Fprintln(out, string(frame))
	}
}
