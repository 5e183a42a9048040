package models

import "syscall"

// nice is what the shell's nice adds. The highest, 19, would make a login wait long beside another program
// that is busy.
const nice = 10

// lowerPriority is about this thread alone: on Linux each has a priority of its own.
func lowerPriority() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, nice) }
