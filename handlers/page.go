package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/models"
)

// page serves the embedded files, and nothing that is not among them.
type page struct {
	files map[string]staticFile // by path: index.html, js/app.js
}

type staticFile struct {
	content []byte
	kind    string
	etag    string
}

// newPage reads the files. The page is told which ways in are open and, with demo,
// that it may show what demo.go is for.
func newPage(files fs.FS, ways []string, demo bool) (page, error) {
	p := page{files: map[string]staticFile{}}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if name == "index.html" {
			content = bytes.Replace(content, []byte(`data-ways=""`), []byte(`data-ways="`+strings.Join(ways, " ")+`"`), 1)
		}
		if demo && name == "index.html" {
			content = bytes.Replace(content, []byte(`data-demo="off"`), []byte(`data-demo="on"`), 1)
		}
		sum := sha256.Sum256(content)
		p.files[name] = staticFile{content, contentTypes[path.Ext(name)], `"` + hex.EncodeToString(sum[:16]) + `"`}
		return err
	})
	return p, err
}

// contentTypes are those of the embedded files. The machine's own table may differ.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".yaml": "application/yaml",
}

func (p page) index(c *gin.Context) error { return p.serve(c, "index.html") }

func (p page) openAPI(c *gin.Context) error { return p.serve(c, "openapi.yaml") }

func (p page) static(c *gin.Context) error { return p.serve(c, c.Param("path")[1:]) }

// serve lets browsers keep a file, if they ask each time whether it has changed.
func (p page) serve(c *gin.Context, name string) error {
	file, ok := p.files[name]
	if !ok {
		return errNotFound
	}
	c.Header("Content-Type", file.kind)
	c.Header("ETag", file.etag)
	c.Header("Cache-Control", "no-cache")
	if name == "js/foreign.js" { // runs in a frame of no origin, to which everything is of another
		c.Header("Cross-Origin-Resource-Policy", "cross-origin")
	}
	// ServeContent would write errors of its own, about a part or a version that is not there.
	c.Request.Header.Del("Range")
	c.Request.Header.Del("If-Match")
	http.ServeContent(c.Writer, c.Request, name, time.Time{}, bytes.NewReader(file.content))
	return nil
}

// health tells a load balancer how the process is.
type health struct {
	db       *models.DB
	draining *atomic.Bool
}

// live: the process answers.
func (h health) live(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"status": "ok"})
	return nil
}

// ready: it can do its work, too.
func (h health) ready(c *gin.Context) error {
	if h.draining.Load() {
		return errShuttingDown
	}
	if err := h.db.Ping(c.Request.Context()); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"status": "ok"})
	return nil
}
