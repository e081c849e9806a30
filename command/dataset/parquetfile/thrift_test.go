package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// TestThriftLenBoundsWhatDecodingAllocates gives lengths that exceed the data: as a struct by itself, and as a footer.
func TestThriftLenBoundsWhatDecodingAllocates(t *testing.T) {
	huge := binary.AppendUvarint(nil, 1<<40)
	list := func(head byte, n []byte) []byte { return append(append([]byte{0x19, head}, n...), 0) }
	for name, test := range map[string]struct {
		b    []byte
		want error
	}{
		"list of structs":  {list(0xfc, huge), errThriftShort},
		"list of integers": {list(0xf5, huge), errThriftShort},
		"string":           {append([]byte{0x18}, huge...), errThriftShort},
		"map":              {append(append([]byte{0x1b}, huge...), 0x88), errThriftShort},
		"many elements":    {append(list(0xf3, binary.AppendUvarint(nil, maxThriftElements+1)), make([]byte, maxThriftElements+9)...), errThriftBig},
		"deep structs":     {bytes.Repeat([]byte{0x1c}, 5000), errThriftBad},
		"deep lists":       {append([]byte{0x19}, bytes.Repeat([]byte{0x19}, 5000)...), errThriftBad},
		"unknown type":     {[]byte{0x1d}, errThriftBad},
		"long number":      {append([]byte{0x15}, bytes.Repeat([]byte{0xff}, 12)...), errThriftBad},
		"nothing":          {nil, errThriftShort},
		"unfinished":       {[]byte{0x15, 0x02}, errThriftShort},
	} {
		if _, err := thriftLen(test.b); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
		if test.b == nil {
			continue
		}
		file := append([]byte(magic), test.b...)
		file = append(binary.LittleEndian.AppendUint32(file, uint32(len(test.b))), magic...)
		if _, err := Open(bytes.NewReader(file), int64(len(file))); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "thrift data") {
			t.Errorf("%s: as a footer: error %v", name, err)
		}
	}
	if n, err := thriftLen([]byte{0x15, 0x02, 0x11, 0x12, 0, 0xff, 0xff}); n != 5 || err != nil {
		t.Errorf("a length of %d, %v, want 5", n, err)
	}
}
