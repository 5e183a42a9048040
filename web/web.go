// Package web holds the page: plain HTML, CSS and JavaScript modules, with no
// build step. It is compiled into the program. Read index.html, then js/app.js.
package web

import "embed"

// Files are all that the app serves as they are. They are served by handlers.page.
//
//go:embed index.html app.css why.css favicon.svg js openapi.yaml
var Files embed.FS
