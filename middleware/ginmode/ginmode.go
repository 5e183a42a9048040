// Package ginmode keeps gin from reading GIN_MODE by itself. Gin does so before
// main runs, and panics where it does not know the value, so that no message could
// name the setting beside the others that are at fault.
//
// Go initialises packages in the order of their import paths, as far as their
// imports allow. This one imports only os, and sorts before github.com/gin-gonic.
// In a fork that sorts after it a bad GIN_MODE ends in gin's own panic.
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
