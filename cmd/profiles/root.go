package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/service"
)

const about = `profiles keeps one canonical envelope for each malware profile: the pointwise
median and quartiles over up to 100 recorded episodes, aligned phase by phase.

Start here:
  profiles up                        the whole system in this process, on real episodes
  profiles fit --store DIR           the same envelopes in one go, into a parquet file
  profiles curve FILE.tar.zst -c proc.cpu_user_jiffies
                                     what one episode looks like

Commands that talk to a running system find it at NATS_URL, or at --nats.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 an episode gives no curve, 4 an
archive is corrupt or too large.`

// A terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	level    string
	log      *slog.Logger
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	t := &terminal{in: stdin, out: stdout, err: stderr, log: slog.New(slog.DiscardHandler)}
	started := false // whether a command began its work: all that fails before is usage
	root := &cobra.Command{
		Use:           "profiles",
		Short:         "attack profiles from recorded episodes, live and in batch",
		Long:          about,
		Version:       service.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) (err error) {
			t.log, err = service.Log(t.err, t.level)
			return err
		},
	}
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringVar(&t.level, "log-level", envOr("LOG_LEVEL", "warn"), "debug, info, warn or error (LOG_LEVEL)")
	for _, group := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"On one machine:", []*cobra.Command{upCommand(t), fitCommand(t), curveCommand(t), classifyCommand(t), evaluateCommand(t), plotCommand(t), showCommand(t), synthCommand(t)}},
		{"With a running system:", []*cobra.Command{emitCommand(t), statusCommand(t), exportCommand(t), streamCommand(t), topologyCommand(t), credentialsCommand(t), gcCommand(t)}},
		{"Also:", []*cobra.Command{versionCommand(t)}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, c := range group.commands {
			begin := c.RunE
			c.RunE = func(cmd *cobra.Command, args []string) error {
				started = true
				return begin(cmd, args)
			}
			c.GroupID = group.title
			c.Flags().SortFlags = false
			c.DisableFlagsInUseLine = true
			root.AddCommand(c)
		}
	}
	root.SetHelpCommandGroupID("Also:")
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	code := exitCode(err, started)
	text := oneLine(err)
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		text = "interrupted"
	}
	if code == service.ExitUsage {
		text += fmt.Sprintf(" (see %s --help)", cmd.CommandPath())
	}
	fmt.Fprintf(stderr, "%s: %s\n", cmd.CommandPath(), text)
	return code
}

// A usageError is a mistake in how the command was called.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err}
}

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func exitCode(err error, started bool) int {
	var mistake *usageError
	switch {
	case !started || errors.As(err, &mistake):
		return service.ExitUsage
	case errors.Is(err, episode.ErrUnusable):
		return service.ExitUnusable
	case errors.Is(err, episode.ErrCorrupt), errors.Is(err, episode.ErrTooLarge):
		return service.ExitCorrupt
	}
	return service.ExitFailure
}

// oneLine is an error as one line: what programs read from stderr must be whole.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

func envOr(key, otherwise string) string {
	if v := strings.TrimSpace(os.Getenv(key)); v != "" {
		return v
	}
	return otherwise
}

// isTerminal tells whether somebody watches what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
