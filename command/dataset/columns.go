package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/cis490/profiles/fit"
)

// Columns returns the names of the columns of the validation file at path, whatever they mean: of parquet and CSV those that the
// file names; of JSON lines the keys of the first row, with paths to the keys within objects. Errors are those of
// [OpenValidation].
func Columns(path string) ([]string, error) {
	f, size, err := openPath(path, "validation file")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	l, err := openList(f, size, newMapping(fit.Validation{}))
	if err != nil {
		return nil, fmt.Errorf("%s: read validation file: %w", path, err)
	}
	defer l.close()
	names, err := l.names()
	if err != nil {
		return nil, fmt.Errorf("%s: read validation file: %w", path, err)
	}
	return names, nil
}

func (l *csvList) names() ([]string, error) { return l.header, nil }

func (v *parquetList) names() ([]string, error) { return v.file.Names(), nil }

// names reads the first row. A list without rows has no names.
func (l *jsonList) names() ([]string, error) {
	for l.lines.Scan() {
		var object map[string]json.RawMessage
		text := bytes.TrimSpace(l.lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if err := json.Unmarshal(text, &object); err != nil {
			return nil, damagedf("its first row is not one JSON object: %v", err)
		}
		return paths(object), nil
	}
	if err := l.lines.Err(); err != nil {
		return nil, err
	}
	return nil, io.ErrUnexpectedEOF
}
