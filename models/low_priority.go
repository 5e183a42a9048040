package models

import (
	"fmt"
	"runtime"
	"sync"
)

// lowPriority runs work, which hashes a password, so that those who talk wait less for those who log in.
//
// Its thread gives way to the others while it makes and clears the memory that the hash needs. The passes over
// that memory are goroutines which argon2 starts itself, and Go runs them in any thread. Go also lets a goroutine
// keep its processor for 10 ms: so there is one processor more meanwhile, and the system shares the
// cores out in shorter turns.
func lowPriority(work func() error) (err error) {
	addProcessors(1)
	defer addProcessors(-1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if cause := recover(); cause != nil {
				err = fmt.Errorf("panic: %v", cause) // it would end the program, as no request's goroutine is above it
			}
		}()
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		lowerPriority()
		err = work()
	}()
	<-done
	return err
}

var processors sync.Mutex

// addProcessors also means that Go no longer looks whether the limit of a container changes while the program runs.
func addProcessors(n int) {
	processors.Lock()
	defer processors.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}
