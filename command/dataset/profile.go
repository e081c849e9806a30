package dataset

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"

	"github.com/cis490/profiles/command/dataset/parquetfile"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/atomicfile"
)

// AttackProfile is one row of attack_profiles_v1.parquet: the envelope of a profile.
//
// The four lists have one number for each grid point (80 by default), so the same length. The raw ones are in the channel's unit;
// Median is scaled to [0, 1] by MedianMinRaw and MedianMaxRaw, the least and the greatest of the raw medians before they were
// rounded to float32. All numbers are finite; a point without data is 0.
type AttackProfile struct {
	Profile      string    `parquet:"profile"`
	Channel      string    `parquet:"channel"`              // <source>.<field>
	Used         int32     `parquet:"n_episodes_used"`      // episodes in the sample
	Attempted    int32     `parquet:"n_episodes_attempted"` // Used, and those that were tried and gave no curve
	Median       []float32 `parquet:"median,list"`
	MedianRaw    []float32 `parquet:"median_raw,list"`
	P25Raw       []float32 `parquet:"p25_raw,list"`
	P75Raw       []float32 `parquet:"p75_raw,list"`
	MedianMinRaw float64   `parquet:"median_min_raw"`
	MedianMaxRaw float64   `parquet:"median_max_raw"`
	Unit         string    `parquet:"-"` // of the raw numbers; not a column, see [unitsKey]; "" if the file does not say it
}

// unitsKey is the metadata key of the units, a JSON object: the unit of each profile that has one.
const unitsKey = "units"

// ShownUnit returns the unit or, if the file does not say it, the one that the channel's name gives.
func (p *AttackProfile) ShownUnit() string {
	if p.Unit == "" {
		return fit.Unit(p.Channel)
	}
	return p.Unit
}

var profileColumns = []tableColumn[AttackProfile]{
	{"profile", kindString, func(p *AttackProfile, v value) error { p.Profile = string(v.bytes); return nil }},
	{"channel", kindString, func(p *AttackProfile, v value) error { p.Channel = string(v.bytes); return nil }},
	{"n_episodes_used", kindCount, func(p *AttackProfile, v value) (err error) { p.Used, err = v.count(); return err }},
	{"n_episodes_attempted", kindCount, func(p *AttackProfile, v value) (err error) { p.Attempted, err = v.count(); return err }},
	{"median", kindList, func(p *AttackProfile, v value) error { p.Median = append(p.Median, v.float()); return nil }},
	{"median_raw", kindList, func(p *AttackProfile, v value) error { p.MedianRaw = append(p.MedianRaw, v.float()); return nil }},
	{"p25_raw", kindList, func(p *AttackProfile, v value) error { p.P25Raw = append(p.P25Raw, v.float()); return nil }},
	{"p75_raw", kindList, func(p *AttackProfile, v value) error { p.P75Raw = append(p.P75Raw, v.float()); return nil }},
	{"median_min_raw", kindDouble, func(p *AttackProfile, v value) error { p.MedianMinRaw = v.double(); return nil }},
	{"median_max_raw", kindDouble, func(p *AttackProfile, v value) error { p.MedianMaxRaw = v.double(); return nil }},
}

// maxProfiles bounds an attack profiles file that is read. (It usually has six rows of 80 points.)
var maxProfiles = tableLimits{rows: 10_000, values: 4 << 20}

// NewAttackProfile returns the row of a profile's envelope, whose unit is that of the spec's channel. Each number is rounded to float32 once, except the two that are
// float64. The slices are new.
func NewAttackProfile(p fit.Profile, unit string, e fit.Envelope) AttackProfile {
	return AttackProfile{
		Profile:      string(p.Name),
		Channel:      p.Channel,
		Used:         clampCount(e.Used),
		Attempted:    clampCount(e.Attempted),
		Median:       e.Normalised().Median,
		MedianRaw:    float32s(e.Median),
		P25Raw:       float32s(e.P25),
		P75Raw:       float32s(e.P75),
		MedianMinRaw: e.Min,
		MedianMaxRaw: e.Max,
		Unit:         unit,
	}
}

// clampCount returns the nearest count that the format can hold.
func clampCount(n int) int32 { return int32(min(n, math.MaxInt32)) }

func float32s(values []float64) []float32 {
	rounded := make([]float32, len(values))
	for i, v := range values {
		rounded[i] = fit.Float32(v)
	}
	return rounded
}

