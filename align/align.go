// Package align computes the curve and the signature of an episode from its
// archive: package episode reads the archive, and package fit computes. The
// batch fit and the workers both use it, so both get the same numbers.
package align

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// A Fitter aligns episodes by a spec. It may be used concurrently.
type Fitter struct {
	spec      *fit.Spec
	rules     episode.Rules
	signature []episode.Wanted
	curveOnly bool
}

// New returns a fitter for a valid spec, which must not be changed afterwards. Archives that exceed limits, where zeros are
// defaults, give no curve.
func New(spec *fit.Spec, limits episode.Limits) (*Fitter, error) {
	f := &Fitter{spec: spec, rules: rulesOf(spec, limits)}
	for _, channel := range spec.Signature.Channels {
		w, err := wantedOf(spec, channel)
		if err != nil {
			return nil, err
		}
		f.signature = append(f.signature, w)
	}
	return f, f.rules.Validate()
}

// CurveOnly returns a fitter that makes no signatures. Everything else, such as which archives are
// corrupt or too large, is as with f; but it has no warnings about channels of the signature.
func (f *Fitter) CurveOnly() *Fitter {
	c := *f
	c.curveOnly = true
	return &c
}

// An Alignment is an aligned episode.
type Alignment struct {
	Episode   *episode.Episode // nil if it comes from Aligned
	Slices    [5]fit.Slice
	Curve     fit.Curve     // in the unit of the channel as recorded; NaN is a gap
	Signature fit.Signature // one row for each signature channel of the spec, the same for every profile; nil of CurveOnly
	Seconds   fit.Seconds   // duration of each slice
	Quality   fit.Quality   // of the source and the channel of the curve
	Warnings  []episode.Warning
}

// Read reads an archive once, to its end, and aligns one channel of it and the
// signature channels of the spec. A signature channel that the archive lacks
// has only gaps. Errors are those of episode.Read.
func (f *Fitter) Read(r io.Reader, channel string) (*Alignment, error) {
	return f.align(episode.Read, r, channel)
}

// A readFunc is episode.Read or the method of an episode.Reader.
type readFunc func(io.Reader, []episode.Wanted, episode.Rules) (*episode.Episode, error)

func (f *Fitter) align(read readFunc, r io.Reader, channel string) (*Alignment, error) {
	want, signatureOf, err := f.wanted(channel)
	if err != nil {
		return nil, err
	}
	e, err := read(r, want, f.rules)
	if err != nil {
		return nil, err
	}
	w := walk(e)
	curve := fit.Align(f.spec.Points, f.spec.Resample, w, f.series(&e.Channels[0], f.spec.Resample))
	quality := qualityOf(e, curve)
	if err := checkPoints(e, len(curve)-quality.Empty, len(curve), f.rules.Quality.MinPoints); err != nil {
		return nil, err
	}
	cut := f.spec.Points.Slices(w)
	return &Alignment{
		Episode:   e,
		Slices:    cut,
		Seconds:   fit.SecondsOf(cut),
		Curve:     curve,
		Signature: f.signatureOf(e, signatureOf, w),
		Quality:   quality,
		Warnings:  e.Warnings,
	}, nil
}

// signatureOf returns the signature of an episode. channels are the indices of its channels.
func (f *Fitter) signatureOf(e *episode.Episode, channels []int, w fit.Walk) fit.Signature {
	if f.curveOnly {
		return nil
	}
	series := make([]fit.Series, len(channels))
	for i, channel := range channels {
		series[i] = f.series(&e.Channels[channel], f.spec.Signature.Resample)
	}
	return fit.AlignSignature(f.spec.Points, f.spec.Signature.Resample, w, series)
}

// wanted returns the channels to read, with that of the curve first, and the
// index in them of each signature channel.
func (f *Fitter) wanted(channel string) (want []episode.Wanted, signatureOf []int, err error) {
	first, err := wantedOf(f.spec, channel)
	if err != nil {
		return nil, nil, err
	}
	want = append(make([]episode.Wanted, 0, 1+len(f.signature)), first)
	signatureOf = make([]int, 0, len(f.signature))
	for _, w := range f.signature {
		i := 0
		if w != first {
			i = len(want)
			w.CheckOnly = f.curveOnly
			want = append(want, w)
		}
		signatureOf = append(signatureOf, i)
	}
	return want, signatureOf, nil
}

