package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A list reads the rows of a file.
type list interface {
	// read fills rows and returns how many it filled. The error, which may be io.EOF, is about what follows them.
	read(rows []ValidationRow) (int, error)
	// names returns the names of all columns. It may read a row, so that read must not be called after it.
	names() ([]string, error)
	close()
}

var (
	gzipMagic    = []byte{0x1f, 0x8b}
	parquetMagic = []byte("PAR1")
	utf8Mark     = []byte("\xef\xbb\xbf")
)

// openList finds out how a file is written.
func openList(r io.ReaderAt, size int64, m mapping) (list, error) {
	plain := io.NewSectionReader(r, 0, size)
	head, err := headOf(plain)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(head, parquetMagic) {
		return newParquetList(r, size, m)
	}
	if _, err := plain.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(head, gzipMagic) {
		return newTextList(plain, head, m)
	}
	source := &sourceReader{r: plain}
	unpacked := &gzipReader{source: source}
	if unpacked.Reader, err = gzip.NewReader(source); err != nil {
		return nil, unpacked.explain(err)
	}
	return openPacked(unpacked, m)
}

// openPacked finds out how the content of a gzip file is written.
func openPacked(unpacked io.Reader, m mapping) (list, error) {
	head, err := headOf(unpacked)
	if err != nil {
		return nil, err
	}
	content := io.MultiReader(bytes.NewReader(head), unpacked)
	if !bytes.HasPrefix(head, parquetMagic) {
		return newTextList(content, head, m)
	}
	f, size, err := unpack(content, maxUnpacked)
	if err != nil {
		return nil, err
	}
	parquet, err := newParquetList(f, size, m)
	if err != nil {
		_ = f.Close() // nothing is lost
		return nil, err
	}
	return &unpackedList{parquet, f}, nil
}

// headBytes is how much of a file is read to find out how it is written.
const headBytes = 64 << 10

// headOf reads the first bytes.
func headOf(r io.Reader) ([]byte, error) {
	head := make([]byte, headBytes)
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		err = nil
	}
	return head[:n], err
}

// newTextList reads CSV or JSON lines. head are the first bytes of r.
func newTextList(r io.Reader, head []byte, m mapping) (list, error) {
	if marked := bytes.TrimPrefix(head, utf8Mark); len(marked) < len(head) {
		head = marked
		if _, err := io.CopyN(io.Discard, r, int64(len(utf8Mark))); err != nil {
			return nil, err
		}
	}
	if err := checkText(head); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{")) {
		return newJSONList(r, m), nil
	}
	return newCSVList(r, m)
}

// checkText returns an error if a file that starts with head is certainly neither CSV nor JSON lines.
func checkText(head []byte) error {
	start := bytes.TrimLeft(head, " \t\r\n")
	shown := strconv.Quote(string(head[:min(len(head), 8)]))
	for _, known := range []struct{ magic, says string }{
		{"PARE", "it is encrypted parquet (it starts with PARE): write it without encryption"},
		{"\x28\xb5\x2f\xfd", "it is packed with zstd: unpack it, or pack it with gzip"},
		{"BZh", "it is packed with bzip2: unpack it, or pack it with gzip"},
		{"\xfd7zXZ", "it is packed with xz: unpack it, or pack it with gzip"},
		{"PK\x03\x04", "it is a zip archive or a spreadsheet: save it as CSV"},
		{"\xff\xfe", "it is text in UTF-16: save it in UTF-8"},
		{"\xfe\xff", "it is text in UTF-16: save it in UTF-8"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			return damagedf("%s", known.says)
		}
	}
	switch {
	case len(head) == 0:
		return damagedf("it is empty (0 bytes): not even CSV, which starts with a line of column names")
	case len(start) == 0:
		return damagedf("it has only blanks")
	case start[0] == '[':
		return damagedf("it is a JSON array: write one object a line (jq -c '.[]' does that)")
	case bytes.IndexByte(head, 0) >= 0:
		return damagedf("it is neither parquet nor CSV nor JSON lines; it starts with %s", shown)
	}
	return nil
}

// A damage is an error about bytes. It matches ErrDamaged.
type damage string

func (d damage) Error() string        { return string(d) }
func (d damage) Is(target error) bool { return target == ErrDamaged }

func damagedf(format string, args ...any) error { return damage(fmt.Sprintf(format, args...)) }
