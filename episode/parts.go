package episode

import (
	"errors"
	"fmt"
	"iter"
)

// parts are the parts of an archive that an episode is made of.
type parts struct {
	format   Format
	meta     neededMember // not needed if its name is empty
	duration float64
	labels   neededMember
	events   []Label
	zero     stamp // time zero
	tables   []*table
	tableOf  []*table // of each wanted channel
	list     memberList
}

// newParts returns parts with a table for each member that has wanted channels. The tables, and the
// memory of the channels, are used again.
func (r *Reader) newParts(want []Wanted, f Format) (*parts, error) {
	r.channels.reset()
	p := &parts{
		format:  f,
		meta:    neededMember{name: cleanPath(f.Meta.Member)},
		labels:  neededMember{name: cleanPath(f.Labels.Member)},
		tableOf: make([]*table, 0, len(want)),
	}
	for i, w := range want {
		t := p.tableOfSource(want[:i], w.Name.Source)
		if t == nil {
			source := f.source(w.Name.Source)
			var err error
			if t, err = p.tableOfMember(source); err != nil {
				return nil, err
			}
			if t == nil {
				t = r.newTable(len(p.tables), source)
				p.tables = r.tables[:len(p.tables)+1]
			}
		}
		t.addChannel(w)
		p.tableOf = append(p.tableOf, t)
	}
	return p, nil
}

// newTable returns table i of the reader, for another member.
func (r *Reader) newTable(i int, source SourceFormat) *table {
	if i == len(r.tables) {
		r.tables = append(r.tables, &table{})
	}
	t := r.tables[i]
	t.reset(source, &r.budget)
	return t
}

// tableOfSource returns the table of the channel before that has the same source, or nil.
func (p *parts) tableOfSource(before []Wanted, source string) *table {
	for i, w := range before {
		if w.Name.Source == source {
			return p.tableOf[i]
		}
	}
	return nil
}

// tableOfMember returns the table of a member that another source uses, too, or nil. A member can
// only be read in one way.
func (p *parts) tableOfMember(source SourceFormat) (*table, error) {
	for _, t := range p.tables {
		switch {
		case t.format == source:
			return t, nil
		case t.format.Member == source.Member && source.Member != "":
			return nil, fmt.Errorf("format: two sources read member %s in different ways", printable(source.Member))
		}
	}
	if name := cleanPath(source.Member); name != "" && (name == p.meta.name || name == p.labels.name) {
		return nil, fmt.Errorf("format: member %s cannot be the rows of a source and something else", printable(name))
	}
	return nil, nil
}

// needed returns the member that is needed and has a path, or nil, and its table, if it has one. If
// the path fits two names, the longer one counts.
func (p *parts) needed(path string) (member *neededMember, of *table) {
	for _, m := range []*neededMember{&p.meta, &p.labels} {
		if m.fits(path) && (member == nil || len(m.name) > len(member.name)) {
			member = m
		}
	}
	for _, t := range p.tables {
		if t.member.fits(path) && (member == nil || len(t.member.name) > len(member.name)) {
			member, of = &t.member, t
		}
	}
	return member, of
}

// read reads the current entry of an archive, if it is needed. An error of its content is kept: it
// does not count if another entry replaces this one.
func (p *parts) read(r *Reader, lim Limits) {
	tar, l, s := &r.tar, &r.lines, &r.scan
	entry := tar.current
	if entry.Kind == RegularFile {
		p.list.add(entry.Path)
	}
	m, t := p.needed(entry.Path)
	if m == nil || !m.add(entry, tar.entries) {
		return
	}
	l.reset(tar, lim)
	switch {
	case t != nil:
		m.err = t.read(l, s)
	case m == &p.labels:
		l.most = lim.Labels
		p.events, p.zero, m.err = readLabels(l, s, &r.labelPaths, p.format)
	default:
		p.duration, m.err = readMeta(l, s, &r.metaPaths, p.format.Meta)
	}
}

// fault returns the error of the first member that has one. It is the error of the archive, unless
// the archive could not be read.
func (p *parts) fault(archive error) error {
	if archive != nil && !errors.Is(archive, ErrCorrupt) && !errors.Is(archive, ErrTooLarge) {
		return archive
	}
	first, entry := archive, 0
	for m := range p.all() {
		if m.err != nil && (entry == 0 || m.entry < entry) {
			first, entry = m.err, m.entry
		}
	}
	return first
}

// all yields the members that are needed.
func (p *parts) all() iter.Seq[*neededMember] {
	return func(yield func(*neededMember) bool) {
		if !yield(&p.meta) || !yield(&p.labels) {
			return
		}
		for _, t := range p.tables {
			if !yield(&t.member) {
				return
			}
		}
	}
}

// check returns an error unless the archive is complete: read it to its end before.
func (p *parts) check() error {
	for m := range p.all() {
		if err := m.ambiguous(); err != nil {
			return err
		}
	}
	if err := p.fault(nil); err != nil {
		return err
	}
	for _, m := range []*neededMember{&p.meta, &p.labels} {
		if m.name != "" && !m.isFile() {
			return corruptf("%s", m.missing(&p.list))
		}
	}
	return nil
}

// episode makes the episode, after all members were read.
func (p *parts) episode(want []Wanted, rules Rules, m *channelMaker) (*Episode, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	e := &Episode{Duration: p.duration, Labels: p.events, Channels: make([]Channel, 0, len(want))}
	if err := e.usable(rules); err != nil {
		return nil, err
	}
	for _, t := range p.tables {
		if len(t.paths) == 1 { // its channels are only checked
			continue
		}
		t.rows.selectRows(p.zero, e.span(), &m.floats)
	}
	m.big.collect()
	m.limits, m.end = rules.Quality, e.end()
	for i, w := range want {
		if w.CheckOnly {
			e.Channels = append(e.Channels, Channel{Name: w.Name, Counter: w.Counter})
			continue
		}
		t := p.tableOf[i]
		channel, warnings, err := p.channel(t, w, m)
		switch {
		case i == 0 && err != nil:
			return nil, err
		case i == 0:
			e.Rows, e.RowsDropped = len(t.rows.times), t.rows.lost+t.rows.untimed
		case err != nil:
			channel = Channel{Name: w.Name, Counter: w.Counter}
		}
		e.Channels = append(e.Channels, channel)
		e.Warnings = append(e.Warnings, warnings...)
		if warning, ok := t.notNumbers(w); ok {
			e.Warnings = append(e.Warnings, warning)
		}
	}
	if warning, ok := e.durationWarning(rules.Format.Meta, rules.Quality); ok && len(want) > 0 {
		warning.Channel = want[0].Name
		e.Warnings = append(e.Warnings, warning)
	}
	return e, nil
}

// channel returns a channel of a table. The error matches [ErrUnusable].
func (p *parts) channel(t *table, w Wanted, m *channelMaker) (Channel, []Warning, error) {
	switch {
	case t.member.isFile():
		return m.channel(t, w)
	case t.member.name == "":
		return Channel{}, nil, unusablef(ReasonNoSource, "the format has no source %s", printable(w.Name.Source))
	}
	return Channel{}, nil, unusablef(ReasonNoSource, "%s", t.member.missing(&p.list))
}
