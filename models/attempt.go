package models

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// The throttles. None locks anybody out for good: whoever waits may try again.
const (
	freeFailures    = 5                // wrong passwords for one account from one address, before the first wait
	longestWait     = 15 * time.Minute // of any login
	forgetAfter     = 24 * time.Hour   // without another failure
	windowFailures  = 100              // wrong passwords for one account, or from one address
	window          = 15 * time.Minute
	registrations   = 300 // from one address
	registerWindow  = time.Hour
	longestDoubling = 10          // 2^10 s is more than longestWait
	queueing        = time.Minute // far more than a request waits between reading the clock and counting
)

// LoginAttempt is one counter.
type LoginAttempt struct {
	Key          string `gorm:"primaryKey"`
	Count        int
	BlockedUntil time.Time
	ExpiresAt    time.Time
}

// Attempts is the store of the login_attempts table.
type Attempts struct{ pools }

// Wait returns how long nobody may try this account from this address; 0: go ahead.
// Names that do not exist are counted as those that do.
func (s Attempts) Wait(ctx context.Context, username, address string, now time.Time) (time.Duration, error) {
	wait, err := longest(ctx, s.read, loginKeys(username, address), now, longestWait)
	return wait, translate(err)
}

// Settle counts a login that was tried, in one transaction: a wrong password against
// the account and the address, a right one clears the count of the two together.
// Where others have used up the tries meanwhile, right and wrong both must wait.
func (s Attempts) Settle(ctx context.Context, username, address string, right bool, now time.Time) (wait time.Duration, err error) {
	keys := loginKeys(username, address)
	err = s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		if wait, err = longest(ctx, tx, keys, now, longestWait); err != nil || wait > 0 {
			return err
		}
		if right {
			_, err = gorm.G[LoginAttempt](tx).Where("key = ?", keys[0]).Delete(ctx)
			return err
		}
		if err := count(ctx, tx, keys[0], now, backOff); err != nil {
			return err
		}
		for _, key := range keys[1:] {
			if err := count(ctx, tx, key, now, atMost(windowFailures, window)); err != nil {
				return err
			}
		}
		return nil
	})
	return wait, translate(err)
}

// Register counts a registration from this address, unless it must wait.
func (s Attempts) Register(ctx context.Context, address string, now time.Time) (wait time.Duration, err error) {
	key := hash("register\n" + network(address))
	err = s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		if wait, err = longest(ctx, tx, []string{key}, now, registerWindow); err != nil || wait > 0 {
			return err
		}
		return count(ctx, tx, key, now, atMost(registrations, registerWindow))
	})
	return wait, translate(err)
}

// loginKeys are what one login counts against: account and address together, and each alone.
func loginKeys(username, address string) []string {
	name, address := strings.ToLower(username), network(address)
	return []string{hash("both\n" + address + "\n" + name), hash("account\n" + name), hash("address\n" + address)}
}

// network is what one person has of addresses: of IPv6 usually a /64.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Is6() || ip.Is4In6() {
		return address
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// longest returns the longest wait that any of the counters demands. One far above
// most was set before the clock was put back, and holds nobody up.
func longest(ctx context.Context, db *gorm.DB, keys []string, now time.Time, most time.Duration) (wait time.Duration, err error) {
	counters, err := gorm.G[LoginAttempt](db).
		Where("key IN ? AND blocked_until > ? AND blocked_until <= ?", keys, now.UTC(), now.UTC().Add(most+queueing)).Find(ctx)
	for _, counter := range counters {
		wait = max(wait, counter.BlockedUntil.Sub(now))
	}
	return wait, err
}

// count adds one to a counter, and lets rule say what follows from it.
func count(ctx context.Context, tx *gorm.DB, key string, now time.Time, rule func(*LoginAttempt, time.Time)) error {
	counter, err := gorm.G[LoginAttempt](tx).Where("key = ? AND expires_at > ?", key, now.UTC()).Take(ctx)
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return err
	}
	counter.Key = key
	counter.Count++
	rule(&counter, now.UTC())
	return tx.WithContext(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&counter).Error
}

// backOff demands a wait that doubles with each failure after the free ones: 1 s, 2 s, 4 s.
func backOff(counter *LoginAttempt, now time.Time) {
	if over := counter.Count - freeFailures; over >= 0 {
		counter.BlockedUntil = now.Add(min(longestWait, time.Second<<min(over, longestDoubling)))
	}
	counter.ExpiresAt = now.Add(forgetAfter)
}

// atMost blocks for the rest of the window once so many have been counted in it.
func atMost(n int, window time.Duration) func(*LoginAttempt, time.Time) {
	return func(counter *LoginAttempt, now time.Time) {
		if end := now.Add(window); counter.Count == 1 || counter.ExpiresAt.After(end) { // the clock was put back
			counter.ExpiresAt = end
		}
		if counter.Count >= n {
			counter.BlockedUntil = counter.ExpiresAt
		}
	}
}
