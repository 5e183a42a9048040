// Package ginmode keeps gin from reading GIN_MODE by itself. Gin does so before
// main runs, and panics where it does not know the value, so that no message could
// name the setting beside the others that are at fault.
//
// Go initialises packages in the order of their import paths, as far as their
// imports allow. This one imports only os, and gin much more: net/http, for one, and
// golang.org/x. Under a module path that sorts after all of those, which begins with w,
// x, y or z, gin may come first, and a bad GIN_MODE ends in its own panic.
package ginmode

import "os"

const name = "GIN_MODE"

var value = os.Getenv(name)

func init() { _ = os.Unsetenv(name) }

// Getenv is os.Getenv, and still knows GIN_MODE.
func Getenv(key string) string {
	if key == name {
		return value
	}
	return os.Getenv(key)
}
