package models

import (
	"runtime"
	"syscall"
)

// inBackground runs work on a thread of the lowest priority, so that a message
// does not wait for a hash. The thread is never unlocked: it ends with its goroutine.
func inBackground(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		const thisThread, lowest = 0, 19
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, thisThread, lowest) // Linux counts threads as processes here
		work()
	}()
	<-done
}
