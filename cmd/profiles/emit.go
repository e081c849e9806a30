package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/store"
)

type emitOptions struct {
	source   sourceFlags
	nats     natsFlags
	upload   string
	rejected bool
	follow   bool
	dryRun   bool
	json     bool
}

func emitCommand() command {
	o := &emitOptions{}
	cmd := &cobra.Command{
		Use:   "emit [--store DIR] [--validation FILE] [--rejected] [--follow] [flags]",
		Short: "publish the accepted episodes of a validation file, retract the others",
		Long: `emit brings the log of accepted episodes in line with a validation file. It reads the
log, then the file. It publishes an episode.accepted for each episode that the file
accepts and the log does not, and an episode.retracted for each one that the log accepts
and the file does not, or accepts under another profile. If several rows name the same
episode the last one counts.

It may be repeated: a second run finds nothing to do. With --follow it watches the file.
With --rejected it publishes again each rejected episode that is still accepted and has
no curve yet, for example because its archive came late. Alone, --rejected needs no file.

With --upload it copies archives from --store to the store of the workers. It copies the
archive of each accepted episode before it publishes the accept. It skips archives that
are there with the same bytes. Episodes without an archive in --store are published, too.`,
		Example: `  profiles emit --store examples/recorded/store --dry-run
  profiles emit --validation /data/validation.parquet --follow
  profiles emit --store examples/recorded/store --upload nats://episodes
  profiles emit --rejected`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	o.source.add(f, aDirectory)
	f.StringVar(&o.upload, "upload", "", "copy archives from --store to `ADDRESS` first: a directory, nats://bucket or s3://bucket/prefix")
	f.BoolVar(&o.rejected, "rejected", false, "publish again the rejected episodes that have no curve yet, each once")
	f.BoolVar(&o.follow, "follow", false, "watch the file and reconcile after each change, until interrupted")
	f.BoolVar(&o.dryRun, "dry-run", false, "only count what would be published")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	o.nats.add(f)
	return command{cmd, o.validate, o.run}
}

// readsFile reports whether the command reads a validation file.
func (o *emitOptions) readsFile() bool { return !o.rejected || o.source != (sourceFlags{}) }

func (o *emitOptions) validate() error {
	switch {
	case o.rejected && o.follow:
		return errors.New("--rejected and --follow cannot be combined")
	case o.dryRun && o.follow:
		return errors.New("--dry-run and --follow cannot be combined")
	case o.upload != "" && o.source.store == "":
		return errors.New("--upload needs --store DIR, from which archives are copied")
	}
	if _, err := o.source.validationFile(); err != nil && o.readsFile() {
		return errors.New("one of --store DIR, --validation FILE and --rejected is missing")
	}
	return nil
}

func (o *emitOptions) run(ctx context.Context, t *terminal) error {
	b, err := o.nats.connectAndMakeStreams(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	e := &emit.Emitter{Bus: b, DryRun: o.dryRun}
	publishing := t.progress("publishing")
	defer publishing.end()
	if o.upload != "" && !o.dryRun {
		closeStore, err := o.openUploads(ctx, t, b, e)
		if err != nil {
			return err
		}
		defer closeStore()
		publishing.what = "uploading and publishing"
		e.Uploads.Progress = publishing.set
	} else {
		e.Progress = publishing.set
	}
	if o.readsFile() {
		if err := o.reconcile(ctx, t, e, publishing); err != nil || o.follow {
			return err
		}
	}
	if !o.rejected {
		return nil
	}
	s, err := e.Republish(ctx)
	publishing.end()
	if err != nil {
		return err
	}
	return t.print(o.json, s, func(out io.Writer) error { return o.printRepublished(out, s) })
}

// openUploads makes the emitter copy archives. The caller must call closeStore.
func (o *emitOptions) openUploads(ctx context.Context, t *terminal, b *bus.Bus, e *emit.Emitter) (closeStore func(), err error) {
	from, err := store.OpenDir(o.source.store)
	if err != nil {
		return nil, err
	}
	to, closeStore, err := makeStore(ctx, t, o.upload, b)
	if err != nil {
		return nil, err
	}
	e.Uploads = &emit.Uploads{From: from, To: to}
	return closeStore, nil
}

// reconcile brings the log in line with the file, once or with --follow until ctx
// ends.
func (o *emitOptions) reconcile(ctx context.Context, t *terminal, e *emit.Emitter, publishing *progress) error {
	file, err := o.source.validationFile()
	if err != nil {
		return err
	}
	e.Rows = dataset.OpenValidation(file)
	if !o.follow {
		s, err := e.Reconcile(ctx)
		publishing.end()
		if err != nil {
			return err
		}
		return o.printSummary(t, s)
	}
	reported := "" // the error that was printed last: one that lasts is printed once
	return e.Follow(ctx, file, emit.FollowPause, func(s emit.Summary, err error) error {
		publishing.end()
		if err != nil {
			if text := oneLine(err); text != reported {
				reported = text
				fmt.Fprintf(t.err, "profiles emit: %s; trying again\n", text)
			}
			return nil
		}
		reported = ""
		return o.printSummary(t, s)
	})
}

func (o *emitOptions) printSummary(t *terminal, s emit.Summary) error {
	warnMalformed(t.err, s.FirstMalformed, s.Malformed)
	return t.print(o.json, s, func(out io.Writer) error {
		if u := s.Archives; u != nil {
			fmt.Fprintf(out, "%d archives uploaded, %d were there already, %d accepted episodes have no archive in %s\n",
				u.Uploaded, u.Stored, u.Without, o.source.store)
		}
		_, err := fmt.Fprintf(out, "%d rows accept %d episodes: %d in the log already, %d %spublished, %d %sretracted\n",
			s.Rows, s.Accepted, s.Already, s.Published, o.wouldBe(), s.Retracted, o.wouldBe())
		return err
	})
}

func (o *emitOptions) printRepublished(out io.Writer, s emit.RepublishSummary) error {
	_, err := fmt.Fprintf(out, "%d rejected messages name %d episodes: %d not accepted any more, %d with a curve by now, %d %spublished again; %d malformed\n",
		s.Rejected, s.Episodes, s.Withdrawn, s.HaveCurve, s.Published, o.wouldBe(), s.Malformed)
	return err
}

// wouldBe goes before "published".
func (o *emitOptions) wouldBe() string {
	if o.dryRun {
		return "would be "
	}
	return ""
}
