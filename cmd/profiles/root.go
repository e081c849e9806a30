package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/plain"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/model"
)

const about = `profiles keeps one envelope for each malware profile: the pointwise median and
quartiles over up to 100 recorded episodes, aligned phase by phase.

Start here:
  profiles up                        run the whole system in this process, on real episodes
  profiles fit --store DIR           compute the same envelopes at once, into a parquet file
  profiles curve FILE.tar.zst -c proc.cpu_user_jiffies
                                     show one episode
  profiles inspect STORE --write-spec FILE
                                     archives in another format: find out, and write a spec

Commands for a running system connect to NATS_URL, or to --nats.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the episode gives no curve (of a store: some
give none), 4 the archive is corrupt or too large (of a store: some are).`

// A command has the name, the flags and the help text, and two functions, which
// usually are methods of the options struct with the values of the flags.
type command struct {
	cobra *cobra.Command
	// validate finds mistakes in the flags. Its error is reported as wrong usage. It
	// may be nil.
	validate func() error
	// run does the work and prints the result.
	run func(ctx context.Context, t *terminal) error
}

// commandGroups are all commands, in the order of the help text.
func commandGroups() []commandGroup {
	return []commandGroup{
		{"On one machine:", []command{
			upCommand(), fitCommand(), inspectCommand(), checkCommand(), curveCommand(), classifyCommand(), evaluateCommand(), plotCommand(), showCommand(), synthCommand(), packCommand(),
		}},
		{"With a running system:", []command{
			emitCommand(), statusCommand(), exportCommand(), streamCommand(), topologyCommand(), credentialsCommand(), gcCommand(),
		}},
		{helpGroup, []command{versionCommand()}},
	}
}

type commandGroup struct {
	title    string
	commands []command
}

const helpGroup = "Also:"

// run runs one command line and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int { //nolint:gocognit // it sets up the commands, and has two closures
	t := &terminal{in: stdin, out: plain.NewWriter(stdout), err: plain.NewWriter(stderr), log: slog.New(slog.DiscardHandler)}
	started := false // an error before run is called is a mistake in the command line
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
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.SetArgs(args)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return service.FlagError(err) })
	root.CompletionOptions.HiddenDefaultCmd = true
	service.AddLogLevelFlag(root.PersistentFlags(), &t.level, "warn")
	for _, group := range commandGroups() {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, c := range group.commands {
			c.cobra.RunE = func(cmd *cobra.Command, _ []string) error {
				if err := refuseDash(cmd.Flags()); err != nil {
					return err
				}
				if c.validate != nil {
					if err := c.validate(); err != nil {
						return err
					}
				}
				started = true
				return c.run(cmd.Context(), t)
			}
			c.cobra.GroupID = group.title
			c.cobra.Flags().SortFlags = false
			c.cobra.DisableFlagsInUseLine = true
			root.AddCommand(c.cobra)
		}
	}
	root.SetHelpCommandGroupID(helpGroup)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	code := service.ExitUsage
	if started {
		code = exitCode(err)
	}
	text := oneLine(err)
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		text = "interrupted"
	}
	var inSpec *specError
	switch {
	case errors.As(err, &inSpec):
		text += ` (docs/OPERATIONS.md, "The spec", explains it)`
	case code == service.ExitUsage:
		text += fmt.Sprintf(" (see %s --help)", cmd.CommandPath())
	}
	fmt.Fprintf(t.err, "%s: %s\n", cmd.CommandPath(), text)
	return code
}

// usage marks an error as a mistake in the command line or the environment. A nil
// error stays nil.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &service.UsageError{Err: err}
}

func exitCode(err error) int {
	var mistake *service.UsageError
	if code, ok := codeOf(err); ok {
		return code
	}
	switch {
	case errors.As(err, &mistake):
		return service.ExitUsage
	case errors.Is(err, episode.ErrUnusable), errors.Is(err, model.ErrNothingInCommon):
		return service.ExitUnusable
	case errors.Is(err, episode.ErrCorrupt), errors.Is(err, episode.ErrTooLarge):
		return service.ExitCorrupt
	}
	return service.ExitFailure
}

// oneLine returns the text of an error as one line, so that a script can read it as one
// line of stderr.
func oneLine(err error) string {
	return plain.Line(strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; "))
}

// noArguments refuses every argument of a command. That of cobra would call it an unknown command.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

// fileArgument takes exactly one argument. what names it in errors.
func fileArgument(to *string, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s is missing", what)
		}
		if len(args) > 1 {
			return fmt.Errorf("one argument too many: %q", args[1])
		}
		*to = args[0]
		return nil
	}
}
