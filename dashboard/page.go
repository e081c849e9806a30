package dashboard

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// contentTypes are what is served; a file of another kind is not part of the
// page. They don't depend on what the machine has in its mime.types.
var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".mjs":         "text/javascript; charset=utf-8",
	".json":        "application/json",
	".webmanifest": "application/manifest+json",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".ico":         "image/x-icon",
	".txt":         "text/plain; charset=utf-8",
	".woff2":       "font/woff2",
}

// A page is the files that browsers get, by name. "" is index.html.
type page map[string]file

type file struct {
	data        []byte
	contentType string
	tag         string
}

func newPage(from fs.FS) (*page, error) {
	p := page{}
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		contentType := contentTypes[path.Ext(name)]
		if err != nil || entry.IsDir() || contentType == "" {
			return err
		}
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		f := file{data, contentType, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		p[name] = f
		if name == "index.html" {
			p[""] = f
		}
		return nil
	})
	return &p, err
}

// ServeHTTP serves a file; the path is its name.
func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := p[strings.TrimPrefix(r.URL.Path, "/")]
	if !ok {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "no-cache") // ask each time; the tag tells that nothing changed
	h.Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
}
