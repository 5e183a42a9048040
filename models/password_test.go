package models

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/alexedwards/argon2id"
)

func hashed(t *testing.T, password string) string {
	t.Helper()
	hash, err := HashPassword(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestPassword(t *testing.T) {
	const composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
	base := strings.Repeat("x", 72) // bcrypt would look no further
	accents := strings.Repeat("é", 64)
	tests := []struct {
		name, registered, given string
		right                   bool
	}{
		{"the same", "correct horse battery", "correct horse battery", true},
		{"another", "correct horse battery", "correct horse batterz", false},
		{"another case", "correct horse battery", "Correct horse battery", false},
		{"nothing", "correct horse battery", "", false},
		{"a space more", "correct horse battery", "correct horse battery ", false},
		{"the same characters in other bytes", composed, decomposed, true},
		{"and the other way round", decomposed, composed, true},
		{"a letter without its accent", composed, "cafe au lait", false},
		{"64 times é, 128 bytes", accents, accents, true},
		{"63 times é", accents, strings.Repeat("é", 63), false},
		{"64 times é and more", accents, accents + "é", false},
		{"72 bytes", base, base, true},
		{"72 right bytes and more", base, base + "y", false},
		{"what begins with the same 72 bytes", base + "y", base + "z", false},
		{"a zero byte does not end it", "password\x00one", "password\x00two", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			right, err := CheckPassword(t.Context(), hashed(t, test.registered), test.given)
			if err != nil || right != test.right {
				t.Errorf("%v, %v, want %v", right, err, test.right)
			}
		})
	}
}

func TestHashingGivesItsProcessorBack(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	var hashing sync.WaitGroup
	for range 4 {
		hashing.Go(func() { hashed(t, "correct horse battery") })
	}
	hashing.Wait()
	if err := lowPriority(func() error { panic("a fault") }); err == nil || !strings.Contains(err.Error(), "a fault") {
		t.Error(err)
	}
	if after := runtime.GOMAXPROCS(0); after != before {
		t.Errorf("there were %d processors, and then %d", before, after)
	}
}

func TestEachHashHasItsOwnSalt(t *testing.T) {
	one, other := hashed(t, "correct horse battery"), hashed(t, "correct horse battery")
	if one == other {
		t.Error("two hashes of one password are the same")
	}
	for _, hash := range []string{one, other} {
		if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("the hash %s has other costs", hash)
		}
	}
}

// The hash that stands in for an unknown name must cost what a real one costs.
func TestNobodysHashCostsTheSameAndFitsNoPassword(t *testing.T) {
	costs, salt, key, err := argon2id.DecodeHash(NobodysHash)
	if err != nil || *costs != *argonCosts || len(salt) != 16 || len(key) != 32 {
		t.Errorf("its costs are %+v (%v)", costs, err)
	}
	for _, password := range []string{"", "password", NobodysHash} {
		if right, err := CheckPassword(t.Context(), NobodysHash, password); right || err != nil {
			t.Errorf("%q: %v, %v", password, right, err)
		}
	}
}

func TestHashingWaitsForACoreOnlyAsLongAsItsContext(t *testing.T) {
	hash := hashed(t, "correct horse battery")
	for range cap(cores) { // every core is taken
		cores <- struct{}{}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := HashPassword(ended, "correct horse battery"); !errors.Is(err, context.Canceled) {
		t.Errorf("hash: %v", err)
	}
	if right, err := CheckPassword(ended, hash, "correct horse battery"); right || !errors.Is(err, context.Canceled) {
		t.Errorf("check: %v, %v", right, err)
	}

	// One who waits goes on when a core is free.
	done := make(chan error)
	go func() {
		right, err := CheckPassword(t.Context(), hash, "correct horse battery")
		if err == nil && !right {
			err = errors.New("the password is not right")
		}
		done <- err
	}()
	for range cap(cores) {
		<-cores
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(cores) != 0 {
		t.Errorf("%d cores were not given back", len(cores))
	}
}
