package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

type emitOptions struct {
	source   sourceFlags
	spec     string
	nats     natsFlags
	upload   string
	rejected bool
	follow   bool
	all      bool // retract, however much it is
	listen   string
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

A list that takes back more than a tenth of what the log accepts, and more than ten episodes,
is usually the wrong list, or writes its statuses in another case. Then emit publishes
nothing, says what would be taken back and why, and asks on a terminal, or fails. With
--follow it waits until the list is right again, or until another emit was run with
--retract-all. With --retract-all it does not ask.

With --rejected it publishes again each rejected episode that is still accepted and has
no curve yet, for example because its archive came late. Alone, --rejected needs no file.

The list is parquet, CSV or JSON lines. The key validation of --spec names its columns, and the
statuses of accepted episodes. Two emitters of one system must use the same ones: each
retracts what only the other accepts.

With --upload it copies archives from --store to the store of the workers. It copies the
archive of each accepted episode before it publishes the accept. It skips archives that
are there with the same bytes. Episodes without an archive in --store are published, too.`,
		Example: `  profiles emit --store examples/recorded/store --dry-run
  profiles emit --validation /data/validation.parquet --follow --listen :8450
  profiles emit --validation list.csv --spec spec.yaml
  profiles emit --store examples/recorded/store --upload nats://episodes
  profiles emit --rejected`,
		Args: noArguments,
	}
	f := cmd.Flags()
	o.source.add(f, aDirectory)
	f.StringVar(&o.upload, "upload", "", "copy archives from --store to `ADDRESS` first: a directory, nats://bucket or s3://bucket/prefix")
	f.BoolVar(&o.rejected, "rejected", false, "publish again the rejected episodes that have no curve yet, each once")
	f.BoolVar(&o.follow, "follow", false, "watch the file and reconcile after each change, until interrupted")
	f.BoolVar(&o.all, "retract-all", false, "retract everything that the list does not accept, however much it is")
	f.StringVar(&o.listen, "listen", "", "with --follow: `HOST:PORT` of /healthz, /readyz and /metrics (default: none)")
	f.BoolVar(&o.dryRun, "dry-run", false, "only count what would be published")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	f.StringVar(&o.spec, "spec", "", "fit spec, a YAML `FILE`: its key validation names the columns of the list and the statuses of accepted episodes")
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
	case o.listen != "" && !o.follow:
		return errors.New("--listen needs --follow")
	case o.upload != "" && o.source.store == "":
		return errors.New("--upload needs --store DIR, from which archives are copied")
	}
	if o.readsFile() && !o.source.hasList() {
		return errors.New("one of --store DIR, --validation FILE and --rejected is missing")
	}
	return nil
}

func (o *emitOptions) run(ctx context.Context, t *terminal) error {
	spec, err := loadSpec(o.spec)
	if err != nil {
		return err
	}
	b, err := o.nats.connectAndMakeStreams(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	e := &emit.Emitter{Bus: b, DryRun: o.dryRun, RetractAll: o.all}
	publishing := t.progress("")
	defer publishing.end()
	e.Progress = func(step emit.Step, done, total int) {
		if step != emit.Publishing || e.Uploads == nil {
			publishing.setStep(string(step), done, total)
		}
	}
	if o.upload != "" && !o.dryRun {
		closeStore, err := o.openUploads(ctx, t, spec.Format.Suffixes, b, e)
		if err != nil {
			return err
		}
		defer closeStore()
		e.Uploads.Progress = func(done, total int) { publishing.setStep("uploading and publishing", done, total) }
	}
	if o.readsFile() {
		if err := o.reconcile(ctx, t, spec.Validation, e, publishing); err != nil || o.follow {
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
func (o *emitOptions) openUploads(ctx context.Context, t *terminal, suffixes []string, b *bus.Bus, e *emit.Emitter) (closeStore func(), err error) {
	from, err := store.OpenDir(o.source.store, suffixes...)
	if err != nil {
		return nil, err
	}
	to, closeStore, err := makeStore(ctx, t, o.upload, suffixes, b)
	if err != nil {
		return nil, err
	}
	e.Uploads = &emit.Uploads{From: from, To: to}
	return closeStore, nil
}

// reconcile brings the log in line with the file, once or with --follow until ctx ends.
func (o *emitOptions) reconcile(ctx context.Context, t *terminal, columns fit.Validation, e *emit.Emitter, publishing *progress) error {
	file, err := o.file(t)
	if err != nil {
		return err
	}
	e.Rows = dataset.OpenValidation(file, columns)
	e.Columns = columns
	if o.follow {
		return o.followFile(ctx, t, file, e, publishing)
	}
	e.Confirm = func(r emit.Retractions) bool {
		publishing.end()
		return t.confirm(ctx, fmt.Sprintf("The list would take back %s.\nRetract them?", r))
	}
	s, err := e.Reconcile(ctx)
	publishing.end()
	var held *emit.HeldError
	if err != nil && !errors.As(err, &held) {
		return err
	}
	return errors.Join(o.printSummary(t, s), err)
}

// file returns the path of the list of episodes. With --follow it may not be there yet.
func (o *emitOptions) file(t *terminal) (string, error) {
	if o.follow && o.source.validation == "" {
		folder, lists, err := o.source.besideStore()
		if err != nil || len(lists) == 0 {
			return filepath.Join(folder, listNames[0]), err
		}
	}
	return o.source.validationFile(t.err)
}

func (o *emitOptions) printSummary(t *terminal, s emit.Summary) error {
	warnMalformed(t.err, s.FirstMalformed, s.Malformed)
	return t.print(o.json, s, func(out io.Writer) error {
		if u := s.Archives; u != nil {
			fmt.Fprintf(out, "%d archives uploaded, %d were there already, %d accepted episodes have no archive in %s\n",
				u.Uploaded, u.Stored, u.Without, o.source.store)
		}
		if s.Held != nil && o.dryRun {
			fmt.Fprintf(out, "emit would publish nothing without --retract-all: the list would take back %s\n", s.Held)
		}
		if s.Damaged > 0 {
			fmt.Fprintf(out, "%d episodes %saccepted again: another program has overwritten their entries\n", s.Damaged, o.wouldBe())
		}
		_, err := fmt.Fprintf(out, "%d rows accept %d episodes: %d in the log already, %d %spublished, %d %sretracted\n",
			s.Rows, s.Accepted, s.Already, s.Published, o.wouldBe(), s.Retracted, o.wouldBe())
		if err != nil {
			return err
		}
		return printNames(out, s)
	})
}

// printNames prints what the list has, and how it was read if that is not the default.
func printNames(out io.Writer, s emit.Summary) error {
	if s.Columns != nil {
		fmt.Fprintf(out, "read with %s\n", mappingText(*s.Columns))
	}
	if s.Why != "" {
		fmt.Fprintln(out, s.Why)
	}
	if s.Rows == 0 {
		return nil
	}
	if len(s.Statuses) > 0 {
		fmt.Fprintf(out, "statuses: %s\n", roster.Text(s.Statuses))
	}
	_, err := fmt.Fprintf(out, "profiles: %s\n", roster.Text(s.Profiles))
	return err
}

// mappingText returns text such as "columns run, host_id, profile; status column
// verdict, accepted: ok, good".
func mappingText(v fit.Validation) string {
	text := fmt.Sprintf("columns %s, %s, %s; ", printable(v.EpisodeID), printable(v.HostID), printable(v.Profile))
	if v.Status == "" {
		return text + "every row is accepted"
	}
	return text + fmt.Sprintf("status column %s, accepted: %s", printable(v.Status), printable(strings.Join(v.Accepted, ", ")))
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
