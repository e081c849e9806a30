package episode

import (
	"bytes"
	"encoding/binary"
)

const blockBytes = 512 // of a tar: headers are one block, members are padded to whole ones

// A header is a block that stands before a tar's member.
type header [blockBytes]byte

// plain reads a header that has nothing special: of a regular file or a folder, in the POSIX or GNU form, with every number in
// octal and the checksum right. For all others ok is false: they are for archive/tar to read, or to refuse. For a plain one
// archive/tar gives the same, some twenty times slower. (The prefix of long paths is not looked at: the name ends with what name
// returns in any case.)
func (h *header) plain() (name []byte, size int64, file, ok bool) {
	switch magic := string(h[257:265]); {
	case magic == "ustar\x0000" && string(h[508:]) != "tar\x00": // else it is of the STAR form
	case magic == "ustar  \x00":
	default:
		return nil, 0, false, false
	}
	sum, ok := octal(h[148:156])
	if !ok || sum != h.sum() {
		return nil, 0, false, false
	}
	for _, field := range [...][]byte{h[100:108], h[108:116], h[116:124], h[136:148], h[329:337], h[337:345]} {
		if _, ok := octal(field); !ok { // mode, user, group, time, device
			return nil, 0, false, false
		}
	}
	if size, ok = octal(h[124:136]); !ok {
		return nil, 0, false, false
	}
	name, _, _ = bytes.Cut(h[:100], []byte{0})
	switch h[156] {
	case '0':
		return name, size, true, true
	case '5': // its size means nothing
		return name, 0, false, true
	}
	return nil, 0, false, false
}

// octal reads digits that fill a field but for NULs and spaces at its end. No digits mean 0.
func octal(field []byte) (n int64, ok bool) {
	digits := true
	for _, c := range field {
		switch {
		case digits && '0' <= c && c <= '7':
			n = n<<3 | int64(c-'0')
		case c == 0 || c == ' ':
			digits = false
		default:
			return 0, false
		}
	}
	return n, true
}

// sum adds up the bytes of h, with spaces in the place of the checksum itself.
func (h *header) sum() int64 {
	const lanes = 0x00FF00FF00FF00FF
	var sums uint64 // four, of at most 128 bytes each
	for i := 0; i < blockBytes; i += 8 {
		x := binary.LittleEndian.Uint64(h[i:])
		sums += x&lanes + x>>8&lanes
	}
	n := int64(sums&0xFFFF + sums>>16&0xFFFF + sums>>32&0xFFFF + sums>>48)
	for _, c := range h[148:156] {
		n += ' ' - int64(c)
	}
	return n
}
