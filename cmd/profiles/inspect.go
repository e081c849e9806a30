package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/draft"
	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/internal/atomicfile"
	"github.com/cis490/profiles/internal/service"
)

type inspectOptions struct {
	path       string
	archives   int
	spec       string
	validation string
	json       bool
}

func inspectCommand() command {
	o := &inspectOptions{}
	cmd := &cobra.Command{
		Use:   "inspect ARCHIVE|STORE [flags]",
		Short: "show what an archive or a store holds, in whatever format",
		Long: `inspect shows what archives hold, and needs no spec: the members, and of each file of rows
(JSON lines or CSV) its fields, how many rows have them, their least and greatest value,
which look like counters, which look like times and in what unit; the labels in order with
their phases; and which field of the meta file looks like the duration.

Of a STORE, a directory with the files <host>/<episode>.<suffix>, it reads some 20 archives
of several hosts, always the same ones, and says where they differ. ARCHIVE "-" is standard
input.

--write-spec writes a spec for what was found, which profiles fit --spec reads. Its comments
say what was guessed. What cannot be guessed is a comment with FILL IN, and a line on stderr.
The profiles come from the list of episodes: that of --validation, or a file validation.*
(parquet, CSV, JSON lines) beside the store, or the only file of such a kind there.

Exit codes: 0 all is fine; 3 some archives give no curve, since they have no labels or no
rows with a time; 4 some archives cannot be read.`,
		Example: `  profiles inspect episode.tar.gz
  profiles inspect store --write-spec spec.yaml
  profiles fit --store store --validation list.csv --spec spec.yaml
  profiles inspect store --json | jq '.summary.sources'`,
		Args: fileArgument(&o.path, "ARCHIVE or STORE"),
	}
	f := cmd.Flags()
	f.IntVar(&o.archives, "archives", 20, "of a store, read `N` archives")
	f.StringVar(&o.spec, "write-spec", "", "write a spec for what was found into this YAML `FILE`")
	f.StringVar(&o.validation, "validation", "", "`FILE` that lists the episodes, for --write-spec (default: validation.* beside the store)")
	f.BoolVar(&o.json, "json", false, "print everything as JSON")
	return command{cmd, o.validate, o.run}
}

func (o *inspectOptions) validate() error {
	if o.archives < 1 || o.archives > 10_000 {
		return fmt.Errorf("--archives is %d: it must be from 1 to 10000", o.archives)
	}
	if strings.Contains(o.path, "://") && !strings.HasPrefix(o.path, "file://") {
		return fmt.Errorf("%s: inspect takes an archive or a directory; copy some archives of the store into a directory <host>/ first", o.path)
	}
	return nil
}

func (o *inspectOptions) run(ctx context.Context, t *terminal) error {
	path := strings.TrimPrefix(o.path, "file://")
	if path != "-" {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return o.inspectStore(ctx, t, path)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a directory", path)
		}
	}
	return o.inspectArchive(ctx, t, path)
}

// inspectFile reads what the archive at path holds; "-" is standard input.
func inspectFile(ctx context.Context, t *terminal, path string) (*inspect.Archive, error) {
	limits, err := limits()
	if err != nil {
		return nil, err
	}
	file, err := t.open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	a, err := inspect.Read(ctx, file, limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileName(path), err)
	}
	return a, nil
}

func (o *inspectOptions) inspectArchive(ctx context.Context, t *terminal, path string) error {
	a, err := inspectFile(ctx, t, path)
	if err != nil {
		return err
	}
	s := inspect.Summarize([]*inspect.Archive{a})
	if err := t.print(o.json, s, func(out io.Writer) error { return printSummary(out, s) }); err != nil {
		return err
	}
	if err := o.writeSpec(t, draft.Input{From: fileName(path), Summary: s}, nil); err != nil {
		return err
	}
	if missing := s.NoCurve(); len(missing) > 0 {
		return noCurve(fmt.Errorf("%s: %s", fileName(path), missing[0].Error))
	}
	return nil
}

func (o *inspectOptions) inspectStore(ctx context.Context, t *terminal, dir string) error {
	limits, err := limits()
	if err != nil {
		return err
	}
	reading := t.progress("reading archives")
	r, err := inspect.Store(ctx, dir, inspect.StoreConfig{Archives: o.archives, Limits: limits, Progress: reading.set})
	reading.end()
	if err != nil {
		return err
	}
	if err := t.print(o.json, r, func(out io.Writer) error { return printStore(out, r) }); err != nil {
		return err
	}
	if err := o.writeSpec(t, draft.Input{From: dir, Summary: r.Summary, Suffixes: r.ArchiveSuffixes()}, r); err != nil {
		return err
	}
	switch {
	case len(r.Unreadable) > 0:
		return unreadable(fmt.Errorf("%d of %d archives cannot be read, such as %s: %s", len(r.Unreadable), len(r.Unreadable)+r.Summary.Archives,
			r.Unreadable[0].Archive, r.Unreadable[0].Error))
	case len(r.NoCurve) > 0:
		return noCurve(fmt.Errorf("%d of %d archives give no curve, such as %s: %s", len(r.NoCurve), r.Summary.Archives, r.NoCurve[0].Archive, r.NoCurve[0].Error))
	}
	return nil
}

// writeSpec writes the file of --write-spec, if given. r is nil for a single archive.
func (o *inspectOptions) writeSpec(t *terminal, in draft.Input, r *inspect.StoreReport) error {
	if o.spec == "" {
		return nil
	}
	if err := o.readList(t, &in, r); err != nil {
		return err
	}
	d, invalid := draft.Make(in)
	if err := atomicfile.Write(o.spec, 0o644, func(w io.Writer) error { _, err := w.Write(d.YAML); return err }); err != nil {
		return err
	}
	for _, q := range d.Questions {
		fmt.Fprintf(t.err, "fill in: %s\n", printable(q))
	}
	if invalid != nil {
		return fmt.Errorf("%s: %w", o.spec, invalid)
	}
	fmt.Fprintf(t.err, "wrote %s: read its comments, then try it with profiles check --spec %s\n", o.spec, o.spec)
	return nil
}

// readList reads the list of episodes, if there is one.
func (o *inspectOptions) readList(t *terminal, in *draft.Input, r *inspect.StoreReport) error {
	source := sourceFlags{validation: o.validation}
	if r != nil {
		source.store = strings.TrimPrefix(o.path, "file://")
	}
	path, err := source.validationIfPresent(t.err)
	if err != nil {
		return err
	}
	guessed := path == ""
	if guessed {
		path = source.onlyList()
	}
	if path == "" {
		return nil
	}
	known := func(string) bool { return false }
	isHost, isEpisode := known, known
	if r != nil {
		isHost, isEpisode = r.HasHost, r.HasEpisode
	}
	list, err := draft.ReadList(path, isHost, isEpisode)
	if guessed && (err != nil || len(list.Unknown) > 0) {
		return nil // the file is something else
	}
	if guessed {
		fmt.Fprintf(t.err, "the list of episodes may be %s: no other file beside the store is parquet, CSV or JSON lines\n", path)
	}
	in.List = list
	return err
}

// An exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// noCurve marks an error that some archives give no curve.
func noCurve(err error) error { return &exitError{service.ExitUnusable, err} }

// unreadable marks an error that some archives cannot be read.
func unreadable(err error) error { return &exitError{service.ExitCorrupt, err} }

// codeOf returns the exit code of an exitError; false for another error.
func codeOf(err error) (int, bool) {
	var e *exitError
	if errors.As(err, &e) {
		return e.code, true
	}
	return 0, false
}
