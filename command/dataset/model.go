package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/atomicfile"
	"github.com/cis490/profiles/model"
)

// A modelRow is one row of a model's file: an example. A gap in the vector is NaN.
type modelRow struct {
	Profile   string    `parquet:"profile"`
	HostID    string    `parquet:"host_id"`
	EpisodeID string    `parquet:"episode_id"`
	Vector    []float32 `parquet:"vector,list"`
}

var modelColumns = []tableColumn[modelRow]{
	{"profile", kindString, func(r *modelRow, v value) error { r.Profile = string(v.bytes); return nil }},
	{"host_id", kindString, func(r *modelRow, v value) error { r.HostID = string(v.bytes); return nil }},
	{"episode_id", kindString, func(r *modelRow, v value) error { r.EpisodeID = string(v.bytes); return nil }},
	{"vector", kindList, func(r *modelRow, v value) error { r.Vector = append(r.Vector, v.float()); return nil }},
}

// layoutKey is the metadata key of the model's layout, as JSON.
const layoutKey = "layout"

// maxModel bounds a model that is read: 256 MiB of vectors.
var maxModel = tableLimits{rows: 1 << 20, values: 64 << 20}

// WriteModel writes a model as its examples, one a row: profile, host_id, episode_id and vector. Its layout is in the key-value
// metadata, as JSON.
func WriteModel(w io.Writer, m *model.Model) error {
	layout, err := json.Marshal(m.Layout())
	if err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	var rows []modelRow
	for _, e := range m.Examples() {
		rows = append(rows, modelRow{string(e.Profile), e.Host, e.Episode, e.Vector})
	}
	if err := writeTable(w, rows, map[string]string{layoutKey: string(layout)}); err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	return nil
}

// WriteModelFile writes the file at path, whole or not at all ([atomicfile.Write]).
func WriteModelFile(path string, m *model.Model) error {
	return atomicfile.Write(path, 0o644, func(w io.Writer) error { return WriteModel(w, m) })
}

// ReadModel reads a model's file of size bytes. Errors match ErrDamaged or ErrShape, or are those of r.
func ReadModel(r io.ReaderAt, size int64) (*model.Model, error) {
	rows, meta, err := readTable(r, size, modelColumns, maxModel)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	text, ok := meta[layoutKey]
	if !ok {
		return nil, fmt.Errorf("read model: %w: no layout in the file's metadata", ErrShape)
	}
	var layout model.Layout
	err = json.Unmarshal([]byte(text), &layout)
	examples := make([]model.Example, len(rows))
	for i, row := range rows {
		profile, unfit := fit.ParseProfileName(row.Profile)
		err = errors.Join(err, unfit)
		examples[i] = model.Example{Profile: profile, Host: row.HostID, Episode: row.EpisodeID, Vector: row.Vector}
	}
	if err != nil {
		return nil, fmt.Errorf("read model: %w: %w", ErrShape, err)
	}
	m, err := model.New(layout, examples)
	if err != nil {
		return nil, fmt.Errorf("read model: %w: %w", ErrShape, err)
	}
	return m, nil
}

// ReadModelFile reads the file at path as [ReadModel] does.
func ReadModelFile(path string) (m *model.Model, err error) {
	err = readPath(path, "model", func(r io.ReaderAt, size int64) (err error) {
		m, err = ReadModel(r, size)
		return err
	})
	return m, err
}
