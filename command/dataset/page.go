package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

const (
	maxPageBytes   = 128 << 20 // of one page unpacked
	maxHeaderBytes = 16 << 20  // of one page header (it holds a minimum and a maximum)
)

// page is one data page, unpacked. Its slices are good until the next page.
type page struct {
	count    int64 // values, nulls included
	v2       bool
	rep, def []byte // v2 only: levels; a v1 page has them at the start of data
	data     []byte
	encoding format.Encoding
	repEnc   format.Encoding // v1 only
	defEnc   format.Encoding
}

// pageReader reads the pages of one column chunk after the other. It is this
// package's own because parquet-go's believes the sizes and counts that stand in
// pages: a damaged byte is enough to make it allocate gigabytes.
//
// The zero value is ready for open; release closes what it opened.
type pageReader struct {
	src     *source
	codec   format.CompressionCodec
	at, end int64

	packed, plain []byte // reused from page to page
	zstd          *zstd.Decoder
	gzip          *gzip.Reader
	brotli        *brotli.Reader
}

func (p *pageReader) release() {
	if p.zstd != nil {
		p.zstd.Close()
		p.zstd = nil
	}
}

// open goes to the first page of a chunk.
func (p *pageReader) open(s *source, c *format.ColumnMetaData) error {
	p.src, p.codec = s, c.Codec
	p.at = c.DataPageOffset
	if c.DictionaryPageOffset != 0 {
		p.at = c.DictionaryPageOffset
	}
	if p.at < int64(len(magic)) || p.at > s.size || c.TotalCompressedSize < 0 || c.TotalCompressedSize > s.size-p.at {
		return fmt.Errorf("its pages lie at %d and have %d bytes in a file of %d", p.at, c.TotalCompressedSize, s.size)
	}
	p.end = p.at + c.TotalCompressedSize
	return nil
}

// next reads pages up to the next data page. Dictionary pages on the way go to
// dictionary, whose argument it may keep. io.EOF: the chunk has no more pages.
func (p *pageReader) next(dictionary func(values int64, data []byte) error) (page, error) {
	for {
		if p.at >= p.end {
			return page{}, io.EOF
		}
		h, err := p.readHeader()
		if err != nil {
			return page{}, fmt.Errorf("read page header: %w", err)
		}
		body, err := p.readBody(h)
		if err != nil {
			return page{}, fmt.Errorf("read page: %w", err)
		}
		switch {
		case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
			data, err := p.unpack(body, int64(h.UncompressedPageSize))
			if err != nil {
				return page{}, fmt.Errorf("unpack dictionary page (%v): %w", p.codec, err)
			}
			if e := h.DictionaryPageHeader.V.Encoding; e != format.Plain && e != format.PlainDictionary {
				return page{}, fmt.Errorf("a dictionary page in encoding %v", e)
			}
			if err := dictionary(int64(h.DictionaryPageHeader.V.NumValues), bytes.Clone(data)); err != nil {
				return page{}, fmt.Errorf("read dictionary page: %w", err)
			}
		case h.Type == format.DataPage && h.DataPageHeader.Valid:
			return p.pageV1(h, body)
		case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
			return p.pageV2(h, body)
		case h.Type == format.IndexPage:
		default:
			return page{}, fmt.Errorf("a page of type %v, or without its header", h.Type)
		}
	}
}

func (p *pageReader) pageV1(h *format.PageHeader, body []byte) (page, error) {
	v1 := &h.DataPageHeader.V
	data, err := p.unpack(body, int64(h.UncompressedPageSize))
	if err != nil {
		return page{}, fmt.Errorf("unpack page (%v): %w", p.codec, err)
	}
	if v1.NumValues < 0 {
		return page{}, fmt.Errorf("a page of %d values", v1.NumValues)
	}
	return page{
		count: int64(v1.NumValues), data: data, encoding: v1.Encoding,
		repEnc: v1.RepetitionLevelEncoding, defEnc: v1.DefinitionLevelEncoding,
	}, nil
}

func (p *pageReader) pageV2(h *format.PageHeader, body []byte) (page, error) {
	v2 := &h.DataPageHeaderV2.V
	rep, def, plain := int64(v2.RepetitionLevelsByteLength), int64(v2.DefinitionLevelsByteLength), int64(h.UncompressedPageSize)
	if rep < 0 || def < 0 || rep+def > int64(len(body)) || rep+def > plain || v2.NumValues < 0 {
		return page{}, fmt.Errorf("a page of %d values and %d bytes with levels of %d and %d bytes", v2.NumValues, len(body), rep, def)
	}
	data := body[rep+def:]
	if !v2.IsCompressed.Valid || v2.IsCompressed.V {
		var err error
		if data, err = p.unpack(data, plain-rep-def); err != nil {
			return page{}, fmt.Errorf("unpack page (%v): %w", p.codec, err)
		}
	}
	return page{count: int64(v2.NumValues), v2: true, rep: body[:rep], def: body[rep : rep+def], data: data, encoding: v2.Encoding}, nil
}