// Check returns an error if p cannot be a row of the file. It matches ErrShape and names the column.
func (p *AttackProfile) Check() error {
	if p.Profile == "" {
		return fmt.Errorf("%w: profile is empty", ErrShape)
	}
	if p.Channel == "" {
		return fmt.Errorf("%w: channel is empty", ErrShape)
	}
	if p.Used < 0 || p.Attempted < p.Used {
		return fmt.Errorf("%w: n_episodes_used is %d, n_episodes_attempted %d", ErrShape, p.Used, p.Attempted)
	}
	for _, list := range []struct {
		name   string
		values []float32
	}{{"median", p.Median}, {"median_raw", p.MedianRaw}, {"p25_raw", p.P25Raw}, {"p75_raw", p.P75Raw}} {
		if len(list.values) != len(p.Median) {
			return fmt.Errorf("%w: %s has %d numbers, median has %d", ErrShape, list.name, len(list.values), len(p.Median))
		}
		for i, v := range list.values {
			if !finite(float64(v)) {
				return fmt.Errorf("%w: %s[%d] is %v", ErrShape, list.name, i, v)
			}
		}
	}
	if !finite(p.MedianMinRaw) || !finite(p.MedianMaxRaw) {
		return fmt.Errorf("%w: median_min_raw is %v, median_max_raw %v", ErrShape, p.MedianMinRaw, p.MedianMaxRaw)
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// checkProfiles checks each row, and that no profile has two.
func checkProfiles(rows []AttackProfile) error {
	seen := make(map[string]bool)
	for i := range rows {
		if err := rows[i].Check(); err != nil {
			return fmt.Errorf("row %d (%s): %w", i, parquetfile.Clip(rows[i].Profile), err)
		}
		if seen[rows[i].Profile] {
			return fmt.Errorf("row %d: %w: profile %s comes twice", i, ErrShape, parquetfile.Clip(rows[i].Profile))
		}
		seen[rows[i].Profile] = true
	}
	return nil
}

// WriteAttackProfiles writes rows as attack_profiles_v1.parquet, in their order, with meta and the units as the file's key-value
// metadata: the columns of AttackProfile in that order, zstd, nothing nullable. The same input gives the same bytes. A row that does not pass
// Check, or a profile that comes twice, is an error before anything is written. The rows are neither changed nor kept. No rows
// give a file without rows.
func WriteAttackProfiles(w io.Writer, rows []AttackProfile, meta map[string]string) error {
	err := checkProfiles(rows)
	if err == nil {
		err = writeTable(w, rows, withUnits(meta, rows))
	}
	if err != nil {
		return fmt.Errorf("write attack profiles: %w", err)
	}
	return nil
}

// withUnits returns meta with the units of the rows, if one has a unit. It does not change meta.
func withUnits(meta map[string]string, rows []AttackProfile) map[string]string {
	units := map[string]string{}
	for _, p := range rows {
		if p.Unit != "" {
			units[p.Profile] = p.Unit
		}
	}
	if len(units) == 0 {
		return meta
	}
	text, err := json.Marshal(units)
	if err != nil {
		panic(fmt.Sprintf("dataset: write units as JSON: %v", err)) // cannot happen: strings have a JSON form
	}
	all := maps.Clone(meta)
	if all == nil {
		all = map[string]string{}
	}
	all[unitsKey] = string(text)
	return all
}

// setUnits sets the units that the metadata has. Other text, which only another program writes, is ignored: units change no number.
func setUnits(rows []AttackProfile, meta map[string]string) {
	var units map[string]string
	if json.Unmarshal([]byte(meta[unitsKey]), &units) != nil {
		return
	}
	for i := range rows {
		if unit := units[rows[i].Profile]; fit.ValidUnit(unit) {
			rows[i].Unit = unit
		}
	}
}

// WriteAttackProfilesFile writes the file at path, whole or not at all ([atomicfile.Write]).
func WriteAttackProfilesFile(path string, rows []AttackProfile, meta map[string]string) error {
	return atomicfile.Write(path, 0o644, func(w io.Writer) error { return WriteAttackProfiles(w, rows, meta) })
}

// ReadAttackProfiles reads an attack profiles file of size bytes and its key-value metadata (of a key that comes twice, the last
// value). It also reads what pyarrow, DuckDB and pandas write of the same rows: columns in any order and among others, nullable
// types, lists of float64 (rounded to float32 once) or of a fixed size, list elements of any name, int64 counts, float32 for the
// two float64 columns, any compression.
//
// Errors match ErrDamaged or ErrShape, or are those of r. ErrShape is for a column that is missing or of another type, a null, a
// row that does not pass Check, and a profile that comes twice; it names the column and the row, counted from 0. Rows and
// metadata belong to the caller; a list without numbers is nil.
func ReadAttackProfiles(r io.ReaderAt, size int64) ([]AttackProfile, map[string]string, error) {
	rows, meta, err := readTable(r, size, profileColumns, maxProfiles)
	if err == nil {
		err = checkProfiles(rows)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read attack profiles: %w", err)
	}
	setUnits(rows, meta)
	return rows, meta, nil
}

// ReadAttackProfilesFile reads the file at path as [ReadAttackProfiles] does.
func ReadAttackProfilesFile(path string) (rows []AttackProfile, meta map[string]string, err error) {
	err = readPath(path, "attack profiles", func(r io.ReaderAt, size int64) (err error) {
		rows, meta, err = ReadAttackProfiles(r, size)
		return err
	})
	return rows, meta, err
}
