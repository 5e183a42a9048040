//go:build !cgo

package handlers_test

const driverName = "sqlite"
