package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
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
	flags.StringVar(&f.validation, "validation", "", "`FILE` that lists the episodes (default: validation.parquet beside the store)")
}

func (f *sourceFlags) validate() error {
	if f.store == "" {
		return errors.New("--store DIR is missing")
	}
	return nil
}

// defaultValidation returns the path of validation.parquet beside the store; empty
// if the store is not a directory.
func (f *sourceFlags) defaultValidation() string {
	if f.store == "" || strings.Contains(f.store, "://") {
		return ""
	}
	return filepath.Join(filepath.Dir(filepath.Clean(f.store)), "validation.parquet")
}

// validationFile returns the path of --validation, or else the default one.
func (f *sourceFlags) validationFile() (string, error) {
	switch {
	case f.validation != "":
		return f.validation, nil
	case f.defaultValidation() != "":
		return f.defaultValidation(), nil
	}
	return "", usage(errors.New("--validation FILE is missing"))
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

// validationIfPresent returns the path of --validation, which must exist, or else
// the default path if there is such a file, or else "".
func (f *sourceFlags) validationIfPresent() (string, error) {
	path := f.validation
	if path == "" {
		path = f.defaultValidation()
	}
	if path == "" {
		return "", nil
	}
	_, err := os.Stat(path)
	if f.validation == "" && errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open the validation file: %w", err)
	}
	return path, nil
}

// fit fits the source. It fills in the limits and the progress of cfg.
func (f *sourceFlags) fit(ctx context.Context, t *terminal, cfg batch.Config) ([]batch.Fitted, error) {
	var err error
	if cfg.Limits, err = limits(); err != nil {
		return nil, err
	}
	file, err := f.validationFile()
	if err != nil {
		return nil, err
	}
	store, closeStore, err := openStore(ctx, t, f.store, nil)
	if err != nil {
		return nil, err
	}
	defer closeStore()

	listing := t.progress("reading the validation file")
	rows, err := roster.Read(counted(dataset.OpenValidation(file), listing.step), cfg.Spec.Seed)
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
		fmt.Fprintf(w, "warning: row %d is left out: %v\n", m.Row, m.Err)
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
	return spec, usage(err)
}

// limits returns the limits of the environment (EPISODE_MAX_...). Workers use the
// same ones: they are part of a generation.
func limits() (episode.Limits, error) {
	var l episode.Limits
	if err := (service.Settings{Prefix: "EPISODE_MAX", Into: &l}).FromEnvironment(); err != nil {
		return l, usage(err)
	}
	return l.OrDefault(), usage(l.Validate())
}
