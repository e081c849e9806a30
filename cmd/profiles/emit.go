package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/store"
)

type emitOptions struct {
	source   sourceFlags
	bus      busFlags
	upload   string
	rejected bool
	follow   bool
	dryRun   bool
	json     bool
}

func emitCommand(t *terminal) *cobra.Command {
	var o emitOptions
	cmd := &cobra.Command{
		Use:   "emit [--store DIR] [--validation FILE] [--rejected] [--follow] [flags]",
		Short: "publish what a validation file accepts, take back what it doesn't",
		Long: `emit brings the log of accepted episodes to what a validation file says. It
reads the log, then the file, and publishes an episode.accepted for every
episode that the file accepts and the log does not, and an episode.retracted
for every one that the log accepts and the file does not (or accepts under
another profile). Of several rows about one episode the last one counts.

It is safe to repeat: a second run finds nothing to do. --follow keeps watching
the file. --rejected sends again what was rejected (say, because the archive came
late), has no curve yet and is still accepted; alone, it needs no file.

--upload copies archives from --store to where the workers look: that of each
accepted episode, before the accept is published. What is there already, the same,
is left alone. An episode without an archive in --store is published all the same.`,
		Example: `  profiles emit --store examples/recorded/store --dry-run
  profiles emit --validation /data/validation.parquet --follow
  profiles emit --store examples/recorded/store --upload nats://episodes
  profiles emit --rejected`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	o.source.add(f, aDirectory)
	f.StringVar(&o.upload, "upload", "", "copy archives from --store to `ADDRESS` first: a directory, nats://bucket or s3://bucket/prefix")
	f.BoolVar(&o.rejected, "rejected", false, "send again what REJECTED holds and has no curve yet, each once")
	f.BoolVar(&o.follow, "follow", false, "watch the file and reconcile after each change, until interrupted")
	f.BoolVar(&o.dryRun, "dry-run", false, "only count what would be published")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	o.bus.add(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runEmit(cmd.Context(), t, o) }
	return cmd
}

func runEmit(ctx context.Context, t *terminal, o emitOptions) error {
	switch {
	case o.rejected && o.follow:
		return usage(errors.New("--rejected and --follow don't go together"))
	case o.dryRun && o.follow:
		return usage(errors.New("--dry-run and --follow don't go together"))
	case o.upload != "" && o.source.store == "":
		return usage(errors.New("--upload needs --store DIR, where archives are copied from"))
	}
	file := ""
	if !o.rejected || o.source != (sourceFlags{}) {
		var err error
		if file, err = o.source.validationFile(); err != nil {
			return usage(errors.New("one of --store DIR, --validation FILE and --rejected is missing"))
		}
	}
	b, err := o.bus.connect(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := topology(ctx, b); err != nil {
		return err
	}
	sending := t.bar("publishing")
	defer sending.end()
	e := &emit.Emitter{Bus: b, DryRun: o.dryRun, Progress: sending.set}
	if o.upload != "" && !o.dryRun {
		from, err := store.OpenDir(o.source.store)
		if err != nil {
			return err
		}
		to, shut, err := uploader(ctx, t, o.upload, b)
		if err != nil {
			return err
		}
		defer shut()
		sending.what, e.Progress = "uploading and publishing", nil
		e.Uploads = &emit.Uploads{From: from, To: to, Progress: sending.set}
	}
	e.Rows = dataset.OpenValidation(file)
	if o.follow {
		return o.keepFollowing(ctx, t, e, file, sending)
	}
	if file != "" {
		s, err := e.Reconcile(ctx)
		sending.end()
		if err != nil {
			return err
		}
		if err := o.print(t, s); err != nil {
			return err
		}
	}
	if !o.rejected {
		return nil
	}
	s, err := e.Republish(ctx)
	sending.end()
	if err != nil {
		return err
	}
	return o.printAgain(t, s)
}

// keepFollowing reconciles until it is interrupted. Trouble is told once,
// however long it lasts.
func (o *emitOptions) keepFollowing(ctx context.Context, t *terminal, e *emit.Emitter, file string, sending *bar) error {
	trouble := ""
	return e.Follow(ctx, file, emit.FollowPause, func(s emit.Summary, err error) error {
		sending.end()
		if err != nil {
			if text := oneLine(err); text != trouble {
				trouble = text
				fmt.Fprintf(t.err, "profiles emit: %s; trying again\n", text)
			}
			return nil
		}
		trouble = ""
		return o.print(t, s)
	})
}

func (o *emitOptions) print(t *terminal, s emit.Summary) error {
	warnMalformed(t.err, s.FirstMalformed, s.Malformed)
	if o.json {
		return json.NewEncoder(t.out).Encode(s)
	}
	if a := s.Archives; a != nil {
		fmt.Fprintf(t.out, "%d archives uploaded, %d were there, %d accepted episodes have none in %s\n", a.Uploaded, a.Stored, a.Without, o.source.store)
	}
	verb := ""
	if o.dryRun {
		verb = "would be "
	}
	_, err := fmt.Fprintf(t.out, "%d rows accept %d episodes: %s in the log already, %d %spublished, %d %sretracted\n",
		s.Rows, s.Accepted, count(s.Already), s.Published, verb, s.Retracted, verb)
	return err
}

func (o *emitOptions) printAgain(t *terminal, s emit.RepublishSummary) error {
	if o.json {
		return json.NewEncoder(t.out).Encode(s)
	}
	verb := ""
	if o.dryRun {
		verb = "would be "
	}
	_, err := fmt.Fprintf(t.out, "%d rejected messages name %d episodes: %d not accepted any more, %d with a curve by now, %d %spublished again; %d malformed\n",
		s.Rejected, s.Episodes, s.Withdrawn, s.HaveCurve, s.Published, verb, s.Malformed)
	return err
}

func count(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}
