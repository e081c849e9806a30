package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/service"
)

// sourceFlags say where episodes come from.
type sourceFlags struct{ store, validation string }

// What --store may be: emit needs a directory.
const (
	aDirectory = "`DIR` with the archives, DIR/<host>/<episode>.tar.zst"
	anyStore   = aDirectory + "; or nats://bucket, s3://bucket/prefix, then with --validation"
)

func (f *sourceFlags) add(flags *pflag.FlagSet, store string) {
	flags.StringVar(&f.store, "store", "", store)
	flags.StringVar(&f.validation, "validation", "", "`FILE` that lists the episodes (default: validation.parquet beside the store)")
}

// beside is where the validation file is by default; empty where that can't be
// told.
func (f *sourceFlags) beside() string {
	if f.store == "" || strings.Contains(f.store, "://") {
		return ""
	}
	return filepath.Join(filepath.Dir(filepath.Clean(f.store)), "validation.parquet")
}

// validationFile is the file to read, given or beside the store.
func (f *sourceFlags) validationFile() (string, error) {
	switch {
	case f.validation != "":
		return f.validation, nil
	case f.beside() != "":
		return f.beside(), nil
	}
	return "", usage(errors.New("--validation FILE is missing"))
}

// loadSpec reads a spec; a bad one is a mistake in usage.
func loadSpec(path string) (*fit.Spec, error) {
	spec, err := service.LoadSpec(path)
	return spec, usage(err)
}

func addSpecFlag(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "spec", "", "fit spec, a YAML `FILE` (default: the six profiles)")
}

// limits are those of the environment (EPISODE_MAX_...), as the workers take
// them: they are part of a generation.
func limits() (episode.Limits, error) {
	var l episode.Limits
	if err := (service.Settings{Prefix: "EPISODE_MAX", Into: &l}).FromEnvironment(); err != nil {
		return l, usage(err)
	}
	return l.OrDefault(), usage(l.Validate())
}

// counted passes rows on and tells after each.
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

// warnMalformed tells of accepted rows that name no episode: they are left out,
// but not silently.
func warnMalformed(w io.Writer, first []roster.Malformed, all int) {
	for _, m := range first {
		fmt.Fprintf(w, "warning: row %d is left out: %v\n", m.Row, m.Err)
	}
	if more := all - len(first); more > 0 {
		fmt.Fprintf(w, "warning: %d more rows like these are left out\n", more)
	}
}

// openArchive opens the archive at path, where "-" is standard input, and says
// how to call it.
func openArchive(t *terminal, path string) (archive io.ReadCloser, name string, err error) {
	if path == "-" {
		return io.NopCloser(t.in), "standard input", nil
	}
	archive, err = os.Open(path)
	return archive, path, err
}
