// Package middleware holds what stands before a route: who may come in, and what
// is written down of it. It knows gin and the stores of package models.
//
// A middleware that turns a request away calls refuse and writes nothing: package
// handlers has the one place that writes an error. Read bearer.go next, which is
// the gate, then token_source.go, which brings a socket's credential to it.
package middleware

import (
	"time"

	"github.com/gin-gonic/gin"
)

// Refusal is an error that the client is told.
type Refusal struct {
	Code       string        // the stable word that a program switches on; package handlers knows its status
	Detail     string        // for a person: what is wrong, and what to do
	Fields     []FieldFault  // the parts of the body that are at fault
	RetryAfter time.Duration // 0: nothing is said of when to try again
}

// FieldFault says what is wrong with one member of a request's body.
type FieldFault struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// refuse ends the request with an error. The caller returns at once.
func refuse(c *gin.Context, err error) {
	_ = c.Error(err)
	c.Abort()
}
