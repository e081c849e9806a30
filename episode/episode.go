// Package episode owns the archives of recorded episodes: what is in them, what of it counts, and where they come from.
//
// [Read] turns one archive, a zstd-compressed tar, into an [Episode]: its labels and the channels that are asked for, as rates
// and values over seconds. It trusts nothing that it reads: memory and time are bounded by [Limits], every checksum is
// verified, and each archive that is not whole is told by an error that matches [ErrCorrupt] or [ErrTooLarge]. A [Store] is
// where archives are fetched from.
package episode

import (
	"io"
	"strings"
)

// An Episode is one recorded run.
type Episode struct {
	Duration    float64   // seconds, as meta.json says; 0 where it doesn't
	Labels      []Label   // in the file's order; the first is at 0
	Channels    []Channel // those asked for, in that order; of those after the first, one that the archive lacks has no points
	Rows        int       // rows of the first channel's source that count
	RowsDropped int       // rows of it that don't: without a time, or with one that doesn't lie after that before
}

// Read reads one archive to its end and returns its labels and the channels wanted. It is read for the first of them: the others may
// be missing. lim's zeros are defaults. The error matches
//   - [ErrCorrupt] where the archive is not whole or not of the format,
//   - [ErrTooLarge] where it goes beyond lim,
//   - [ErrUnusable], as an [*UnusableError], where it is fine but gives no curve, or lacks the first channel;
//   - else it is r's own, wrapped (or about lim), and reading may be tried again.
//
// Read may be called concurrently. Where the archive's zstd window is over lim.BigWindowBytes it waits for other such reads.
func Read(r io.Reader, want []ChannelName, lim Limits) (*Episode, error) {
	return new(Reader).Read(r, want, lim)
}

// A Reader reads one episode after the other into the same memory, which spares the processor's caches. The zero Reader is ready.
// It must not be used concurrently.
type Reader struct{ floats floats }

// Read does what the function [Read] does. The episode's channels are valid until the next call.
func (reader *Reader) Read(r io.Reader, want []ChannelName, lim Limits) (*Episode, error) {
	if err := lim.Validate(); err != nil {
		return nil, err
	}
	a, err := openArchive(r, lim.OrDefault())
	defer a.close()
	if err != nil {
		return nil, err
	}
	reader.floats.reset()
	parts := newParts(want, a.kit, &reader.floats)
	for name, err := a.next(); err != io.EOF; name, err = a.next() {
		if err == nil {
			err = parts.read(name, a)
		}
		if err != nil {
			return nil, err
		}
	}
	return parts.episode(want)
}

// parts are what is read of an archive, member by member.
type parts struct {
	meta      meta
	labels    []Label
	zero      number // time zero
	telemetry []*telemetry

	hasMeta, hasLabels bool
}

func newParts(want []ChannelName, k *kit, f *floats) *parts {
	p := &parts{}
	for _, name := range want {
		t := p.source(name.Source)
		if t == nil {
			t = k.telemetry(len(p.telemetry))
			t.reset(name.Source, f)
			p.telemetry = append(p.telemetry, t)
		}
		t.want(name.Field)
	}
	return p
}

// source returns the telemetry wanted of a source, nil where there is none.
func (p *parts) source(name string) *telemetry {
	for _, t := range p.telemetry {
		if t.source == name {
			return t
		}
	}
	return nil
}

// read reads the current member if it is needed. Of two with the same name the first counts.
func (p *parts) read(name string, a *archive) (err error) {
	switch {
	case name == "meta.json" && !p.hasMeta:
		p.hasMeta = true
		p.meta, err = readMeta(a.lines(), &a.kit.scan)
	case name == "labels.jsonl" && !p.hasLabels:
		p.hasLabels = true
		p.labels, p.zero, err = readLabels(a.lines(), &a.kit.scan)
	default:
		name, isTelemetry := strings.CutPrefix(name, "telemetry-")
		name, isLines := strings.CutSuffix(name, ".jsonl")
		if t := p.source(name); isTelemetry && isLines && t != nil && !t.found {
			err = t.read(a.lines(), a.kit)
		}
	}
	return err
}

// episode puts the parts together when all were read.
func (p *parts) episode(want []ChannelName) (*Episode, error) {
	switch {
	case !p.hasMeta:
		return nil, corruptf("no meta.json")
	case !p.hasLabels:
		return nil, corruptf("no labels.jsonl")
	}
	e := &Episode{Duration: p.meta.seconds(), Labels: p.labels, Channels: make([]Channel, 0, len(want))}
	if err := e.usable(); err != nil {
		return nil, err
	}
	for _, t := range p.telemetry {
		t.keep(p.zero)
	}
	for i, name := range want {
		t := p.source(name.Source)
		channel, err := t.channel(name)
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
