package handlers_test

import (
	"bytes"
	"context"
	"slices"
	"sync"
)

const jwtSecret = "a-secret-of-the-tests-with-32-bytes-and-more"

// expired is a context that has ended: whoever waits by it does not wait.
var expired = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// lockedBuffer is a log that many goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.b.Bytes())
}

// lockedSet is the secrets that tests have come by.
type lockedSet struct {
	mu  sync.Mutex
	set []string
}

func (l *lockedSet) add(secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set = append(l.set, secret)
}

func (l *lockedSet) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.set)
}

// lockedCount is counted up by many goroutines.
type lockedCount struct {
	mu sync.Mutex
	n  int
}

func (l *lockedCount) add() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
}
