package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/service"
)

// sourceFlags have the store of the archives and the list of the episodes.
type sourceFlags struct{ store, validation string }

// Help texts of --store. The command emit copies from a directory only.
const (
	aDirectory = "`DIR` with the archives, DIR/<host>/<episode>.tar.zst"
	anyStore   = aDirectory + "; or nats://bucket or s3://bucket/prefix, with --validation"
)

func (f *sourceFlags) add(flags *pflag.FlagSet, store string) {
	flags.StringVar(&f.store, "store", "", store)
	flags.StringVar(&f.validation, "validation", "", "`FILE` that lists the episodes: parquet, CSV or JSON lines, also with gzip (default: validation.parquet, .csv or .jsonl beside the store)")
}

func (f *sourceFlags) validate() error {
	if f.store == "" {
		return errors.New("--store DIR is missing")
	}
	return nil
}

// listNames are the names that a list of episodes beside the store may have. Of several
// files the first one counts.
var listNames = []string{
	"validation.parquet", "validation.csv", "validation.jsonl",
	"validation.parquet.gz", "validation.csv.gz", "validation.jsonl.gz",
}

// besideStore returns the lists that are beside the store, by listNames, and the folder
// where they are; "" if the store is not a directory.
func (f *sourceFlags) besideStore() (folder string, lists []string, err error) {
	if f.store == "" || strings.Contains(f.store, "://") {
		return "", nil, nil
	}
	folder = filepath.Join(f.store, "..") // not filepath.Dir: the store may be "."
	for _, name := range listNames {
		switch _, err := os.Stat(filepath.Join(folder, name)); {
		case err == nil:
			lists = append(lists, name)
		case !errors.Is(err, fs.ErrNotExist):
			return "", nil, fmt.Errorf("look for the list of episodes: %w", err)
		}
	}
	return folder, lists, nil
}

// hasList reports whether the flags say where the list of episodes is.
func (f *sourceFlags) hasList() bool {
	return f.validation != "" || f.store != "" && !strings.Contains(f.store, "://")
}

// validationFile returns the path of --validation, or else of the list beside the
// store. If that is not validation.parquet, it says to w which list it is.
func (f *sourceFlags) validationFile(w io.Writer) (string, error) {
	if !f.hasList() {
		return "", usage(errors.New("--validation FILE is missing"))
	}
	if f.validation != "" {
		return f.validation, nil
	}
	path, err := f.validationIfPresent(w)
	if err == nil && path == "" {
		folder, _, _ := f.besideStore()
		if whole, absErr := filepath.Abs(folder); absErr == nil {
			folder = whole // the store may be "."
		}
		err = fmt.Errorf("no list of episodes: %s has no %s; name the list with --validation FILE", folder, strings.Join(listNames, ", "))
	}
	return path, err
}

// recorded is the folder with real episodes in a clone of the project.
const recorded = "examples/recorded"

// useRecorded sets the store to the project's recorded episodes if none is given.
func (f *sourceFlags) useRecorded() error {
	if f.store != "" {
		return nil
	}
	dir := filepath.Join(recorded, "store")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s is not in this folder: start in the project's folder, or pass --store DIR", recorded)
	}
	f.store = dir
	return nil
}

// validationIfPresent returns the path of --validation, which must exist, or else of the
// list beside the store, or else "".
func (f *sourceFlags) validationIfPresent(w io.Writer) (string, error) {
	if f.validation != "" {
		if _, err := os.Stat(f.validation); err != nil {
			return "", fmt.Errorf("open the validation file: %w", err)
		}
		return f.validation, nil
	}
	folder, lists, err := f.besideStore()
	if err != nil || len(lists) == 0 {
		return "", err
	}
	path := filepath.Join(folder, lists[0])
	if lists[0] != listNames[0] {
		fmt.Fprintf(w, "the list of episodes is %s", path)
		if len(lists) > 1 {
			fmt.Fprintf(w, ", not %s (--validation names another one)", strings.Join(lists[1:], ", "))
		}
		fmt.Fprintln(w)
	}
	return path, nil
}

