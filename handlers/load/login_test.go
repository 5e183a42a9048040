package load_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
)

const loggingIn = 8 // clients, without pause

// BenchmarkLogins is how many a second the server's core lets in, of those that it could if it did nothing but hash.
func BenchmarkLogins(b *testing.B) {
	app := startApp(b, loggingIn)
	hash := timeOfHash(b)
	for b.Loop() {
		logins := 0
		count := app.logIn(b.Context(), func() { logins++ })
		began := time.Now()
		time.Sleep(10 * time.Second)
		count()
		perSecond := float64(logins) / time.Since(began).Seconds()
		b.ReportMetric(perSecond, "logins/s")
		b.ReportMetric(perSecond*hash.Seconds(), "of-hashing-alone")
	}
	b.ReportMetric(0, "ns/op")
}

// timeOfHash is the median on this program's core, which does nothing else.
func timeOfHash(b *testing.B) time.Duration {
	b.Helper()
	var times []time.Duration
	for range 25 {
		began := time.Now()
		if _, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// logIn lets clients log in without pause. The function that it returns stops them.
func (s *server) logIn(ctx context.Context, done func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	var one sync.Mutex
	for i := range loggingIn {
		clients.Go(func() {
			in := map[string]string{"username": "user" + strconv.Itoa(i), "password": password}
			for ctx.Err() == nil {
				if status := s.call("/api/login", "", in, nil); status != http.StatusOK {
					s.tb.Errorf("login: %d", status)
					return
				}
				one.Lock()
				done()
				one.Unlock()
			}
		})
	}
	return func() { cancel(); clients.Wait() }
}

// BenchmarkLatency is how long it takes until the last member of a room has heard a message, with
// nothing else going on and beside logins.
func BenchmarkLatency(b *testing.B) {
	for _, beside := range []string{"nothing", "logins"} {
		b.Run("beside-"+beside, func(b *testing.B) {
			app := startApp(b, loggingIn)
			talk := app.fill(100, app.bearer(app.tokens[0]))
			for b.Loop() {
				if beside == "logins" {
					defer app.logIn(b.Context(), func() {})()
				}
				times := talk.latencies(1000)
				b.ReportMetric(milliseconds(times[len(times)/2]), "p50-ms")
				b.ReportMetric(milliseconds(times[len(times)*99/100]), "p99-ms")
				b.ReportMetric(milliseconds(times[len(times)-1]), "max-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// latencies sends so many messages, a hundred a second, and returns how long each took, sorted.
func (r *room) latencies(count int) []time.Duration {
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	var times []time.Duration
	for i := range count {
		<-ticks.C
		began := time.Now()
		r.send(i % messages)
		<-r.heard
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times
}
