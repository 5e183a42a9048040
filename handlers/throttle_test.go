package handlers_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
)

// try logs in and returns the answer; address is what the proxy says of the client.
func (a *testApp) try(t testing.TB, address, username, password string) reply {
	t.Helper()
	return a.from(t, address, "/api/login", username, password)
}

func (a *testApp) from(t testing.TB, address, path, username, password string) reply {
	t.Helper()
	body := []byte(`{"username":` + strconv.Quote(username) + `,"password":` + strconv.Quote(password) + `}`)
	request := a.request(t, http.MethodPost, path, "", bytes.NewReader(body))
	request.Header.Set("X-Forwarded-For", address)
	return a.do(t, request)
}

// behindProxy believes the test's X-Forwarded-For.
func behindProxy(o *handlers.Options, _ *hub.Options) { o.TrustedProxies = []string{"127.0.0.0/8"} }

// wait returns the Retry-After of a refusal, in seconds, and 0 of anything else.
func (r reply) wait(t testing.TB) int {
	t.Helper()
	if r.status != http.StatusTooManyRequests {
		return 0
	}
	seconds, err := strconv.Atoi(r.header.Get("Retry-After"))
	if err != nil || r.code() != "too_many_attempts" {
		t.Fatalf("%v %s", r.header, r.body)
	}
	return seconds
}

func TestWrongPasswordsWaitLongerEachTime(t *testing.T) {
	for _, username := range []string{"alice", "nobody"} { // of whom one exists
		t.Run(username, func(t *testing.T) {
			app := newApp(t, behindProxy)
			app.login(t, "alice")
			for range 5 {
				if r := app.try(t, "192.0.2.1", username, "wrong password"); r.status != http.StatusUnauthorized {
					t.Fatalf("one of the first five: %d %s", r.status, r.body)
				}
			}
			for _, want := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
				for range 2 { // being refused does not make it longer
					if got := app.try(t, "192.0.2.1", username, password).wait(t); got != want {
						t.Fatalf("the wait is %d s, want %d", got, want)
					}
				}
				app.clock.advance(time.Duration(want) * time.Second)
				if r := app.try(t, "192.0.2.1", username, "wrong password"); r.status != http.StatusUnauthorized {
					t.Fatalf("after the wait of %d s: %d", want, r.status)
				}
			}
			if r := app.try(t, "192.0.2.2", "ALICE", password); r.status != http.StatusOK {
				t.Errorf("from another address: %d %s", r.status, r.body)
			}
		})
	}
}

func TestRightPasswordAfterTheWaitClearsIt(t *testing.T) {
	app := newApp(t, behindProxy)
	app.login(t, "alice")
	for range 5 {
		app.try(t, "192.0.2.1", "Alice", "wrong password")
	}
	app.clock.advance(time.Second)
	if r := app.try(t, "192.0.2.1", "alice", password); r.status != http.StatusOK {
		t.Fatalf("the right one after the wait: %d %s", r.status, r.body)
	}
	for range 5 {
		if r := app.try(t, "192.0.2.1", "alice", "wrong password"); r.status != http.StatusUnauthorized {
			t.Fatalf("it was not cleared: %d", r.status)
		}
	}
}

