// Package load_test measures the real program, and breaks it.
//
// Beside the program runs a bare server that does nothing but WebSockets, in turn,
// so that what is reported are ratios:
//
//	go test -run '^$' -bench . -benchtime 1x ./handlers/load
//
// Where the machine has two cores, the server runs on one and the client on the other.
// The tests bring about what an operator fears: a kill, a full disk, a database that
// another program holds. Read program_test.go first: it starts what the others use.
package load_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const members = 1000

// BenchmarkHandshakes is how many handshakes a second each way in lets through.
func BenchmarkHandshakes(b *testing.B) {
	app, plain := startApp(b, 1), startBare(b)
	token := app.tokens[0]
	subprotocol := "Sec-WebSocket-Protocol: handshake.v1, bearer." + token + "\r\n"
	ways := []struct {
		name      string
		handshake func() []byte
	}{
		{"header", func() []byte { return app.bearer(token) }},
		{"subprotocol", func() []byte { return app.handshake("", subprotocol) }},
		{"query", func() []byte { return app.handshake("?access_token="+token, "") }},
		{"ticket", func() []byte { return app.handshake("?ticket="+app.ticket(token), "") }},
	}
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			compare(b, "handshakes/s",
				func() float64 { return app.handshakes(way.handshake) },
				func() float64 { return plain.handshakes(func() []byte { return plain.bearer(token) }) })
		})
	}
}

// ticket is asked for before the clock of a benchmark runs.
func (s *server) ticket(token string) string {
	s.tb.Helper()
	var out struct{ Ticket string }
	if status := s.call("/api/tickets", token, map[string]string{"room": "lobby"}, &out); status != http.StatusCreated {
		s.tb.Fatalf("ticket: %d", status)
	}
	return out.Ticket
}

// compare runs the two in turn and reports the median of their ratios.
func compare(b *testing.B, unit string, app, plain func() float64) {
	app() // to warm up
	plain()
	for b.Loop() {
		var figures, ratios []float64
		for range 7 {
			figure := app()
			figures, ratios = append(figures, figure), append(ratios, figure/plain())
		}
		b.ReportMetric(median(figures), unit)
		b.ReportMetric(median(ratios), "of-bare")
	}
	b.ReportMetric(0, "ns/op")
}

func median(figures []float64) float64 {
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// handshakes opens and closes connections, eight at a time, and returns how many a second.
func (s *server) handshakes(handshake func() []byte) float64 {
	const clients, each = 8, 200
	var requests [clients][each][]byte
	for i := range requests {
		for j := range requests[i] {
			requests[i][j] = handshake()
		}
	}
	began := time.Now()
	var running sync.WaitGroup
	for _, mine := range requests {
		running.Go(func() {
			for _, request := range mine {
				_ = s.open(request).conn.Close()
			}
		})
	}
	running.Wait()
	return clients * each / time.Since(began).Seconds()
}

// BenchmarkFanOut is deliveries a second to a full room, with so many messages under way.
func BenchmarkFanOut(b *testing.B) {
	for _, underWay := range []int{1, 16} {
		b.Run(fmt.Sprintf("%d-under-way", underWay), func(b *testing.B) {
			app, plain := startApp(b, 1), startBare(b)
			full := app.fill(members, app.bearer(app.tokens[0]))
			fullPlain := plain.fill(members, plain.handshake("", ""))
			compare(b, "deliveries/s",
				func() float64 { return full.fanOut(underWay) },
				func() float64 { return fullPlain.fanOut(underWay) })
		})
	}
}

// messages are sent in one run of fanOut.
const messages = 96

// room is one that is full. A message's text is its number in the run.
type room struct {
	peers []*peer
	left  [messages]atomic.Int32 // who has not heard it yet
	heard chan int               // the number of a message that the last member has heard
}

func (s *server) fill(members int, handshake []byte) *room {
	r := &room{heard: make(chan int, messages)}
	for range members {
		p := s.open(handshake)
		r.peers = append(r.peers, p)
		go r.listen(p)
	}
	return r
}

func (r *room) listen(p *peer) {
	for {
		payload, err := p.frame()
		if err != nil {
			return
		}
		_, rest, ok := bytes.Cut(payload, []byte(`"text":"`))
		if !ok {
			continue
		}
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		number, err := strconv.Atoi(string(text))
		if err == nil && r.left[number].Add(-1) == 0 {
			r.heard <- number
		}
	}
}

func (r *room) send(number int) {
	r.left[number].Store(int32(len(r.peers)))
	r.peers[0].say(`{"type":"message","text":"` + strconv.Itoa(number) + `"}`)
}

// fanOut keeps so many messages under way, and returns deliveries a second.
func (r *room) fanOut(underWay int) float64 {
	began := time.Now()
	for i := range messages {
		if i >= underWay {
			<-r.heard
		}
		r.send(i)
	}
	for range underWay {
		<-r.heard
	}
	return messages * members / time.Since(began).Seconds()
}
