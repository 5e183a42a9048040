// Package handlers holds what each route does: gin in, gin out.
//
// A handler is a method on a small struct that holds what it needs. It returns an
// error and problem.go writes it. Who a request speaks for has been decided before
// it, by package middleware. Read this file first: it is the map of the app.
package handlers

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/handlers/hub"
	"example.com/handshake/middleware"
	"example.com/handshake/models"
	"example.com/handshake/web"
)

// requestLife is how long a call of the API, or a handshake, may take. It is less than the server
// gives a reply to leave.
const requestLife = 20 * time.Second

// Options are what an App can be told. All but the last are needed.
type Options struct {
	PublicURL      string   // scheme and host, as browsers see the app
	OwnOrigins     []string // of the app's own pages
	AllowedOrigins []string // of other pages that may open sockets
	JWTSecret      []byte   // at least middleware.MinSecretBytes
	AccessTokenTTL time.Duration
	SessionTTL     time.Duration // however much it is used
	SessionIdleTTL time.Duration // when it is not used
	TokenSources   []string      // of middleware.Sources, those that are open
	TrustedProxies []string      // CIDRs whose X-Forwarded-For is believed
	HTTPS          bool          // whether PublicURL is https
	Now            func() time.Time
	Log            *slog.Logger

	// Demo is how Log writes its lines, so that the page can show them. It is nil in
	// release, where nothing of demo.go is there.
	Demo func(io.Writer) slog.Handler
}

// New returns the app, every route in place.
func New(db *models.DB, h *hub.Hub, o Options) (*App, error) {
	bearer, err := middleware.NewBearer(o.JWTSecret, o.AccessTokenTTL, o.PublicURL, db.Tokens, o.Now)
	if err != nil {
		return nil, err
	}
	pages, err := newPage(web.Files, o.TokenSources, o.Demo != nil)
	if err != nil {
		return nil, err
	}
	demo, err := newDemo(o, db.Tokens)
	if err != nil {
		return nil, err
	}
	router, err := newRouter(o, demo)
	if err != nil {
		return nil, err
	}
	app := &App{Handler: router, db: db, hub: h, now: o.Now, draining: new(atomic.Bool)}

	accounts := account{db.Users, db.Attempts, o.Now}
	logins := sessions{db.Users, db.Sessions, db.Attempts, bearer, h, o.SessionTTL, o.SessionIdleTTL, o.HTTPS, o.Now}
	ticketing := tickets{db.Tickets, o.Now}
	chat := &rooms{h, bearer, db.Tickets, o.Now}
	healthy := health{db, app.draining}

	// For everybody.
	read := []string{http.MethodGet, http.MethodHead}
	router.Match(read, "/", handle(pages.index))
	router.Match(read, "/static/*path", handle(pages.static))
	router.Match(read, "/openapi.yaml", handle(pages.openAPI))
	router.Match(read, "/livez", handle(healthy.live))
	router.Match(read, "/readyz", middleware.Deadline(requestLife), handle(healthy.ready))
	api := router.Group("/api", middleware.Deadline(requestLife))
	api.POST("/register", handle(accounts.register))
	api.POST("/login", handle(logins.login))
	api.POST("/refresh", middleware.SameOrigin(o.OwnOrigins, o.Log), handle(logins.refresh)) // by its cookie

	// With a token in the Authorization header.
	protected := api.Group("", bearer.Gate)
	protected.GET("/me", handle(accounts.me))
	protected.POST("/logout", handle(logins.logout))
	protected.GET("/sessions", handle(logins.list))
	protected.DELETE("/sessions", handle(logins.endAll))
	protected.DELETE("/sessions/:id", handle(logins.endOne))
	protected.POST("/tickets", handle(ticketing.issue))
	if demo != nil {
		protected.GET("/demo/handshakes/:room", handle(demo.handshake))
		protected.POST("/demo/expired-token", handle(demo.expiredToken))
	}

	// The socket: more ways in, the same gate.
	router.GET("/ws/:room",
		middleware.Deadline(requestLife),
		middleware.Origin(slices.Concat(o.OwnOrigins, o.AllowedOrigins), o.Log),
		middleware.Handshake,
		handle(validRoom),
		middleware.TokenSource(o.TokenSources),
		middleware.FindTicket(db.Tickets, o.Now),
		bearer.Gate,
		handle(chat.join))
	return app, nil
}

// newRouter returns a router with what stands before every route.
func newRouter(o Options, demo *demo) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode) // no printing of its own
	router := gin.New()
	router.RedirectTrailingSlash = false // a redirect would carry the token that is in the URL
	router.HandleMethodNotAllowed = true
	router.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := router.SetTrustedProxies(o.TrustedProxies); err != nil { // by default it trusts everybody
		return nil, err
	}
	if demo == nil {
		router.Use(middleware.AccessLog(o.Log))
	} else {
		router.Use(middleware.AccessLog(demo.witness.Listen(o.Log)), demo.witness.Watch)
	}
	router.Use(
		writeProblems(o.Log),
		middleware.Recover,
		middleware.SecurityHeaders(o.HTTPS),
	)
	router.NoRoute(handle(func(*gin.Context) error { return errNotFound }))
	router.NoMethod(handle(func(c *gin.Context) error {
		c.Header("Connection", "close")
		return refusal("method_not_allowed", "This call has another method. The Allow header names it.")
	}))
	return router, nil
}
