package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// profileColumn says how one column's values get into the rows.
type profileColumn struct {
	name string
	kind columnKind
	set  func(*AttackProfile, value) error // a list's: appends
}

type columnKind string

const (
	kindString columnKind = "string"
	kindCount  columnKind = "int32"
	kindDouble columnKind = "double"
	kindList   columnKind = "list of float"
)

var profileColumns = []profileColumn{
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

// fits says whether a leaf can hold a column of this kind.
func (k columnKind) fits(leaf *parquet.Column) bool {
	lists := 0
	if k == kindList {
		lists = 1
	}
	if leaf == nil || leaf.MaxRepetitionLevel() != lists {
		return false
	}
	kind, logical := leaf.Type().Kind(), leaf.Type().LogicalType()
	switch k {
	case kindString:
		return isString(leaf)
	case kindCount:
		if logical != nil {
			if _, ok := logical.Value.(*format.IntType); !ok { // a date, a time, a decimal
				return false
			}
		}
		return kind == parquet.Int32 || kind == parquet.Int64
	default:
		return (kind == parquet.Float || kind == parquet.Double) && logical == nil
	}
}

// value is a value as it stands in the file, with the kind of its column.
type value struct {
	kind  parquet.Kind
	bytes []byte
}

func (v value) count() (int32, error) {
	var n int64
	if v.kind == parquet.Int64 {
		n = int64(binary.LittleEndian.Uint64(v.bytes))
	} else {
		n = int64(int32(binary.LittleEndian.Uint32(v.bytes)))
	}
	if n < 0 || n > math.MaxInt32 {
		return 0, fmt.Errorf("%w: %d is no count", ErrShape, n)
	}
	return int32(n), nil
}

func (v value) double() float64 {
	if v.kind == parquet.Double {
		return math.Float64frombits(binary.LittleEndian.Uint64(v.bytes))
	}
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(v.bytes)))
}

func (v value) float() float32 { return float32(v.double()) }

// readColumn puts one column's values into rows, which are as many as the file
// says it has.
func readColumn(f *file, c profileColumn, rows []AttackProfile) error {
	top, err := f.column(c.name)
	if err != nil {
		return err
	}
	leaf, listed := onlyLeaf(top)
	if !c.kind.fits(leaf) || c.kind != kindList && leaf != top {
		return fmt.Errorf("%w: column %s is %s, want %s", ErrShape, c.name, describe(top), c.kind)
	}
	r := newColumnReader(leaf)
	defer r.release()
	row, numbers := -1, 0
	for group := range f.RowGroups() {
		if err := r.open(f, group); err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
		for {
			cell, err := r.next()
			if err == io.EOF {
				break
			}
			if err == nil && cell.rep == 0 {
				row++
			}
			if err == nil && (row < 0 || row >= len(rows)) {
				err = fmt.Errorf("%w: more rows than the footer says", ErrDamaged)
			}
			if err == nil && cell.def == leaf.MaxDefinitionLevel() {
				if numbers++; numbers > maxNumbers {
					err = fmt.Errorf("%w: more than %d numbers", ErrShape, maxNumbers)
				} else {
					err = c.set(&rows[row], value{r.kind, cell.value})
				}
			} else if err == nil {
				err = missing(c.kind, cell.def, listed)
			}
			if err != nil {
				return fmt.Errorf("row %d, column %s: %w", row, c.name, err)
			}
		}
	}
	if row+1 != len(rows) {
		return fmt.Errorf("%w: column %s has %d rows, the file %d", ErrDamaged, c.name, row+1, len(rows))
	}
	return nil
}

// missing says what a value that isn't there means: nil for a list without
// elements.
func missing(k columnKind, def, listed int) error {
	switch {
	case k == kindList && def == listed-1:
		return nil
	case k == kindList && def >= listed:
		return fmt.Errorf("%w: a null in the list, want numbers", ErrShape)
	default:
		return fmt.Errorf("%w: a null cell, want %s", ErrShape, k)
	}
}
