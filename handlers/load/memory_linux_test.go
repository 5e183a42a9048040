package load_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// BenchmarkMemory is what an idle connection keeps of the server's memory.
func BenchmarkMemory(b *testing.B) {
	for _, idle := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("%d-idle", idle), func(b *testing.B) {
			for b.Loop() {
				folder := b.TempDir()
				app := startAppIn(b, folder)
				token := app.login("alice") // whose password took memory to hash
				app.kill()
				app = startAppIn(b, folder)
				each := app.memoryOf(idle, app.bearer(token))
				app.kill()
				plain := startBare(b)
				eachPlain := plain.memoryOf(idle, plain.handshake("", ""))
				plain.kill()
				b.ReportMetric(each/1024, "KiB/connection")
				b.ReportMetric(each/eachPlain, "of-bare")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// memoryOf opens so many connections, and returns the bytes that each of them takes.
func (s *server) memoryOf(connections int, handshake []byte) float64 {
	s.tb.Helper()
	for range 100 { // what the first ones take is not theirs alone
		_ = s.open(handshake).conn.Close()
	}
	before := s.resident()
	var peers []*peer
	for range connections {
		peers = append(peers, s.open(handshake))
	}
	time.Sleep(5 * time.Second) // what only the handshakes needed is given back
	taken := s.resident() - before
	for _, p := range peers {
		_ = p.conn.Close()
	}
	return float64(taken) / float64(connections)
}

var residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// resident is how much of the machine's memory the server has, in bytes.
func (s *server) resident() int {
	s.tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Pid))
	line := residentLine.FindSubmatch(status)
	if line == nil {
		s.tb.Fatal(err)
	}
	kilobytes, _ := strconv.Atoi(string(line[1]))
	return kilobytes << 10
}
