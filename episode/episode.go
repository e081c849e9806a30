// Package episode reads the archives of recorded episodes.
//
// [Read] turns one archive, a zstd-compressed tar, into an [Episode]: its labels, and the wanted
// channels as rates and values over time. An archive is not trusted: [Limits] bound the memory and
// time that it takes, every checksum is verified, and an archive that is damaged or too large gives
// an error that matches [ErrCorrupt] or [ErrTooLarge]. A [Store] is where archives come from.
//
// The bytes pass through one stage after the other:
//
//	decompressor.go  decompresses; frames.go: walks the zstd frames and checks their windows
//	tar.go           the members of the archive
//	lines.go         the lines of one member
//	json.go          scans one line; number.go: its numbers
//	meta.go          meta.json; labels.go: labels.jsonl
//	table.go         the wanted fields of the telemetry rows; template.go: rows like the one before
//	channel.go       the values of a channel over time; counter.go: the rates of a counter
//	segments.go      the phases, and whether the episode can give a curve
//
// The rest:
//
//	episode.go       Read and Reader; errors.go: what they return; limits.go
//	ref.go           the ids of hosts and episodes
//	store.go         the interface of stores
//	floats.go        memory that is used again for the next archive
package episode

import (
	"io"
	"strings"
	"sync"
)

// An Episode is one recorded run.
type Episode struct {
	Duration    float64   // seconds, as in meta.json; 0 if it is missing there
	Labels      []Label   // in the order of the file; the first is at 0
	Channels    []Channel // the wanted ones, in that order; if the archive lacks one, it has no points
	Rows        int       // selected rows of the first channel's source
	RowsDropped int       // its other rows: those without a time, or with a time that is not later than that of the row before
}

// Read reads one archive to its end and returns its labels and the wanted channels. Fields of lim
// that are zero have their defaults. The first channel must be in the archive, the others may be
// missing. The error matches
//   - [ErrCorrupt] if the archive is damaged, incomplete or not of the format,
//   - [ErrTooLarge] if it exceeds one of lim,
//   - [ErrUnusable], as an [*UnusableError], if no curve can be made of it, or if it lacks the first channel;
//   - otherwise it is an error of r, wrapped, and reading may be tried again, or says which of lim is not valid.
//
// Read may be called concurrently. If the archive's zstd window is over lim.BigWindowBytes, Read
// waits for other such reads to end.
func Read(r io.Reader, want []ChannelName, lim Limits) (*Episode, error) {
	reader := readers.Get().(*Reader)
	defer readers.Put(reader)
	e, err := reader.Read(r, want, lim)
	reader.floats = floats{} // the episode keeps its memory
	return e, err
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// A Reader reads one episode after the other, and uses its buffers and its decoder again. The zero
// Reader is ready to use. It must not be used concurrently.
type Reader struct {
	content decompressor
	lines   lines
	scan    scanner
	tables  []*table // the first ones may be in use
	floats  floats
}

// keptTables is the most tables that are kept for the next archive. Allocating them for each
// archive takes 14 to 23 % more CPU time (BenchmarkCost).
const keptTables = 4

// Read does what the function [Read] does. The channels of the episode are valid until the next
// call.
func (r *Reader) Read(archive io.Reader, want []ChannelName, lim Limits) (*Episode, error) {
	if err := lim.Validate(); err != nil {
		return nil, err
	}
	lim = lim.OrDefault()
	defer r.release()
	if err := r.content.reset(archive, lim); err != nil {
		return nil, err
	}
	parts := r.newParts(want)
	tar := newTarReader(&r.content, lim)
	for err := tar.next(); err != io.EOF; err = tar.next() {
		if err != nil {
			return nil, err
		}
		r.lines.reset(tar, lim)
		if err := parts.read(tar.member, &r.lines, &r.scan); err != nil {
			return nil, err
		}
	}
	return parts.episode(want, &r.floats)
}

// newParts returns parts with a table for each source of want. The tables, and memory of floats,
// are used again.
func (r *Reader) newParts(want []ChannelName) *parts {
	r.floats.reset()
	p := &parts{}
	for _, name := range want {
		t := p.table(name.Source)
		if t == nil {
			n := len(p.tables)
			if n == len(r.tables) {
				r.tables = append(r.tables, &table{})
			}
			t = r.tables[n]
			t.reset(name.Source)
			p.tables = r.tables[:n+1]
		}
		t.addColumn(name.Field)
	}
	return p
}

// release drops the archive, and buffers that are large.
func (r *Reader) release() {
	r.content.release()
	if len(r.lines.buf) > keptLine { // the others grow with the longest line
		r.scan.scratch = nil
	}
	r.lines.release()
	if len(r.tables) > keptTables {
		clear(r.tables[keptTables:])
		r.tables = r.tables[:keptTables]
	}
}

// parts are the parts of an archive that an episode is made of.
type parts struct {
	duration float64
	labels   []Label
	zero     number // time zero
	tables   []*table

	hasMeta, hasLabels bool
}

// table returns the table of a source, or nil if it is not wanted.
func (p *parts) table(source string) *table {
	for _, t := range p.tables {
		if t.source == source {
			return t
		}
	}
	return nil
}

// read reads a member, if it is needed. Of two members with the same name the first counts.
func (p *parts) read(member string, l *lines, s *scanner) (err error) {
	switch {
	case member == "meta.json" && !p.hasMeta:
		p.hasMeta = true
		p.duration, err = readMeta(l, s)
	case member == "labels.jsonl" && !p.hasLabels:
		p.hasLabels = true
		p.labels, p.zero, err = readLabels(l, s)
	default:
		name, isTelemetry := strings.CutPrefix(member, "telemetry-")
		source, isLines := strings.CutSuffix(name, ".jsonl")
		if t := p.table(source); isTelemetry && isLines && t != nil && !t.found {
			err = t.read(l, s)
		}
	}
	return err
}

// episode makes the episode, after all members were read.
func (p *parts) episode(want []ChannelName, f *floats) (*Episode, error) {
	switch {
	case !p.hasMeta:
		return nil, corruptf("no meta.json")
	case !p.hasLabels:
		return nil, corruptf("no labels.jsonl")
	}
	e := &Episode{Duration: p.duration, Labels: p.labels, Channels: make([]Channel, 0, len(want))}
	if err := e.usable(); err != nil {
		return nil, err
	}
	for _, t := range p.tables {
		t.selectRows(p.zero, f)
	}
	for i, name := range want {
		t := p.table(name.Source)
		channel, err := t.channel(name, f)
		switch {
		case i == 0 && err != nil:
			return nil, err
		case i == 0:
			e.Rows, e.RowsDropped = len(t.times), t.dropped
		case err != nil:
			channel = Channel{Name: name, Counter: name.IsCounter()}
		}
		e.Channels = append(e.Channels, channel)
	}
	return e, nil
}