// walk returns the times at which the slices of an episode begin and end.
func walk(e *episode.Episode) fit.Walk {
	w := fit.Walk{
		Armed: math.NaN(), Infecting: math.NaN(), Running: math.NaN(),
		RunningEnd: math.NaN(), DormantEnd: math.NaN(), Duration: e.Duration,
	}
	setOnce := func(time *float64, s episode.Segment) {
		if math.IsNaN(*time) {
			*time = s.Start
		}
	}
	for _, s := range e.Segments() {
		switch s.Phase {
		case episode.PhaseArmed:
			setOnce(&w.Armed, s)
		case episode.PhaseInfecting:
			setOnce(&w.Infecting, s)
		case episode.PhaseRunning:
			setOnce(&w.Running, s)
			w.RunningEnd = s.End
		case episode.PhaseDormant:
			w.DormantEnd = s.End
		}
	}
	return w
}

// series returns the values that a channel is resampled from: its counts if it is a
// counter and resampled by means, else its points.
func (f *Fitter) series(c *episode.Channel, r fit.Resample) fit.Series {
	scale := f.spec.Format.Channels[c.Name.String()].Scale
	if r == fit.Mean && c.Counter {
		return fit.Series{T: c.CountTimes, V: c.Counts, Counts: true, Unknown: c.Unknown, Scale: scale}
	}
	return fit.Series{T: c.Times, V: c.Values, Scale: scale}
}

// readers are reused by Aligned, whose result does not refer to the episode. Creating
// decoders and buffers for each archive takes two to three times the CPU time
// (BenchmarkCost).
var readers = sync.Pool{New: func() any { return new(episode.Reader) }}

// Aligned opens an episode's archive in the store and aligns it for a channel.
// The Episode of the result is nil, since its memory is used again.
//
// [ReasonOf] returns the reason of an error that is about the archive. For any
// other error the store does not answer, or ctx ended, and the episode may be
// tried again. An archive that is not found may appear later.
func (f *Fitter) Aligned(ctx context.Context, store episode.Store, ref episode.Ref, channel string) (*Alignment, error) {
	archive, err := store.Open(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("open the archive of %s: %w", ref, err)
	}
	defer archive.Close()
	episodes := readers.Get().(*episode.Reader)
	defer readers.Put(episodes)
	defer episodes.Release()
	a, err := f.align(episodes.Read, &contextReader{ctx, archive}, channel)
	if _, known := ReasonOf(err); err != nil && !known {
		return nil, fmt.Errorf("read the archive of %s: %w", ref, err)
	}
	if err == nil {
		a.Episode = nil
	}
	return a, err
}

// Entry opens an episode's archive in the store and returns its entry for a
// channel: a curve, or the reason why there is no curve. It does not set Seq.
//
// An error is not about the archive: it matches episode.ErrNotFound if the store
// has no such archive, which may appear later, or else the store does not
// answer, or ctx ended.
func (f *Fitter) Entry(ctx context.Context, store episode.Store, ref episode.Ref, channel string) (fit.Entry, error) {
	a, err := f.Aligned(ctx, store, ref, channel)
	return EntryOf(ref, a, err)
}

// EntryOf returns the entry of an episode from the results of [Fitter.Aligned],
// as [Fitter.Entry] does.
func EntryOf(ref episode.Ref, a *Alignment, err error) (fit.Entry, error) {
	entry := fit.Entry{Host: string(ref.Host), Episode: string(ref.ID)}
	if err == nil {
		entry.State, entry.Curve = fit.StateCurve, a.Curve
		entry.Quality, entry.Seconds = a.Quality, a.Seconds
		if len(a.Signature) > 0 {
			entry.Signature = a.Signature
		}
		return entry, nil
	}
	reason, ok := ReasonOf(err)
	if !ok || errors.Is(err, episode.ErrNotFound) {
		return entry, err
	}
	return Without(ref, reason, err.Error()), nil
}

// Without returns the entry of an episode without a curve.
func Without(ref episode.Ref, reason fit.Reason, detail string) fit.Entry {
	return fit.Entry{Host: string(ref.Host), Episode: string(ref.ID), State: fit.StateReason, Reason: reason, Detail: detail}
}

// ReasonOf returns the reason why an archive gives no curve. If err is not about
// the archive, but about the store or the connection to it, it returns false.
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

// A contextReader reads from r until ctx ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
