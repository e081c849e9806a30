// Package align turns one archive into one profile's curve and the episode's
// signature: it joins what package episode reads with what package fit computes. The batch fit and the
// workers both go through it, so both get the same numbers.
package align

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// A Fitter aligns episodes as a spec says, within limits. It is safe for
// concurrent use.
type Fitter struct {
	Spec   *fit.Spec
	Limits episode.Limits
}

// Generation is the id of what this fitter computes at an epoch.
func (f *Fitter) Generation(epoch uint64) fit.Generation { return f.Spec.Generation(f.Limits, epoch) }

// An Alignment is one episode's curve with what it is made of.
type Alignment struct {
	Episode   *episode.Episode // nil of Aligned
	Slices    [5]fit.Slice
	Curve     fit.Curve     // in the channel's raw unit, NaN for a gap
	Signature fit.Signature // of the spec's signature channels, whatever the profile
	Seconds   fit.Seconds   // of the slices
}

// Read reads an archive to its end, once, and aligns one channel of it and those
// of the spec's signature. A signature's channel that the archive lacks is
// nothing but gaps. Errors are those of episode.Read.
func (f *Fitter) Read(r io.Reader, channel episode.ChannelName) (*Alignment, error) {
	return f.align(episode.Read, r, channel)
}

// A readFunc is episode.Read or the method of an episode.Reader.
type readFunc func(io.Reader, []episode.ChannelName, episode.Limits) (*episode.Episode, error)

func (f *Fitter) align(read readFunc, r io.Reader, channel episode.ChannelName) (*Alignment, error) {
	want, places, err := f.wanted(channel)
	if err != nil {
		return nil, err
	}
	e, err := read(r, want, f.Limits)
	if err != nil {
		return nil, err
	}
	w := walk(e)
	signature := make([]fit.Series, len(places))
	for i, place := range places {
		signature[i] = series(&e.Channels[place], f.Spec.Signature.Resample)
	}
	cut := f.Spec.Points.Slices(w)
	return &Alignment{
		Episode:   e,
		Slices:    cut,
		Seconds:   fit.SecondsOf(cut),
		Curve:     fit.Align(f.Spec.Points, f.Spec.Resample, w, series(&e.Channels[0], f.Spec.Resample)),
		Signature: fit.AlignSignature(f.Spec.Points, f.Spec.Signature.Resample, w, signature),
	}, nil
}

// wanted returns the channels to be read, the profile's first, and the places
// among them of the signature's.
func (f *Fitter) wanted(channel episode.ChannelName) (want []episode.ChannelName, places []int, err error) {
	want = []episode.ChannelName{channel}
	for _, text := range f.Spec.Signature.Channels {
		name, err := episode.ParseChannelName(text)
		if err != nil {
			return nil, nil, fmt.Errorf("signature of the spec: %w", err)
		}
		place := slices.Index(want, name)
		if place < 0 {
			place = len(want)
			want = append(want, name)
		}
		places = append(places, place)
	}
	return want, places, nil
}

// walk finds the moments that the slices hang on.
func walk(e *episode.Episode) fit.Walk {
	w := fit.Walk{
		Armed: math.NaN(), Infecting: math.NaN(), Running: math.NaN(),
		RunningEnd: math.NaN(), DormantEnd: math.NaN(), Duration: e.Duration,
	}
	first := func(at *float64, s episode.Segment) {
		if math.IsNaN(*at) {
			*at = s.Start
		}
	}
	for _, s := range e.Segments() {
		switch s.Phase {
		case episode.PhaseArmed:
			first(&w.Armed, s)
		case episode.PhaseInfecting:
			first(&w.Infecting, s)
		case episode.PhaseRunning:
			first(&w.Running, s)
			w.RunningEnd = s.End
		case episode.PhaseDormant:
			w.DormantEnd = s.End
		}
	}
	return w
}

// series is what a channel is resampled from: the mean of a counter is that of
// its counts, all else that of its points.
func series(c *episode.Channel, r fit.Resample) fit.Series {
	if r == fit.Mean && c.Counter {
		return fit.Series{T: c.CountTimes, V: c.Counts, Counts: true}
	}
	return fit.Series{T: c.Times, V: c.Values}
}

// readers are those of Aligned, which keeps no channels.
var readers = sync.Pool{New: func() any { return new(episode.Reader) }}

// Aligned opens an episode's archive in the store and aligns it for a channel.
// The alignment's Episode is nil: its memory serves the next.
//
// An error for which [ReasonOf] knows no reason says nothing of the episode: the
// store does not answer, or ctx ended. So does episode.ErrNotFound, which may pass.
func (f *Fitter) Aligned(ctx context.Context, store episode.Store, ref episode.Ref, channel episode.ChannelName) (*Alignment, error) {
	archive, err := store.Open(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("open the archive of %s: %w", ref, err)
	}
	defer archive.Close()
	episodes := readers.Get().(*episode.Reader)
	defer readers.Put(episodes)
	a, err := f.align(episodes.Read, &reader{ctx, archive}, channel)
	if _, known := ReasonOf(err); err != nil && !known {
		return nil, fmt.Errorf("read the archive of %s: %w", ref, err)
	}
	if err == nil {
		a.Episode = nil
	}
	return a, err
}

// Entry opens an episode's archive in the store and returns its entry for a
// channel: a curve, or the reason why there is none. Seq is left to the caller.
//
// An error says nothing of the episode: the store has no such archive
// (episode.ErrNotFound, which may pass), does not answer, or ctx ended.
func (f *Fitter) Entry(ctx context.Context, store episode.Store, ref episode.Ref, channel episode.ChannelName) (fit.Entry, error) {
	a, err := f.Aligned(ctx, store, ref, channel)
	return EntryOf(ref, a, err)
}

// EntryOf is the entry of what [Fitter.Aligned] returned.
func EntryOf(ref episode.Ref, a *Alignment, err error) (fit.Entry, error) {
	entry := fit.Entry{Host: string(ref.Host), Episode: string(ref.ID)}
	if err == nil {
		entry.State, entry.Curve = fit.StateCurve, a.Curve
		if len(a.Signature) > 0 {
			entry.Signature, entry.Seconds = a.Signature, a.Seconds
		}
		return entry, nil
	}
	reason, ok := ReasonOf(err)
	if !ok || errors.Is(err, episode.ErrNotFound) {
		return entry, err
	}
	return Without(ref, reason, err.Error()), nil
}

// Without is the entry of an episode that gave no curve.
func Without(ref episode.Ref, reason fit.Reason, detail string) fit.Entry {
	return fit.Entry{Host: string(ref.Host), Episode: string(ref.ID), State: fit.StateReason, Reason: reason, Detail: detail}
}

// ReasonOf names why an archive gave no curve; false where err says nothing of
// the archive, but of the store or the reading.
func ReasonOf(err error) (fit.Reason, bool) {
	var unusable *episode.UnusableError
	switch {
	case errors.As(err, &unusable):
		return fit.Reason(unusable.Reason), true
	case errors.Is(err, episode.ErrCorrupt):
		return fit.ReasonCorrupt, true
	case errors.Is(err, episode.ErrTooLarge):
		return fit.ReasonTooLarge, true
	case errors.Is(err, episode.ErrNotFound):
		return fit.ReasonMissing, true
	}
	return "", false
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
