package models

import (
	"context"
	"runtime"
	"strings"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"
)

// argonCosts are those that OWASP's password storage sheet names: 19 MiB, two
// passes, one lane. Each hash is stored with its costs, so they can be raised.
var argonCosts = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// NobodysHash is a hash that no password has. Checking a password against it
// makes an unknown name cost as much as a known one.
var NobodysHash = "$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43)

// cores lets as many hashes run as there are cores. More at once would not be
// faster, and each takes 19 MiB.
var cores = make(chan struct{}, runtime.GOMAXPROCS(0))

// HashPassword returns what to store for the password. The error is the
// context's, where it ended while waiting for a core.
func HashPassword(ctx context.Context, password string) (hash string, err error) {
	err = onCore(ctx, func() error {
		hash, err = argon2id.CreateHash(NormalizePassword(password), argonCosts)
		return err
	})
	return hash, err
}

// CheckPassword tells whether password is the one that hash was made from.
func CheckPassword(ctx context.Context, hash, password string) (ok bool, err error) {
	err = onCore(ctx, func() error {
		ok, err = argon2id.ComparePasswordAndHash(NormalizePassword(password), hash)
		return err
	})
	return ok, err
}

// NormalizePassword returns the password in normal form C (NFC): the same characters typed on
// another keyboard can arrive as other bytes.
func NormalizePassword(password string) string { return norm.NFC.String(password) }

func onCore(ctx context.Context, work func() error) error {
	select {
	case cores <- struct{}{}:
		defer func() { <-cores }()
		return lowPriority(work)
	case <-ctx.Done():
		return ctx.Err()
	}
}
