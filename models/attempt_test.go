package models

import (
	"fmt"
	"testing"
	"time"
)

// The count starts anew with each window, and blocks in each again.
func TestWindowsFollowOneAnother(t *testing.T) {
	db := newDB(t)
	for _, start := range []time.Time{noon, noon.Add(window), noon.Add(3 * window)} {
		for i := range windowFailures {
			account := fmt.Sprintf("user%d", i)
			if wait, err := db.Attempts.Settle(t.Context(), account, "192.0.2.1", false, start); wait != 0 || err != nil {
				t.Fatalf("%v, number %d: %v, %v", start, i+1, wait, err)
			}
		}
		if wait, err := db.Attempts.Wait(t.Context(), "alice", "192.0.2.1", start); wait != window || err != nil {
			t.Errorf("%v, after so many: %v, %v, want %v", start, wait, err, window)
		}
	}
}
