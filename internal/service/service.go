// Package service has what all services need besides their work.
//
//	daemon.go    the main of a service: arguments, settings, signals, exit code
//	service.go   the log, the version, the exit codes
//	settings.go  fills settings from the environment and lists them for --help
//	words.go     says in plain words what a setting must be
//	health.go    /healthz, /readyz and /metrics
//	state.go     the metrics that every service has
//	server.go    serves HTTP: deadlines, and requests that are refused
//	limits.go    the limits of a server's connections
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
	"strings"
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

// Log returns a logger that writes lines of a level and above to w. The level is a name of
// slog or of Python's logging, in any case. An unknown level is an error.
func Log(w io.Writer, level string) (*slog.Logger, error) {
	l, err := parseLevel(level)
	if err != nil {
		return nil, err
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// pythonLevels are the names of Python's logging that slog does not have. No line here is
// more severe than an error.
var pythonLevels = map[string]slog.Level{
	"WARNING": slog.LevelWarn, "CRITICAL": slog.LevelError, "FATAL": slog.LevelError, "NOTSET": slog.LevelDebug,
}

func parseLevel(name string) (slog.Level, error) {
	if l, ok := pythonLevels[strings.ToUpper(name)]; ok {
		return l, nil
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return l, fmt.Errorf("the log level is %q (--log-level, LOG_LEVEL): it must be debug, info, warn or error; Python's names are understood, too, such as WARNING", name)
	}
	return l, nil
}

// Exit codes of all programs of the project.
const (
	ExitFailure  = 1
	ExitUsage    = 2
	ExitUnusable = 3 // an episode gives no curve
	ExitCorrupt  = 4 // an archive is corrupt or too large
)
