// Package service has what all services need besides their work.
//
//	daemon.go    the main of a service: arguments, settings, signals, exit code
//	service.go   the log, the version, the exit codes
//	settings.go  fills settings from the environment and lists them for --help
//	health.go    /healthz, /readyz and /metrics
//	sessions.go  runs a service as a series of sessions, and says what it waits for
//	views.go     follows the views of a session until its end
//	spec.go      reads the fit spec of FIT_SPEC
//	roots.go     certificates of public authorities, for images that have none
package service

import (
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
)

// version is set by the build (-ldflags -X). If it is empty, Version returns that of the module.
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