// readHeader decodes the header at p.at and goes behind it.
func (p *pageReader) readHeader() (*format.PageHeader, error) {
	for window := int64(512); ; window *= 8 {
		window = min(window, p.end-p.at, maxHeaderBytes)
		buf := make([]byte, window)
		if err := p.src.readFull(buf, p.at); err != nil {
			return nil, err
		}
		n, err := thriftLen(buf)
		if errors.Is(err, errThriftShort) && window < min(p.end-p.at, maxHeaderBytes) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h := new(format.PageHeader)
		var protocol thrift.CompactProtocol
		if err := thrift.NewDecoder(protocol.NewReaderFromBytes(buf[:n])).Decode(h); err != nil {
			return nil, err
		}
		p.at += int64(n)
		return h, nil
	}
}

// readBody reads the bytes behind a header and goes behind them.
func (p *pageReader) readBody(h *format.PageHeader) ([]byte, error) {
	packed, plain := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	if packed < 0 || packed > p.end-p.at {
		return nil, fmt.Errorf("it has %d bytes where its chunk has %d left", packed, p.end-p.at)
	}
	if plain < 0 || plain > maxPageBytes {
		return nil, fmt.Errorf("it unpacks to %d bytes, at most %d are read", plain, maxPageBytes)
	}
	p.packed = grow(p.packed, packed)
	if err := p.src.readFull(p.packed, p.at); err != nil {
		return nil, err
	}
	if h.CRC != 0 && uint32(h.CRC) != crc32.ChecksumIEEE(p.packed) {
		return nil, errors.New("its checksum is wrong")
	}
	p.at += packed
	return p.packed, nil
}

// unpack gives the size bytes that b unpacks to; another number is an error.
func (p *pageReader) unpack(b []byte, size int64) ([]byte, error) {
	if p.codec == format.Uncompressed {
		if int64(len(b)) != size {
			return nil, fmt.Errorf("%d bytes where the header says %d", len(b), size)
		}
		return b, nil
	}
	if len(b) == 0 && size == 0 {
		return b, nil
	}
	p.plain = grow(p.plain, size)
	switch p.codec {
	case format.Snappy:
		n, err := snappy.DecodedLen(b)
		if err == nil && int64(n) != size {
			err = fmt.Errorf("%d bytes where the header says %d", n, size)
		}
		if err != nil {
			return nil, err
		}
		return snappy.Decode(p.plain, b)
	case format.Lz4Raw:
		n, err := lz4.UncompressBlock(b, p.plain)
		if err == nil && int64(n) != size {
			err = fmt.Errorf("%d bytes where the header says %d", n, size)
		}
		return p.plain, err
	case format.Gzip:
		if p.gzip == nil {
			p.gzip = new(gzip.Reader)
		}
		return p.plain, readExactly(p.gzip, p.gzip.Reset(bytes.NewReader(b)), p.plain)
	case format.Brotli:
		if p.brotli == nil {
			p.brotli = new(brotli.Reader)
		}
		return p.plain, readExactly(p.brotli, p.brotli.Reset(bytes.NewReader(b)), p.plain)
	case format.Zstd:
		if p.zstd == nil {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxPageBytes))
			if err != nil {
				return nil, err
			}
			p.zstd = d
		}
		return p.plain, readExactly(p.zstd, p.zstd.Reset(bytes.NewReader(b)), p.plain)
	default:
		return nil, fmt.Errorf("%w: this compression is not read; use snappy, gzip, zstd, lz4_raw, brotli or none", ErrShape)
	}
}

// readExactly fills to from r, which must end there; reset is the error of
// setting r up.
func readExactly(r io.Reader, reset error, to []byte) error {
	if reset != nil {
		return reset
	}
	if n, err := io.ReadFull(r, to); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return fmt.Errorf("%d bytes where the header says %d", n, len(to))
		}
		return err
	}
	var more [1]byte
	switch n, err := io.ReadFull(r, more[:]); {
	case n > 0:
		return fmt.Errorf("more than the %d bytes that the header says", len(to))
	case err != io.EOF:
		return err
	}
	return nil
}

// grow returns a buffer of n bytes, b's where it is large enough.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) >= n {
		return b[:n]
	}
	return make([]byte, n)
}

// lengthPrefixed cuts a piece off data that has its length in front, in four
// little-endian bytes.
func lengthPrefixed(data []byte) (piece, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	n := binary.LittleEndian.Uint32(data)
	if uint64(n) > uint64(len(data)-4) {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return data[4 : 4+n], data[4+n:], nil
}