// onlyList returns the file beside the store that has the ending of a list, if there is only one, or
// else "".
func (f *sourceFlags) onlyList() string {
	folder, _, err := f.besideStore()
	if err != nil || folder == "" {
		return ""
	}
	files, _ := os.ReadDir(folder) // a folder that can't be listed has no list to guess
	files = slices.DeleteFunc(files, func(file fs.DirEntry) bool { return !file.Type().IsRegular() || !listEnding(file.Name()) })
	if len(files) != 1 {
		return ""
	}
	return filepath.Join(folder, files[0].Name())
}

// listEnding reports whether a file of this name may be a list of episodes.
func listEnding(name string) bool {
	ending := filepath.Ext(strings.TrimSuffix(name, ".gz"))
	return slices.Contains([]string{".parquet", ".csv", ".jsonl", ".ndjson"}, ending) && !strings.HasPrefix(name, ".")
}

// fit fits the source. It fills in the limits and the progress of cfg.
func (f *sourceFlags) fit(ctx context.Context, t *terminal, cfg batch.Config) ([]batch.Fitted, error) {
	var err error
	if cfg.Limits, err = limits(); err != nil {
		return nil, err
	}
	file, err := f.validationFile(t.err)
	if err != nil {
		return nil, err
	}
	store, closeStore, err := openStore(ctx, t, f.store, cfg.Spec.Format.Suffixes, nil)
	if err != nil {
		return nil, err
	}
	defer closeStore()

	listing := t.progress("reading the validation file")
	cfg.Rows = dataset.OpenValidation(file, cfg.Spec.Validation)
	rows, err := roster.Read(counted(cfg.Rows, listing.step), cfg.Spec.Seed)
	listing.end()
	if err != nil {
		return nil, err
	}
	first, all := rows.Malformed()
	warnMalformed(t.err, first, all)

	reading := t.progress("reading archives")
	defer reading.end()
	cfg.Progress = func(p batch.Progress) { reading.set(p.Read, p.Read+p.Left) }
	return batch.Fit(ctx, cfg, store, rows)
}

// counted yields rows and calls each before every row.
func counted(rows iter.Seq2[dataset.ValidationRow, error], each func()) iter.Seq2[dataset.ValidationRow, error] {
	return func(yield func(dataset.ValidationRow, error) bool) {
		for row, err := range rows {
			each()
			if !yield(row, err) {
				return
			}
		}
	}
}

// warnMalformed prints a warning about accepted rows that are left out because they
// name no episode or profile.
func warnMalformed(w io.Writer, first []roster.Malformed, all int) {
	for _, m := range first {
		fmt.Fprintf(w, "warning: left out: %v\n", m)
	}
	if more := all - len(first); more > 0 {
		fmt.Fprintf(w, "warning: %d more malformed rows are left out\n", more)
	}
}

func addSpecFlag(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "spec", "", "fit spec, a YAML `FILE` (default: the six profiles)")
}

// loadSpec reads a spec. An error is a mistake in the command line.
func loadSpec(path string) (*fit.Spec, error) {
	spec, err := service.LoadSpec(path)
	if err != nil {
		return nil, usage(&specError{err})
	}
	return spec, nil
}

// A specError is about the content of a spec, which no help text of a command explains.
type specError struct{ error }

func (e *specError) Unwrap() error { return e.error }

// limits returns the limits of the environment (EPISODE_MAX_...). Workers use the
// same ones: they are part of a generation.
func limits() (episode.Limits, error) {
	var l episode.Limits
	if err := (service.Settings{Prefix: "EPISODE_MAX", Into: &l}).FromEnvironment(); err != nil {
		return l, usage(err)
	}
	return l.OrDefault(), usage(l.Validate())
}