func TestAHundredWrongPasswordsBlockForTheWindow(t *testing.T) {
	tests := []struct {
		name string
		try  func(i int) (address, username string)
		// one that is blocked then, and one that is not
		blockedAddress, blockedUser, freeAddress, freeUser string
	}{
		{"one account from anywhere",
			func(i int) (string, string) { return "192.0.2." + strconv.Itoa(i), "alice" },
			"198.51.100.1", "alice", "198.51.100.1", "bob"},
		{"one address for anyone",
			func(i int) (string, string) { return "192.0.2.1", "user" + strconv.Itoa(i) },
			"192.0.2.1", "bob", "198.51.100.1", "bob"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := newApp(t, behindProxy)
			app.login(t, "alice")
			app.login(t, "bob")
			for i := range 100 {
				address, username := test.try(i)
				if r := app.try(t, address, username, "wrong password"); r.status != http.StatusUnauthorized {
					t.Fatalf("number %d: %d %s", i+1, r.status, r.body)
				}
			}
			wait := app.try(t, test.blockedAddress, test.blockedUser, password).wait(t)
			if wait < 14*60 || wait > 15*60 {
				t.Fatalf("the wait is %d s, want the rest of 15 min", wait)
			}
			if r := app.try(t, test.freeAddress, test.freeUser, password); r.status != http.StatusOK {
				t.Errorf("one who did nothing: %d %s", r.status, r.body)
			}
			app.clock.advance(time.Duration(wait) * time.Second)
			if r := app.try(t, test.blockedAddress, test.blockedUser, password); r.status != http.StatusOK {
				t.Errorf("after the wait: %d %s", r.status, r.body)
			}
		})
	}
}

func TestGuessingAtOnceGainsNothing(t *testing.T) {
	app := newApp(t)
	app.login(t, "alice")
	var tries sync.WaitGroup
	var wrong, refused lockedCount
	for range 40 {
		tries.Go(func() {
			switch r := app.try(t, "", "alice", "wrong password"); r.status {
			case http.StatusUnauthorized:
				wrong.add()
			case http.StatusTooManyRequests:
				refused.add()
			default:
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	tries.Wait()
	// A wait of 1 s may pass while the others are still hashed.
	if wrong.n < 5 || wrong.n > 8 || wrong.n+refused.n != 40 {
		t.Errorf("%d guesses were answered and %d refused, want about 5 answered", wrong.n, refused.n)
	}
}

func TestRegistrationsAreThrottled(t *testing.T) {
	app := newApp(t, behindProxy)
	for i := range 300 {
		if wait, err := app.db.Attempts.Register(context.Background(), "192.0.2.1", app.clock.now()); wait != 0 || err != nil {
			t.Fatalf("number %d: %v %v", i+1, wait, err)
		}
	}
	wait := app.from(t, "192.0.2.1", "/api/register", "alice", password).wait(t)
	if wait < 59*60 || wait > 60*60 {
		t.Fatalf("the wait is %d s, want the rest of an hour", wait)
	}
	if r := app.from(t, "192.0.2.2", "/api/register", "alice", password); r.status != http.StatusCreated {
		t.Errorf("from another address: %d %s", r.status, r.body)
	}
	app.clock.advance(time.Duration(wait) * time.Second)
	if r := app.from(t, "192.0.2.1", "/api/register", "bob", password); r.status != http.StatusCreated {
		t.Errorf("after the wait: %d %s", r.status, r.body)
	}
}

func TestOneNetworkOfIPv6IsOneAddress(t *testing.T) {
	app := newApp(t, behindProxy)
	app.login(t, "alice")
	for i := range 5 {
		app.try(t, "2001:db8:1:2::"+strconv.Itoa(i), "alice", "wrong password")
	}
	if wait := app.try(t, "2001:db8:1:2:ffff::1", "alice", password).wait(t); wait != 1 {
		t.Errorf("the same /64 waits %d s", wait)
	}
	if r := app.try(t, "2001:db8:1:3::1", "alice", password); r.status != http.StatusOK {
		t.Errorf("another /64: %d", r.status)
	}
}

// A client that has gone is counted as well.
func TestLeavingEarlyDoesNotEscapeTheThrottle(t *testing.T) {
	app := newApp(t)
	app.login(t, "alice")
	app.clock.stop()
	for range 40 { // of which five must have come as far as the hash
		conn, err := net.Dial("tcp", strings.TrimPrefix(app.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		body := `{"username":"alice","password":"wrong password"}`
		_, _ = fmt.Fprintf(conn, "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		time.Sleep(5 * time.Millisecond)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	if wait := app.try(t, "", "alice", password).wait(t); wait != 1 {
		t.Errorf("the wait is %d s", wait)
	}
}
