package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/cis490/profiles/command/dataset/parquetfile"
)

// A tableColumn names a column of a small table, which is read as a whole, and sets its values in the rows.
type tableColumn[Row any] struct {
	name string
	kind columnKind
	set  func(*Row, value) error // called once a value; appends if the column is a list
}

// tableLimits bound the size of a table that is read.
type tableLimits struct {
	rows   int
	values int // of one column, all rows together
}

type columnKind string

const (
	kindString columnKind = "string"
	kindCount  columnKind = "int32"
	kindDouble columnKind = "double"
	kindList   columnKind = "list of float"
)

// fits reports whether a leaf can hold a column of this kind.
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
		return parquetfile.IsString(leaf)
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

// A value is one value as the file has it, with the type of its column.
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

// readTable reads the columns of a file of size bytes into rows, and its key-value metadata. Errors match ErrDamaged or ErrShape,
// or are those of r.
func readTable[Row any](r io.ReaderAt, size int64, columns []tableColumn[Row], most tableLimits) (rows []Row, meta map[string]string, err error) {
	f, err := parquetfile.Open(r, size)
	if err != nil {
		return nil, nil, err
	}
	err = f.Guard(func() error {
		n := f.NumRows()
		if n < 0 || n > int64(most.rows) {
			return fmt.Errorf("%w: %d rows, at most %d are read", ErrShape, n, most.rows)
		}
		rows = make([]Row, n)
		for _, c := range columns {
			if err := readColumn(f, c, rows, most.values); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return rows, f.KeyValues(), nil
}

// readColumn reads one column's values into rows. The number of rows is that of the footer.
func readColumn[Row any](f *parquetfile.File, c tableColumn[Row], rows []Row, maxValues int) error {
	top, err := f.Column(c.name)
	if err != nil {
		return err
	}
	leaf, listed := onlyLeaf(top)
	if !c.kind.fits(leaf) || c.kind != kindList && leaf != top {
		return fmt.Errorf("%w: column %s is %s, want %s", ErrShape, c.name, parquetfile.Describe(top), c.kind)
	}
	r, err := parquetfile.NewColumnReader(f, leaf)
	if err != nil {
		return err
	}
	defer r.Close()
	into := cellsInto[Row]{column: c, listed: listed, kind: r.Kind(), rows: rows, row: -1, maxValues: maxValues}
	for group := range f.NumRowGroups() {
		if err := into.rowGroup(r, group); err != nil {
			return err
		}
	}
	if into.row+1 != len(rows) {
		return fmt.Errorf("%w: column %s has %d rows, the file %d", ErrDamaged, c.name, into.row+1, len(rows))
	}
	return nil
}

// cellsInto distributes the cells of one column to the rows.
type cellsInto[Row any] struct {
	column tableColumn[Row]
	listed int // see onlyLeaf
	kind   parquet.Kind
	rows   []Row
	row    int // the present one; -1 before the first

	values, maxValues int
}

func (c *cellsInto[Row]) rowGroup(r *parquetfile.ColumnReader, group int) error {
	if err := r.Open(group); err != nil {
		return fmt.Errorf("column %s: %w", c.column.name, err)
	}
	for {
		cell, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = c.add(cell)
		}
		if err != nil {
			return fmt.Errorf("row %d, column %s: %w", c.row, c.column.name, err)
		}
	}
}

func (c *cellsInto[Row]) add(cell parquetfile.Cell) error {
	if cell.Repetition == 0 {
		c.row++
	}
	if c.row < 0 || c.row >= len(c.rows) {
		return fmt.Errorf("%w: more rows than the footer says", ErrDamaged)
	}
	if cell.Null {
		return c.null(cell.Definition)
	}
	if c.values++; c.values > c.maxValues {
		return fmt.Errorf("%w: more than %d values", ErrShape, c.maxValues)
	}
	return c.column.set(&c.rows[c.row], value{c.kind, cell.Value})
}

// null returns nil if a cell without a value means an empty list, else an error.
func (c *cellsInto[Row]) null(definition int) error {
	switch {
	case c.column.kind == kindList && definition == c.listed-1:
		return nil
	case c.column.kind == kindList && definition >= c.listed:
		return fmt.Errorf("%w: a null in the list, want numbers", ErrShape)
	default:
		return fmt.Errorf("%w: a null cell, want %s", ErrShape, c.column.kind)
	}
}

// onlyLeaf returns the leaf below c, or nil if there is not exactly one. listed is the definition level from which on a list
// below c has an element.
//
// A list is a group that holds a repeated group that holds the element, under any names, or (from old writers) one level less.
func onlyLeaf(c *parquet.Column) (leaf *parquet.Column, listed int) {
	for {
		if c.Repeated() {
			listed = c.MaxDefinitionLevel()
		}
		if c.Leaf() {
			return c, listed
		}
		if len(c.Columns()) != 1 {
			return nil, 0
		}
		c = c.Columns()[0]
	}
}

// writeTable writes rows, zstd-compressed, with meta as the key-value metadata. The same input gives the same bytes.
func writeTable[Row any](w io.Writer, rows []Row, meta map[string]string) error {
	options := []parquet.WriterOption{
		parquet.Compression(&parquet.Zstd),
		parquet.CreatedBy("github.com/cis490/profiles", "1", ""),
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		options = append(options, parquet.KeyValueMetadata(key, meta[key]))
	}
	p := parquet.NewGenericWriter[Row](w, options...)
	if _, err := p.Write(rows); err != nil {
		return err
	}
	return p.Close()
}

// openPath opens the file at path and returns its size. what names the file in errors.
func openPath(path, what string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("open %s: %w", what, err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory; name the parquet file")
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, 0, fmt.Errorf("open %s %s: %w", what, path, err)
	}
	return f, info.Size(), nil
}

// readPath opens the file at path and calls read with it. what names the file in errors.
func readPath(path, what string, read func(r io.ReaderAt, size int64) error) error {
	f, size, err := openPath(path, what)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	if err := read(f, size); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
