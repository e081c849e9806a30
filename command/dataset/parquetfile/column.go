package parquetfile

import (
	"fmt"
	"io"
	"math/bits"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// A ColumnReader reads one leaf column, row group by row group, cell by cell. All of its methods but Close must be called inside
// [File.Guard].
type ColumnReader struct {
	file           *File
	leaf           *parquet.Column
	kind           parquet.Kind
	maxRep, maxDef int

	pages      pageReader
	dictionary *dictionary // of the row group; nil where it has none

	left     int64 // cells of the page that were not read yet
	rep, def levels
	values   valueReader
}

// A Cell is one value of a column with its levels, as the parquet format defines them: a repetition level of 0 begins a row, and
// the definition level says how many of the optional and repeated groups around the value are there.
type Cell struct {
	Repetition, Definition int
	Null                   bool   // the definition level is below the column's highest
	Value                  []byte // a string's bytes or a number in little endian; nil if null. Valid until the next call of Next
}

// NewColumnReader returns a reader of a leaf column of f. Only columns of strings, int32, int64, float and double are read;
// others are an error that matches [ErrShape]. Close must be called in the end.
func NewColumnReader(f *File, leaf *parquet.Column) (*ColumnReader, error) {
	kind := leaf.Type().Kind()
	if kind != parquet.ByteArray && numberSize(kind) == 0 {
		return nil, fmt.Errorf("%w: column %s is %s, which is not read", ErrShape, Clip(leaf.Name()), Describe(leaf))
	}
	return &ColumnReader{file: f, leaf: leaf, kind: kind, maxRep: leaf.MaxRepetitionLevel(), maxDef: leaf.MaxDefinitionLevel()}, nil
}

// Kind is the type of the column's values.
func (c *ColumnReader) Kind() parquet.Kind { return c.kind }

// Close releases what the decompressors hold.
func (c *ColumnReader) Close() { c.pages.close() }

// Open goes to the start of a row group.
func (c *ColumnReader) Open(group int) error {
	c.left, c.dictionary, c.values = 0, nil, nil
	return c.pages.open(c.file.src, &c.file.decoded.Metadata().RowGroups[group].Columns[c.leaf.Index()].MetaData)
}

// Next returns the row group's next cell, or io.EOF.
func (c *ColumnReader) Next() (Cell, error) {
	for c.left == 0 {
		if err := c.nextPage(); err != nil {
			return Cell{}, err
		}
	}
	c.left--
	rep, err := c.rep.next()
	if err != nil {
		return Cell{}, fmt.Errorf("read repetition level: %w", err)
	}
	def, err := c.def.next()
	if err != nil {
		return Cell{}, fmt.Errorf("read definition level: %w", err)
	}
	if def < c.maxDef {
		return Cell{Repetition: rep, Definition: def, Null: true}, nil
	}
	value, err := c.values.next()
	if err == nil && len(value) > maxValueBytes {
		err = fmt.Errorf("a string of %d bytes, at most %d are read", len(value), maxValueBytes)
	}
	return Cell{Repetition: rep, Definition: def, Value: value}, err
}

// End returns an error unless all cells of the row group were read.
func (c *ColumnReader) End() error {
	_, err := c.Next()
	switch err {
	case nil:
		return fmt.Errorf("%w: it has more values than its row group has rows", ErrDamaged)
	case io.EOF:
		return nil
	default:
		return err
	}
}

func (c *ColumnReader) nextPage() error {
	p, err := c.pages.next(func(count int64, data []byte) (err error) {
		c.dictionary, err = newDictionary(c.kind, count, data)
		return err
	})
	if err != nil {
		return err
	}
	data := p.data
	if p.v2 {
		c.rep, c.def = newLevels(c.maxRep, p.rep), newLevels(c.maxDef, p.def)
	} else {
		if c.rep, data, err = levelsV1(c.maxRep, p.repEncoding, data); err != nil {
			return fmt.Errorf("read repetition levels: %w", err)
		}
		if c.def, data, err = levelsV1(c.maxDef, p.defEncoding, data); err != nil {
			return fmt.Errorf("read definition levels: %w", err)
		}
	}
	c.values, err = newValueReader(c.kind, p.encoding, data, c.dictionary)
	c.left = p.count
	return err
}

// levels reads repetition or definition levels from 0 to max.
type levels struct {
	max  int
	runs hybrid
}

func newLevels(most int, data []byte) levels {
	return levels{most, hybrid{data: data, width: uint(bits.Len(uint(most)))}}
}

// levelsV1 reads the levels at the start of a v1 page's data, and returns the data behind them.
func levelsV1(most int, e format.Encoding, data []byte) (levels, []byte, error) {
	if most == 0 {
		return levels{}, data, nil
	}
	if e != format.RLE {
		return levels{}, nil, fmt.Errorf("%w: levels in encoding %v are not read; write the file with a current writer", ErrShape, e)
	}
	piece, rest, err := lengthPrefixed(data)
	return newLevels(most, piece), rest, err
}

func (l *levels) next() (int, error) {
	if l.max == 0 {
		return 0, nil
	}
	v, err := l.runs.next()
	if err == nil && v > uint64(l.max) {
		err = fmt.Errorf("level %d, at most %d is possible", v, l.max)
	}
	return int(v), err
}
