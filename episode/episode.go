// Package episode reads the archives of recorded episodes.
//
// [Read] turns one archive, a tar that may be compressed, into an [Episode]: its labels, and the wanted
// channels as rates and values over time. An archive is not trusted: [Limits] bound the memory and
// time that it takes, every checksum is verified, and an archive that is damaged or too large gives
// an error that matches [ErrCorrupt] or [ErrTooLarge]. A [Store] is where archives come from.
//
// The bytes pass through one stage after the other:
//
//	decompressor.go  decompresses: gzip.go, zstd.go; frames.go: walks the zstd frames and checks their windows
//	tar.go           the entries of the archive
//	parts.go         which of them an episode is made of; needed.go: one of these
//	lines.go         the lines of one member
//	json.go          scans one line; path.go: finds values in it; number.go, time.go: what they are
//	meta.go          the member with the duration; labels.go: the one with the labels
//	table.go         the rows of a source; jsonrow.go: objects; template.go: like the one before; csv.go
//	rows.go          the rows while they are read; piles.go: those in order; select.go: those that count
//	channel.go       the values of a channel over time; counter.go: which samples of a counter count
//	segments.go      the phases; quality.go: figures of how sloppy the recording is
//
// The rest:
//
//	members.go       goes through an archive without a format
//	episode.go       Read and Reader; errors.go: what they return
//	rules.go         how archives are read: format.go: how they are written; limits.go: what reading may cost
//	big.go           archives that take much memory are read one at a time
//	ref.go           the ids of hosts and episodes
//	store.go         the interface of stores
//	fields.go        lists the fields of a row for a message
//	floats.go        memory that is used again for the next archive; blocks.go: lists in blocks
//	budget.go        bounds the memory of rows
package episode

import (
	"cmp"
	"io"
	"sync"
)

// An Episode is one recorded run.
type Episode struct {
	Duration    float64   // seconds, as in meta.json; 0 if it is missing there
	Labels      []Label   // in the order of the file; the first is at 0
	Channels    []Channel // the wanted ones, in that order; without points if the archive lacks one, or if it is only checked
	Rows        int       // rows of the first channel's source that count
	RowsDropped int       // its other rows, those without a time included, but no repeats of rows that count
	Warnings    []Warning // at most one of each kind for each wanted channel
}

// A Wanted is a channel to be read.
type Wanted struct {
	Name    ChannelName
	Field   string // path of the value in a row; "" means Name.Field
	Counter bool   // whether it is a counter, or else a gauge
	// CheckOnly means that the values are not needed. Then the channel has no points and no warnings. Its
	// member is read, checked and charged to the limits all the same, so whether an archive can be read
	// does not depend on it. The first channel must not have it.
	CheckOnly bool
}

// path returns the path of the value in a row.
func (w Wanted) path() string { return cmp.Or(w.Field, w.Name.Field) }

// A Warning is about a channel whose values may not be what the reader of a curve expects.
type Warning struct {
	Kind    WarningKind
	Channel ChannelName
	Detail  string // a sentence with the figures
}

// A WarningKind is one word.
type WarningKind string

// The kinds of warnings.
const (
	WarnLooksLikeCounter WarningKind = "looks_like_counter" // a gauge never falls, and grows
	WarnLongLabels       WarningKind = "long_labels"        // the labels span far more time than the duration
	WarnNoDuration       WarningKind = "no_duration"        // the archive does not say how long the episode lasted
	WarnNotNumbers       WarningKind = "not_numbers"        // of the filled cells of a CSV column, more than a tenth are not numbers
)

// Read reads one archive to its end and returns its labels and the wanted channels. The first channel must be in the archive, the others may be
// missing. The error matches
//   - [ErrCorrupt] if the archive is damaged, incomplete or not of the format,
//   - [ErrTooLarge] if it exceeds one of rules.Limits,
//   - [ErrUnusable], as an [*UnusableError], if no curve can be made of it, or if it lacks the first channel;
//   - otherwise it is an error of r, wrapped, and reading may be tried again, or says which of the rules is not valid.
//
// Read may be called concurrently. If the archive takes much memory, such as for a zstd window over
// rules.Limits.BigWindowBytes, Read waits for other such reads to end.
func Read(r io.Reader, want []Wanted, rules Rules) (*Episode, error) {
	reader := readers.Get().(*Reader)
	defer readers.Put(reader)
	e, err := reader.Read(r, want, rules)
	reader.channels.floats = floats{} // the episode keeps its memory
	reader.Release()
	return e, err
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// A Reader reads one episode after the other, and uses its buffers and its decoder again. The zero
// Reader is ready to use. It must not be used concurrently.
type Reader struct {
	content decompressor
	tar     tarReader // of content
	big     bigArchive
	lines   lines
	scan    scanner

	metaPaths, labelPaths pathTree

	tables []*table // the first ones may be in use
	budget budget   // of the tables in use

	channels channelMaker
}

// keptTables is the most tables that are kept for the next archive. Allocating them for each
// archive takes 14 to 23 % more CPU time (BenchmarkCost).
const keptTables = 4

// Read does what the function [Read] does. The channels of the episode are valid until the next
// call of a method. Call Release when done with the episode: other archives that take much memory
// may wait for it.
func (r *Reader) Read(archive io.Reader, want []Wanted, rules Rules) (*Episode, error) {
	if err := rules.Validate(); err != nil {
		return nil, err
	}
	rules = rules.OrDefault()
	lim := rules.Limits
	r.Release()
	defer r.endArchive()
	r.budget = budget{most: lim.Cells, big: &r.big}
	if err := r.content.reset(archive, lim, &r.budget); err != nil {
		return nil, err
	}
	parts, err := r.newParts(want, rules.Format)
	if err != nil {
		return nil, err
	}
	r.tar.reset(&r.content, lim)
	for err = r.tar.next(); err == nil; err = r.tar.next() {
		if parts.read(r, lim); r.tar.err != nil {
			return nil, parts.fault(r.tar.err)
		}
	}
	if err != io.EOF {
		return nil, parts.fault(err)
	}
	parts.list.again = r.tar.tail.isTar
	r.content.release() // the channels take memory, too
	r.big.collect()
	r.channels.big = &r.big
	e, err := parts.episode(want, rules, &r.channels)
	if r.big { // the episode does not need the tables
		r.tables = nil
		r.big.collect()
	}
	return e, err
}

// Release drops the memory of the last episode, if it is large, and lets the next archive that takes
// much memory be read. It may be called at any time.
func (r *Reader) Release() {
	if r.big {
		r.tables, r.channels = nil, channelMaker{}
	}
	r.big.end()
}

// endArchive drops the archive, and buffers that are large.
func (r *Reader) endArchive() {
	r.content.release()
	r.tar.release()
	if len(r.lines.buf) > keptLine { // the others grow with the longest line
		r.scan.scratch = nil
	}
	r.lines.release()
	if len(r.tables) > keptTables {
		clear(r.tables[keptTables:])
		r.tables = r.tables[:keptTables]
	}
}
