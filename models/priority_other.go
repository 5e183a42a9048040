//go:build !linux

package models

// inBackground runs work. Only on Linux does a thread have a priority of its own.
func inBackground(work func()) { work() }
