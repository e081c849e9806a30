// Package service has what all daemons need besides their work: settings, a log, health and
// metrics over HTTP, and sessions with NATS.
package service

import (
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
)

// version is set by the build (-ldflags -X); empty means that of the module.
var version string

// Version returns the version of this build, or "unknown".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// Log returns a logger that writes lines of a level and above to w. An unknown level is an
// error.
func Log(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: it must be debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// Exit codes of all programs of the project.
const (
	ExitFailure  = 1
	ExitUsage    = 2
	ExitUnusable = 3 // an episode gives no curve
	ExitCorrupt  = 4 // an archive is corrupt or too large
)
