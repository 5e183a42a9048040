package models

import (
	"fmt"
	"runtime"
	"sync"
)

// lowPriority runs work in a thread that gives way to the others, so that those who talk do not wait for
// those who log in. Go lets a goroutine keep its processor for 10 ms, whatever its thread's priority, so
// there is one more of them meanwhile.
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
