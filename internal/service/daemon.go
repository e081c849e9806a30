package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/plain"
)

// A Daemon is a program that works until SIGTERM or SIGINT.
type Daemon struct {
	Name     string
	About    string               // first line of --help
	Settings []Settings           // zero when Main is called
	Flags    func(*pflag.FlagSet) // adds flags to those that all daemons have; nil: none
	Run      func(context.Context, *slog.Logger) error
}

// A UsageError is a mistake of the user: in arguments, in settings or in a file that they name.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Main parses args, fills the settings from the environment and calls Run, whose context
// ends with SIGTERM or SIGINT. A second signal kills the process. Help and the version are
// written to stdout, everything else to stderr. Main returns the exit code.
func (d *Daemon) Main(args []string, stdout, stderr io.Writer) int {
	flags := pflag.NewFlagSet(d.Name, pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.SortFlags = false
	var level string
	AddLogLevelFlag(flags, &level, "info")
	version := flags.Bool("version", false, "print the version and exit")
	flags.Usage = func() {}
	if d.Flags != nil {
		d.Flags(flags)
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(stdout, "%s\n\nUsage: %s [flags]\n\n%s\nEnvironment:\n", d.About, d.Name, flags.FlagUsages())
		err = printUsage(stdout, d.Settings)
		if err == nil {
			return 0
		}
	case err != nil:
		err = fmt.Errorf("%w (see %s --help)", FlagError(err), d.Name)
	case *version || flags.Arg(0) == "version":
		fmt.Fprintln(stdout, d.Name, Version())
		return 0
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	default:
		err = d.fill()
	}
	log, logErr := Log(stderr, level)
	if err = errors.Join(err, logErr); err != nil {
		fmt.Fprintf(stderr, "%s: %s\n", d.Name, plain.Line(err.Error()))
		return ExitUsage
	}
	return d.run(log)
}

// fill fills the settings from the environment.
func (d *Daemon) fill() error {
	for _, s := range d.Settings {
		if err := s.FromEnvironment(); err != nil {
			return err
		}
	}
	for _, s := range d.Settings {
		if err := s.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Daemon) run(log *slog.Logger) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal kills the process
	log.Info("start", logkey.Service, d.Name, logkey.Version, Version())
	if err := d.Run(ctx, log); err != nil && ctx.Err() == nil {
		log.Error("the service ends", logkey.Service, d.Name, logkey.Err, err)
		var usage *UsageError
		if errors.As(err, &usage) {
			return ExitUsage
		}
		return ExitFailure
	}
	log.Info("stop", logkey.Service, d.Name)
	return 0
}

// AddLogLevelFlag adds --log-level. Its default is LOG_LEVEL or, if that is empty,
// otherwise.
func AddLogLevelFlag(flags *pflag.FlagSet, level *string, otherwise string) {
	if v := strings.TrimSpace(os.Getenv("LOG_LEVEL")); v != "" {
		otherwise = v
	}
	flags.StringVar(level, "log-level", otherwise, "debug, info, warn (also warning) or error (LOG_LEVEL)")
}
