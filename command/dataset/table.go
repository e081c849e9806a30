package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// A tableColumn says how one column's values get into the rows.
type tableColumn[Row any] struct {
	name string
	kind columnKind
	set  func(*Row, value) error // a list's: appends
}

// tableLimits bound what is read of a table.
type tableLimits struct {
	rows    int
	numbers int // of one list column, all rows together
}

type columnKind string

const (
	kindString columnKind = "string"
	kindCount  columnKind = "int32"
	kindDouble columnKind = "double"
	kindList   columnKind = "list of float"
)

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

// readTable reads the columns of a file of size bytes into rows, and its
// key-value metadata. Errors match ErrDamaged or ErrShape, or are those of r.
func readTable[Row any](r io.ReaderAt, size int64, columns []tableColumn[Row], most tableLimits) (rows []Row, meta map[string]string, err error) {
	f, err := openFile(r, size)
	if err != nil {
		return nil, nil, err
	}
	err = f.src.guard(func() error {
		n := f.NumRows()
		if n < 0 || n > int64(most.rows) {
			return fmt.Errorf("%w: %d rows, at most %d are read", ErrShape, n, most.rows)
		}
		rows = make([]Row, n)
		for _, c := range columns {
			if err := readColumn(f, c, rows, most.numbers); err != nil {
				return err
			}
		}
		meta = make(map[string]string)
		for _, kv := range f.Metadata().KeyValueMetadata {
			meta[kv.Key] = kv.Value
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return rows, meta, nil
}

// readColumn puts one column's values into rows, which are as many as the file
// says it has.
func readColumn[Row any](f *file, c tableColumn[Row], rows []Row, maxNumbers int) error {
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
