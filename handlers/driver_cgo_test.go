//go:build cgo

package handlers_test

// driverName is the one that package models has chosen for this build.
const driverName = "sqlite3"
