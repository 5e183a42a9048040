//go:build !linux

package models

func lowerPriority() {}
