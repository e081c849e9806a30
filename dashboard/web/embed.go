// Package web has the files of the dashboard's page. They are served as they are,
// without a build step.
package web

import "embed"

// Files are the files of the page.
//
//go:embed *.html *.css *.js *.svg
var Files embed.FS
