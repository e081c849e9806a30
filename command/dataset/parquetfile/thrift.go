package parquetfile

import (
	"encoding/binary"
	"errors"
)

// Types of the thrift compact protocol, in which a parquet file has its footer and page headers
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
const (
	thriftStop   = 0 // ends a struct
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

const (
	maxThriftDepth    = 32
	maxThriftElements = 1 << 20 // elements of all lists, sets and maps of one struct together
)

var (
	errThriftShort = errors.New("thrift data is cut off")
	errThriftBad   = errors.New("thrift data is malformed")
	errThriftBig   = errors.New("thrift data has too many elements")
)

// A thriftWalker walks over one encoded struct without decoding it. The decoder that is used afterwards allocates lists and
// strings by the lengths that stand in the data; data that passed the walk has no length that exceeds the data, and a bounded
// number of elements.
type thriftWalker struct {
	b        []byte
	at       int
	elements uint64
}

// thriftLen is the length in bytes of the struct at the start of b. The error is errThriftShort if b ends before the struct does.
func thriftLen(b []byte) (int, error) {
	w := thriftWalker{b: b}
	if err := w.skipStruct(0); err != nil {
		return 0, err
	}
	return w.at, nil
}

func (w *thriftWalker) byte() (byte, error) {
	if w.at >= len(w.b) {
		return 0, errThriftShort
	}
	c := w.b[w.at]
	w.at++
	return c, nil
}

func (w *thriftWalker) uvarint() (uint64, error) {
	v, n := binary.Uvarint(w.b[w.at:])
	switch {
	case n == 0:
		return 0, errThriftShort
	case n < 0:
		return 0, errThriftBad
	}
	w.at += n
	return v, nil
}

func (w *thriftWalker) skipBytes(n uint64) error {
	if n > uint64(len(w.b)-w.at) {
		return errThriftShort
	}
	w.at += int(n)
	return nil
}

func (w *thriftWalker) skipStruct(depth int) error {
	if depth > maxThriftDepth {
		return errThriftBad
	}
	for {
		head, err := w.byte()
		if err != nil {
			return err
		}
		if head&0x0f == thriftStop {
			return nil
		}
		if err := w.skipField(head, depth); err != nil {
			return err
		}
	}
}

// skipField skips what follows the first byte of a struct's field.
func (w *thriftWalker) skipField(head byte, depth int) error {
	if head>>4 == 0 { // the field's id follows
		if _, err := w.uvarint(); err != nil {
			return err
		}
	}
	kind := head & 0x0f
	if kind == thriftTrue || kind == thriftFalse {
		return nil // the type is the value
	}
	return w.skipValue(kind, depth)
}

func (w *thriftWalker) skipValue(kind byte, depth int) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		return w.skipBytes(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := w.uvarint()
		return err
	case thriftDouble:
		return w.skipBytes(8)
	case thriftBinary:
		n, err := w.uvarint()
		if err != nil {
			return err
		}
		return w.skipBytes(n)
	case thriftList, thriftSet:
		return w.skipList(depth + 1)
	case thriftMap:
		return w.skipMap(depth + 1)
	case thriftStruct:
		return w.skipStruct(depth + 1)
	default:
		return errThriftBad
	}
}

func (w *thriftWalker) skipList(depth int) error {
	head, err := w.byte()
	if err != nil {
		return err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = w.uvarint(); err != nil {
			return err
		}
	}
	return w.skipElements(n, depth, head&0x0f)
}

func (w *thriftWalker) skipMap(depth int) error {
	n, err := w.uvarint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := w.byte()
	if err != nil {
		return err
	}
	return w.skipElements(n, depth, kinds>>4, kinds&0x0f)
}

// skipElements skips n times a value of each kind.
func (w *thriftWalker) skipElements(n uint64, depth int, kinds ...byte) error {
	if depth > maxThriftDepth {
		return errThriftBad
	}
	if n > uint64(len(w.b)-w.at) { // each takes a byte at least
		return errThriftShort
	}
	if w.elements += n; w.elements > maxThriftElements {
		return errThriftBig
	}
	for range n {
		for _, kind := range kinds {
			if err := w.skipValue(kind, depth); err != nil {
				return err
			}
		}
	}
	return nil
}
