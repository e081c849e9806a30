package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	maxPageBytes   = 128 << 20 // of one page unpacked
	maxHeaderBytes = 16 << 20  // of one page header, which holds a least and a greatest value
)

// A page is one data page, unpacked. Its slices are valid until the next page is read.
type page struct {
	count       int64 // cells, nulls included
	v2          bool
	rep, def    []byte // v2 only: levels. A v1 page has them at the start of data
	data        []byte
	encoding    format.Encoding
	repEncoding format.Encoding // v1 only
	defEncoding format.Encoding
}

// A pageReader reads the pages of a column chunk (a column's part of a row group) one after the other. The zero value is ready
// for open; it may be opened again and again, and must be closed in the end.
type pageReader struct {
	src     *source
	codec   format.CompressionCodec
	at, end int64

	packed   []byte // kept from page to page
	unpacker unpacker
}

func (p *pageReader) close() { p.unpacker.close() }

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

// next returns the next data page, or io.EOF. Dictionary pages before it are passed to dictionary, which may keep the data.
func (p *pageReader) next(dictionary func(values int64, data []byte) error) (page, error) {
	for p.at < p.end {
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
			if err := p.dictionaryPage(h, body, dictionary); err != nil {
				return page{}, err
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
	return page{}, io.EOF
}

func (p *pageReader) dictionaryPage(h *format.PageHeader, body []byte, dictionary func(int64, []byte) error) error {
	data, err := p.unpacker.unpack(p.codec, body, int64(h.UncompressedPageSize))
	if err != nil {
		return fmt.Errorf("unpack dictionary page (%v): %w", p.codec, err)
	}
	if e := h.DictionaryPageHeader.V.Encoding; e != format.Plain && e != format.PlainDictionary {
		return fmt.Errorf("a dictionary page in encoding %v", e)
	}
	if err := dictionary(int64(h.DictionaryPageHeader.V.NumValues), bytes.Clone(data)); err != nil {
		return fmt.Errorf("read dictionary page: %w", err)
	}
	return nil
}

func (p *pageReader) pageV1(h *format.PageHeader, body []byte) (page, error) {
	v1 := &h.DataPageHeader.V
	data, err := p.unpacker.unpack(p.codec, body, int64(h.UncompressedPageSize))
	if err != nil {
		return page{}, fmt.Errorf("unpack page (%v): %w", p.codec, err)
	}
	if v1.NumValues < 0 {
		return page{}, fmt.Errorf("a page of %d values", v1.NumValues)
	}
	return page{
		count: int64(v1.NumValues), data: data, encoding: v1.Encoding,
		repEncoding: v1.RepetitionLevelEncoding, defEncoding: v1.DefinitionLevelEncoding,
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
		if data, err = p.unpacker.unpack(p.codec, data, plain-rep-def); err != nil {
			return page{}, fmt.Errorf("unpack page (%v): %w", p.codec, err)
		}
	}
	return page{count: int64(v2.NumValues), v2: true, rep: body[:rep], def: body[rep : rep+def], data: data, encoding: v2.Encoding}, nil
}

// readHeader decodes the page header at p.at and goes to the byte after it. The length of a header is known only after decoding.
// So it tries a small window first, and a larger one if the header does not end in it.
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

// readBody reads the bytes after a header, goes to the byte after them, and verifies their checksum if they have one.
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

// lengthPrefixed splits data after its first piece, which has its length before it in four little-endian bytes.
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
