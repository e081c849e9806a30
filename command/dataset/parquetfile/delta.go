package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errDelta = errors.New("a delta encoding is malformed")

// deltas reads DELTA_BINARY_PACKED integers: blocks of differences, each block divided into miniblocks of one bit width.
type deltas struct {
	data      []byte
	mini      uint64 // values of a miniblock, a multiple of 8
	perBlock  int    // miniblocks of a block
	left      uint64 // values that were not read yet, the first included
	first     bool   // the next value is the first, which has no difference
	value     int64  // the value before
	least     int64  // the block's least difference; the packed ones are added to it
	widths    []byte // of the block's miniblocks after the present one
	run       []byte // the present miniblock
	width     uint
	bit       uint64
	leftInRun uint64
}

// newDeltas reads the header of data. rest is the data after the integers.
func newDeltas(data []byte) (d *deltas, rest []byte, err error) {
	var head [3]uint64 // values of a block, miniblocks of a block, values in all
	for i := range head {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, nil, errDelta
		}
		head[i], data = v, data[n:]
	}
	value, n := binary.Varint(data)
	if n <= 0 {
		return nil, nil, errDelta
	}
	block, minis := head[0], head[1]
	if minis == 0 || minis > 1<<16 || block > 1<<24 || block%minis != 0 || block/minis%8 != 0 || block == 0 {
		return nil, nil, fmt.Errorf("%w: blocks of %d values in %d parts", errDelta, block, minis)
	}
	d = &deltas{data: data[n:], mini: block / minis, perBlock: int(minis), left: head[2], first: true, value: value}
	end := *d
	if err := end.skip(); err != nil {
		return nil, nil, err
	}
	return d, end.data, nil
}

// skip goes to the byte after the last value.
func (d *deltas) skip() error {
	if d.left == 0 {
		return nil
	}
	d.left, d.first = d.left-1, false
	for d.left > 0 {
		if err := d.nextRun(); err != nil {
			return err
		}
		d.left -= min(d.left, d.leftInRun)
	}
	return nil
}

func (d *deltas) next() (int64, error) {
	if d.left == 0 {
		return 0, errRunOut
	}
	d.left--
	if d.first {
		d.first = false
		return d.value, nil
	}
	if d.leftInRun == 0 {
		if err := d.nextRun(); err != nil {
			return 0, err
		}
	}
	d.leftInRun--
	d.value += d.least + int64(unpackBits(d.run, d.bit, d.width)) // wraps, as the format says
	d.bit += uint64(d.width)
	return d.value, nil
}

// nextRun goes to the next miniblock, which may be the first of the next block.
func (d *deltas) nextRun() error {
	if len(d.widths) == 0 {
		least, n := binary.Varint(d.data)
		if n <= 0 || len(d.data)-n < d.perBlock {
			return errDelta
		}
		d.least = least
		d.widths, d.data = d.data[n:n+d.perBlock], d.data[n+d.perBlock:]
	}
	d.width, d.widths = uint(d.widths[0]), d.widths[1:]
	size := d.mini / 8 * uint64(d.width)
	if d.width > 64 || size > uint64(len(d.data)) {
		return errDelta
	}
	d.run, d.data, d.bit, d.leftInRun = d.data[:size], d.data[size:], 0, d.mini
	return nil
}

// deltaNumbers reads a column of DELTA_BINARY_PACKED integers.
type deltaNumbers struct {
	deltas *deltas
	size   int
	buf    [8]byte
}

func (d *deltaNumbers) next() ([]byte, error) {
	v, err := d.deltas.next()
	binary.LittleEndian.PutUint64(d.buf[:], uint64(v))
	return d.buf[:d.size], err
}

// deltaLength reads DELTA_LENGTH_BYTE_ARRAY: all lengths, then all strings.
type deltaLength struct {
	lengths *deltas
	data    []byte
}

func newDeltaLength(data []byte) (*deltaLength, error) {
	lengths, rest, err := newDeltas(data)
	return &deltaLength{lengths, rest}, err
}

func (d *deltaLength) next() ([]byte, error) {
	n, err := d.lengths.next()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(d.data)) {
		return nil, fmt.Errorf("%w: a string of %d bytes where %d are left", errDelta, n, len(d.data))
	}
	value := d.data[:n]
	d.data = d.data[n:]
	return value, nil
}

// deltaStrings reads DELTA_BYTE_ARRAY: how many bytes each string shares with the one before it, then the rest of each string as
// DELTA_LENGTH_BYTE_ARRAY.
type deltaStrings struct {
	shared *deltas
	rest   *deltaLength
	value  []byte
}

func newDeltaStrings(data []byte) (*deltaStrings, error) {
	shared, rest, err := newDeltas(data)
	if err != nil {
		return nil, err
	}
	suffixes, err := newDeltaLength(rest)
	return &deltaStrings{shared: shared, rest: suffixes}, err
}

func (d *deltaStrings) next() ([]byte, error) {
	n, err := d.shared.next()
	if err != nil {
		return nil, err
	}
	suffix, err := d.rest.next()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(d.value)) {
		return nil, fmt.Errorf("%w: a string shares %d bytes with one of %d", errDelta, n, len(d.value))
	}
	d.value = append(d.value[:n], suffix...)
	return d.value, nil
}
