package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/command/dataset"
)

// dash is the name of standard input and standard output.
const dash = "-"

// dashless are the flags of files and folders that can be neither. Without this check they
// would make a file of that name, or look for one.
var dashless = []string{"store", "validation", "spec", "model", "out", "model-out", "signatures-out", "write-spec", "data", "upload"}

// refuseDash returns an error that names the first such flag.
func refuseDash(flags *pflag.FlagSet) error {
	for _, name := range dashless {
		if f := flags.Lookup(name); f != nil && f.Value.String() == dash {
			return fmt.Errorf("--%s -: it can't be standard input or output, give a name (./- is a file of the name -)", name)
		}
	}
	return nil
}

// checkStdout returns an error if the table that is to go to path would be written to a
// screen.
func (t *terminal) checkStdout(path string) error {
	if path == dash && screenOf(t.out) != nil {
		return usage(errors.New("--fit-out -: standard output is a terminal, and a parquet file is not text: redirect it to a file or a pipe"))
	}
	return nil
}

// writeTable writes rows into the file at path, or to standard output.
func (t *terminal) writeTable(path string, rows []dataset.AttackProfile, meta map[string]string) error {
	if path == dash {
		return dataset.WriteAttackProfiles(t.out.Unwrap(), rows, meta) // bytes, not text
	}
	return dataset.WriteAttackProfilesFile(path, rows, meta)
}

// maxTable is the greatest size of a table on standard input, which is kept in memory. A
// table of six profiles has 10 KB.
const maxTable = 256 << 20

// readTable reads the file at path, or standard input.
func (t *terminal) readTable(path string) ([]dataset.AttackProfile, map[string]string, error) {
	if path != dash {
		return dataset.ReadAttackProfilesFile(path)
	}
	content, err := io.ReadAll(io.LimitReader(t.in, maxTable+1))
	if err == nil && len(content) > maxTable {
		err = fmt.Errorf("more than %d MiB", maxTable>>20)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read standard input: %w", err)
	}
	rows, meta, err := dataset.ReadAttackProfiles(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		err = fmt.Errorf("standard input: %w", err)
	}
	return rows, meta, err
}
