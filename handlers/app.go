package handlers

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"example.com/handshake/handlers/hub"
	"example.com/handshake/models"
)

// App answers HTTP. Its sockets are those of the hub it was given.
type App struct {
	http.Handler
	db       *models.DB
	hub      *hub.Hub
	now      func() time.Time
	draining *atomic.Bool
}

// Drain makes the app say that it is not ready, so that nobody sends it new work.
func (a *App) Drain() { a.draining.Store(true) }

// Tick does what the time demands of the sockets. It is called about twice a second.
func (a *App) Tick() { a.hub.Tick() }

// CheckSessions closes the sockets whose session is over, whoever ended it: a row
// changed by another program, a user disabled or deleted, a logout that ran beside
// the handshake. It is called about twice a second.
func (a *App) CheckSessions(ctx context.Context) error {
	open := slices.Collect(maps.Keys(a.hub.Sockets()))
	dead, err := a.db.Sessions.Dead(ctx, open, a.now())
	a.hub.EndSessions(dead, hub.SessionEnded)
	return err
}

// Sweep deletes the rows that have expired. It is called about once a minute.
func (a *App) Sweep(ctx context.Context) error { return a.db.Sweep(ctx, a.now()) }
