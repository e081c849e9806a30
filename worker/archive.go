package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// readArchive makes an entry of the archive. The error is a *bus.Retry where the
// archive is to be read again later.
func (c *candidate) readArchive(ctx context.Context, attempt bus.Attempt) (fit.Entry, error) {
	s := c.session
	if attempt.Died >= bus.FatalTries {
		return align.Without(c.ref, fit.ReasonFatal, fmt.Sprintf("%d readers died of the archive", attempt.Died)), nil
	}
	tries, repeated := attempt.State.(align.Tries)
	if !repeated {
		tries.Begin(s.witness)
	}
	began := time.Now()
	s.metrics.opened.Inc()
	aligned, err := s.fitter.Aligned(ctx, unhurried{s.store, attempt.Await, repeated}, c.ref, s.channels[c.id.Profile])
	entry, err := align.EntryOf(c.ref, aligned, err)
	switch {
	case err == nil:
		s.metrics.align.Observe(time.Since(began).Seconds())
		if aligned != nil {
			s.witness.Saw(c.ref)
			s.warnChannels(c.ref, aligned.Warnings)
		}
		return entry, nil
	case ctx.Err() != nil:
		return fit.Entry{}, err
	case errors.Is(err, errSlow): // no try: it had too little time
		return fit.Entry{}, &bus.Retry{After: firstPause, Err: err, State: tries}
	}
	if align.FaultOf(err) != align.Missing {
		s.warnUnanswered(c.ref, err)
	}
	if tries.Failed(ctx, s.witness, c.ref, err) {
		return align.GivenUp(c.ref, err), nil
	}
	return fit.Entry{}, &bus.Retry{After: s.pause(tries, err), Err: err, State: tries}
}

// Pauses before an archive is tried again.
const (
	firstPause = time.Second // after the store gave no answer
	maxPause   = time.Minute
)

// pause returns the time until the next try. An archive that is missing or refused is
// tried at once, and after 1, 3, 7 and 15 twentieths of Patience. Others have more time:
// a part of the store may be away.
func (s *session) pause(tries align.Tries, err error) time.Duration {
	switch align.FaultOf(err) {
	case align.Missing:
		return tries.Pause(s.cfg.Patience/20, s.cfg.Patience)
	case align.Refused:
		return tries.Pause(s.cfg.Patience/20, maxPause)
	}
	return tries.Pause(firstPause, maxPause)
}

// firstTime is how long the store may be silent at the first try of an archive. Archives
// that need more time are tried again with all the time that they need, beside the first
// tries of others: a few archives that are slow do not stop those that are not.
const firstTime = 500 * time.Millisecond

// errSlow means that the store was silent for firstTime.
var errSlow = fmt.Errorf("the store was silent for %s at the first try", firstTime)

// unhurried is a store in which other episodes are handled while it opens an archive.
type unhurried struct {
	store    episode.Store
	await    func(func() error) error
	repeated bool // it may take its time
}

// Open implements episode.Store.
func (u unhurried) Open(ctx context.Context, ref episode.Ref) (r io.ReadCloser, err error) {
	if u.repeated {
		err = u.await(func() error { r, err = u.store.Open(ctx, ref); return err })
		return r, err
	}
	h := newHurry(ctx)
	if err := u.await(func() error { r, err = u.store.Open(h.ctx, ref); return err }); err != nil {
		defer h.end()
		return nil, h.because(err)
	}
	h.timer.Stop()
	return &hurriedReader{r, h}, nil
}

// A hurry ends a context when nothing came for firstTime.
type hurry struct {
	ctx   context.Context
	end   func()
	timer *time.Timer
}

func newHurry(ctx context.Context) *hurry {
	ctx, cancel := context.WithCancelCause(ctx)
	h := &hurry{ctx: ctx, timer: time.AfterFunc(firstTime, func() { cancel(errSlow) })}
	h.end = func() { h.timer.Stop(); cancel(nil) }
	return h
}

func (h *hurry) because(err error) error {
	if errors.Is(context.Cause(h.ctx), errSlow) {
		return fmt.Errorf("%w: %w", errSlow, err)
	}
	return err
}

// A hurriedReader is an archive whose reads must not take longer than firstTime.
type hurriedReader struct {
	io.ReadCloser
	hurry *hurry
}

// Read implements io.Reader.
func (r *hurriedReader) Read(p []byte) (int, error) {
	r.hurry.timer.Reset(firstTime)
	n, err := r.ReadCloser.Read(p)
	r.hurry.timer.Stop()
	if err != nil && err != io.EOF {
		err = r.hurry.because(err)
	}
	return n, err
}

// Close implements io.Closer.
func (r *hurriedReader) Close() error {
	defer r.hurry.end()
	return r.ReadCloser.Close()
}
