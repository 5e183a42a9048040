package handlers_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// Whatever a connection took must be given back, in whichever way it ends.
func TestTenThousandConnectionsLeaveNothingBehind(t *testing.T) {
	connections := 10_000
	if raceDetector() || testing.Short() {
		connections = 2_000 // each takes several times as long with the race detector
	}
	app := newApp(t, func(o *handlers.Options, limits *hub.Options) {
		o.Log = slog.New(slog.DiscardHandler) // the suite keeps what is logged
		limits.ConnectionsPerUser = 100
	})
	l := app.login(t, "alice")
	app.comeAndGo(t, l, connections/10) // until pools and caches have what they keep
	before := app.footprint(t)
	app.comeAndGo(t, l, connections)
	after := app.footprint(t)

	t.Logf("%d connections: %+v, then %+v", connections, before, after)
	if after.goroutines > before.goroutines {
		t.Errorf("there were %d goroutines, and are %d", before.goroutines, after.goroutines)
	}
	const perConnection = 100 // bytes; what the hub has for a connection is larger
	if grown := int(after.heap) - int(before.heap); grown > perConnection*connections {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}

type footprint struct {
	goroutines int
	heap       uint64 // bytes
}

// footprint is what the app takes when nobody is connected.
func (a *testApp) footprint(t *testing.T) (f footprint) {
	t.Helper()
	eventually(t, func() bool { return len(a.hub.Sockets()) == 0 })
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	f.goroutines = runtime.NumGoroutine()
	eventually(t, func() bool { // those that are about to end have ended
		last := f.goroutines
		runtime.Gosched()
		f.goroutines = runtime.NumGoroutine()
		return f.goroutines == last
	})
	runtime.GC()
	runtime.GC() // the second empties the pools
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	f.heap = stats.HeapAlloc
	return f
}

// comeAndGo opens so many connections, eight at a time, and ends them in turn as a
// client does that says so, one that just goes, and one whose machine breaks down.
func (a *testApp) comeAndGo(t *testing.T, l login, connections int) {
	t.Helper()
	const clients = 8
	url := "ws" + strings.TrimPrefix(a.url, "http") + "/ws/lobby"
	var going sync.WaitGroup
	for client := range clients {
		going.Go(func() {
			for i := range connections / clients {
				if err := visit(fmt.Sprint(url, client), bearer(l.Token), i%3); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	going.Wait()
}

func visit(url string, header http.Header, way int) error {
	conn, _, err := websocket.DefaultDialer.Dial(url, header)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, _, err := conn.ReadMessage(); err != nil { // the welcome
		return err
	}
	switch way {
	case 0:
		bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		if err := conn.WriteMessage(websocket.CloseMessage, bye); err != nil {
			return err
		}
		_, _, _ = conn.ReadMessage() // the answer
	case 1:
		return conn.NetConn().(*net.TCPConn).SetLinger(0) // closing it sends a reset
	}
	return nil
}
