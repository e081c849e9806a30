package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// The encodings of parquet (https://parquet.apache.org/docs/file-format/data-pages/encodings/). Each has a reader that decodes
// one value at a time, so nothing is allocated by the counts that a page claims.

const maxValueBytes = 1 << 20 // of one string

// errRunOut is the error of a page with fewer values than its header says.
var errRunOut = fmt.Errorf("a page runs out of values: %w", io.ErrUnexpectedEOF)

// A valueReader returns a page's values that are not null, one after the other: a string's bytes, or a number in little endian. A
// value is valid until the next.
type valueReader interface {
	next() ([]byte, error)
}

// numberSize is the size in bytes of a kind's numbers; 0 for strings and kinds that are not read.
func numberSize(k parquet.Kind) int {
	switch k {
	case parquet.Int32, parquet.Float:
		return 4
	case parquet.Int64, parquet.Double:
		return 8
	default:
		return 0
	}
}

// newValueReader returns a reader of data in an encoding. dict is nil if there was no dictionary page.
func newValueReader(k parquet.Kind, e format.Encoding, data []byte, dict *dictionary) (valueReader, error) {
	size := numberSize(k)
	switch {
	case e == format.Plain && size == 0:
		return &plainStrings{data}, nil
	case e == format.Plain:
		return &plainNumbers{data, size}, nil
	case e == format.RLEDictionary || e == format.PlainDictionary:
		if dict == nil {
			return nil, errors.New("a page of dictionary indices without a dictionary before it")
		}
		if len(data) == 0 { // a page of nulls
			return &dictValues{dict: dict}, nil
		}
		if data[0] > 32 {
			return nil, fmt.Errorf("dictionary indices of %d bits", data[0])
		}
		return &dictValues{dict: dict, indices: hybrid{data: data[1:], width: uint(data[0])}}, nil
	case e == format.DeltaLengthByteArray && size == 0:
		return newDeltaLength(data)
	case e == format.DeltaByteArray && size == 0:
		return newDeltaStrings(data)
	case e == format.DeltaBinaryPacked && (k == parquet.Int32 || k == parquet.Int64):
		d, _, err := newDeltas(data)
		return &deltaNumbers{deltas: d, size: size}, err
	case e == format.ByteStreamSplit && size != 0:
		return &splitNumbers{data: data, size: size}, nil
	default:
		return nil, fmt.Errorf("values of kind %v in encoding %v", k, e)
	}
}

// plainStrings reads PLAIN strings: each has its length before it in four bytes.
type plainStrings struct{ data []byte }

func (p *plainStrings) next() ([]byte, error) {
	if len(p.data) == 0 {
		return nil, errRunOut
	}
	value, rest, err := lengthPrefixed(p.data)
	p.data = rest
	return value, err
}

// plainNumbers reads PLAIN numbers: one after the other.
type plainNumbers struct {
	data []byte
	size int
}

func (p *plainNumbers) next() ([]byte, error) {
	if len(p.data) < p.size {
		return nil, errRunOut
	}
	value := p.data[:p.size]
	p.data = p.data[p.size:]
	return value, nil
}

// splitNumbers reads BYTE_STREAM_SPLIT: the first bytes of all numbers, then their second bytes, and so on.
type splitNumbers struct {
	data  []byte
	size  int
	at    int
	value [8]byte
}

func (s *splitNumbers) next() ([]byte, error) {
	n := len(s.data) / s.size
	if s.at >= n {
		return nil, errRunOut
	}
	for i := range s.size {
		s.value[i] = s.data[i*n+s.at]
	}
	s.at++
	return s.value[:s.size], nil
}

// A dictionary holds the values of a dictionary page.
type dictionary struct {
	data  []byte
	ends  []uint32 // strings only: where each ends in data; each has four bytes of length before it
	size  int      // of a number; 0 for strings
	count int
}

func newDictionary(k parquet.Kind, count int64, data []byte) (*dictionary, error) {
	d := &dictionary{data: data, size: numberSize(k)}
	if d.size > 0 {
		d.count = len(data) / d.size
		if int64(d.count) < count {
			return nil, errRunOut
		}
		return d, nil
	}
	if count < 0 || count > int64(len(data)/4) {
		return nil, fmt.Errorf("%d strings in %d bytes", count, len(data))
	}
	d.ends = make([]uint32, 0, count)
	values := plainStrings{data}
	for range count {
		if _, err := values.next(); err != nil {
			return nil, err
		}
		d.ends = append(d.ends, uint32(len(data)-len(values.data)))
	}
	d.count = len(d.ends)
	return d, nil
}

func (d *dictionary) value(i uint64) ([]byte, error) {
	if i >= uint64(d.count) {
		return nil, fmt.Errorf("index %d into a dictionary of %d values", i, d.count)
	}
	if d.size > 0 {
		return d.data[int(i)*d.size:][:d.size], nil
	}
	start := uint32(4)
	if i > 0 {
		start += d.ends[i-1]
	}
	return d.data[start:d.ends[i]], nil
}

// dictValues reads indices into a dictionary.
type dictValues struct {
	dict    *dictionary
	indices hybrid
}

func (d *dictValues) next() ([]byte, error) {
	i, err := d.indices.next()
	if err != nil {
		return nil, err
	}
	return d.dict.value(i)
}

// A hybrid reads parquet's RLE/bit-packing hybrid, in which levels and dictionary indices are written: runs of one repeated
// value, and runs of bit-packed values. width is at most 32 bits.
type hybrid struct {
	data   []byte
	width  uint
	left   uint64 // values of the present run that were not read yet
	packed bool   // the present run is bit-packed
	run    []byte // its bytes
	bit    uint64 // where in run the next value starts
	value  uint64 // the value of a repeated run
}

func (h *hybrid) next() (uint64, error) {
	for h.left == 0 {
		if err := h.nextRun(); err != nil {
			return 0, err
		}
	}
	h.left--
	if !h.packed {
		return h.value, nil
	}
	v := unpackBits(h.run, h.bit, h.width)
	h.bit += uint64(h.width)
	return v, nil
}

func (h *hybrid) nextRun() error {
	head, n := binary.Uvarint(h.data)
	if n <= 0 {
		return errRunOut
	}
	h.data = h.data[n:]
	if h.packed = head&1 == 1; !h.packed {
		size := int(h.width+7) / 8
		if len(h.data) < size {
			return errRunOut
		}
		var b [8]byte
		copy(b[:], h.data[:size])
		h.value, h.left, h.data = binary.LittleEndian.Uint64(b[:]), head>>1, h.data[size:]
		return nil
	}
	groups := head >> 1 // of eight values, width bytes each
	if h.width == 0 {
		h.packed, h.value, h.left = false, 0, groups*8
		return nil
	}
	// A writer may cut the last run of a page after its last value.
	groups = min(groups, uint64(len(h.data)))
	size := min(groups*uint64(h.width), uint64(len(h.data)))
	h.run, h.data, h.bit = h.data[:size], h.data[size:], 0
	h.left = min(groups*8, size*8/uint64(h.width))
	return nil
}

// unpackBits returns the value of width bits (at most 64) that starts at the given bit of b, lowest bit first. b must reach that
// far.
func unpackBits(b []byte, bit uint64, width uint) uint64 {
	var v uint64
	for got := uint(0); got < width; {
		shift := uint(bit & 7)
		v |= uint64(b[bit>>3]>>shift) << got
		got += 8 - shift
		bit += uint64(8 - shift)
	}
	if width < 64 {
		v &= 1<<width - 1
	}
	return v
}
