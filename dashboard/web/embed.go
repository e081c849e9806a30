// Package web is the dashboard's page, as it is served: no build step.
package web

import "embed"

// Files are the page's.
//
//go:embed *.html *.css *.js *.svg
var Files embed.FS
