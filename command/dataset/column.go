package dataset

import (
	"fmt"
	"io"
	"math/bits"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// columnReader reads one leaf column, row group by row group, value by value.
type columnReader struct {
	pages pageReader
	leaf  *parquet.Column
	kind  parquet.Kind
	dict  *dictionary

	left     int64 // values of the page that were not given
	rep, def levels
	values   valueReader
}

// cell is one value of a column with its levels; value is nil where def is below
// the column's highest. It is good until the next.
type cell struct {
	rep, def int
	value    []byte
}

func newColumnReader(leaf *parquet.Column) columnReader {
	return columnReader{leaf: leaf, kind: leaf.Type().Kind()}
}

func (c *columnReader) release() { c.pages.release() }

// open goes to the start of a row group.
func (c *columnReader) open(f *file, group int) error {
	c.left, c.dict, c.values = 0, nil, nil
	return c.pages.open(f.src, &f.Metadata().RowGroups[group].Columns[c.leaf.Index()].MetaData)
}

// next is the row group's next value; io.EOF: it has no more.
func (c *columnReader) next() (cell, error) {
	for c.left == 0 {
		if err := c.nextPage(); err != nil {
			return cell{}, err
		}
	}
	c.left--
	rep, err := c.rep.next()
	if err != nil {
		return cell{}, fmt.Errorf("read repetition level: %w", err)
	}
	def, err := c.def.next()
	if err != nil {
		return cell{}, fmt.Errorf("read definition level: %w", err)
	}
	if def < c.leaf.MaxDefinitionLevel() {
		return cell{rep: rep, def: def}, nil
	}
	value, err := c.values.next()
	if err == nil && len(value) > maxValueBytes {
		err = fmt.Errorf("a string of %d bytes, at most %d are read", len(value), maxValueBytes)
	}
	return cell{rep, def, value}, err
}

func (c *columnReader) nextPage() error {
	p, err := c.pages.next(func(count int64, data []byte) (err error) {
		c.dict, err = newDictionary(c.kind, count, data)
		return err
	})
	if err != nil {
		return err
	}
	maxRep, maxDef := c.leaf.MaxRepetitionLevel(), c.leaf.MaxDefinitionLevel()
	data := p.data
	if p.v2 {
		c.rep, c.def = newLevels(maxRep, p.rep), newLevels(maxDef, p.def)
	} else {
		if c.rep, data, err = levelsV1(maxRep, p.repEnc, data); err != nil {
			return fmt.Errorf("read repetition levels: %w", err)
		}
		if c.def, data, err = levelsV1(maxDef, p.defEnc, data); err != nil {
			return fmt.Errorf("read definition levels: %w", err)
		}
	}
	c.values, err = newValueReader(c.kind, p.encoding, data, c.dict)
	c.left = p.count
	return err
}

// levels reads repetition or definition levels of 0 to max.
type levels struct {
	max int
	hybrid
}

func newLevels(most int, data []byte) levels {
	return levels{most, hybrid{data: data, width: uint(bits.Len(uint(most)))}}
}

// levelsV1 cuts the levels off the start of a v1 page's data.
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
	v, err := l.hybrid.next()
	if err == nil && v > uint64(l.max) {
		err = fmt.Errorf("level %d, at most %d is possible", v, l.max)
	}
	return int(v), err
}

// end makes sure that the row group has no more values.
func (c *columnReader) end() error {
	_, err := c.next()
	switch err {
	case nil:
		return fmt.Errorf("%w: it has more values than its row group has rows", ErrDamaged)
	case io.EOF:
		return nil
	default:
		return err
	}
}

// onlyLeaf is the one leaf under c, nil where there are several or none. listed
// is the definition level from which on a list under c has an element.
//
// A list is a group around a repeated group around the element, of any names,
// or (of old writers) one level less.
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
