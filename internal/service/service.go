// Package service holds what every daemon has besides its work: a log, a
// version, and an HTTP endpoint for health and metrics.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/kelseyhightower/envconfig"
	"github.com/spf13/pflag"

	"github.com/cis490/profiles/internal/logkey"
)

// version is set by the build (-ldflags -X); empty means that of the module.
var version string

// Version tells which build this is.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// Log makes a daemon's logger. Levels: debug, info, warn, error.
func Log(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: it must be debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// Exit codes of every program here.
const (
	ExitFailure  = 1
	ExitUsage    = 2
	ExitUnusable = 3 // an episode gives no curve
	ExitCorrupt  = 4 // an archive is corrupt or too large
)

// Settings are a struct that envconfig fills, with the prefix of its keys.
type Settings struct {
	Prefix string
	Into   any
}

// FromEnvironment fills the settings.
func (s Settings) FromEnvironment() error {
	err := envconfig.Process(s.Prefix, s.Into)
	var wrong *envconfig.ParseError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s is %q: that is no %s", wrong.KeyName, wrong.Value, wrong.TypeName)
	}
	return err
}

// A UsageError is a mistake in how a program was called or set up.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Main runs a daemon: it fills settings from the environment, takes the flags that
// all daemons have and those that more adds, and calls run with a context that
// SIGTERM and SIGINT end. What was asked for, help or the version, goes to stdout, all
// else to stderr. It returns the exit code.
func Main(name, about string, settings []Settings, args []string, stdout, stderr io.Writer, more func(*pflag.FlagSet), run func(context.Context, *slog.Logger) error) int {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.SortFlags = false
	level := flags.String("log-level", envOr("LOG_LEVEL", "info"), "debug, info, warn or error (LOG_LEVEL)")
	show := flags.Bool("version", false, "print the version and exit")
	flags.Usage = func() {}
	if more != nil {
		more(flags)
	}
	for _, s := range settings {
		if err := s.FromEnvironment(); err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", name, err)
			return ExitUsage
		}
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(stdout, "%s\n\nUsage: %s [flags]\n\n%s\nEnvironment:\n", about, name, flags.FlagUsages())
		for _, s := range settings {
			_ = envconfig.Usagef(s.Prefix, s.Into, stdout, environment)
		}
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v (see %s --help)\n", name, err, name)
		return ExitUsage
	case *show || flags.Arg(0) == "version":
		fmt.Fprintln(stdout, name, Version())
		return 0
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "%s: it takes no argument %q\n", name, flags.Arg(0))
		return ExitUsage
	}
	for _, s := range settings {
		if v, ok := s.Into.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				fmt.Fprintf(stderr, "%s: %v\n", name, err)
				return ExitUsage
			}
		}
	}
	log, err := Log(stderr, *level)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process the hard way
	log.Info("start", logkey.Service, name, logkey.Version, Version())
	if err := run(ctx, log); err != nil && ctx.Err() == nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		var usage *UsageError
		if errors.As(err, &usage) {
			return ExitUsage
		}
		return ExitFailure
	}
	log.Info("stop", logkey.Service, name)
	return 0
}

// environment is how --help lists the settings.
const environment = `{{range .}}  {{usage_key .}}{{if usage_default .}} (default {{usage_default .}}){{end}}{{if usage_description .}}
        {{usage_description .}}{{end}}
{{end}}`

func envOr(key, otherwise string) string {
	if v := strings.TrimSpace(os.Getenv(key)); v != "" {
		return v
	}
	return otherwise
}
