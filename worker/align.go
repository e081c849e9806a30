package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// aligner is the handler of the align loop.
type aligner struct{ *session }

// A candidate is a message that names a profile of the spec.
type candidate struct {
	profile fit.ProfileName
	rank    fit.Rank
	ref     episode.Ref
}

// errOtherProfile is a message for a profile that the spec does not name.
var errOtherProfile = errors.New("the spec does not name the profile")

func (w *Worker) candidate(n bus.Notice) (candidate, error) {
	ref, err := episode.ParseRef(n.Host, n.Episode)
	if err != nil {
		return candidate{}, &bus.Rejection{Reason: fit.ReasonMalformed, Detail: err.Error()}
	}
	profile, err := fit.ParseProfileName(n.Profile)
	if err != nil {
		return candidate{}, &bus.Rejection{Reason: fit.ReasonMalformed, Detail: err.Error()}
	}
	if _, ok := w.channels[profile]; !ok {
		return candidate{}, errOtherProfile
	}
	return candidate{profile, w.deps.Spec.Rank(n.Host, n.Episode), ref}, nil
}

// Glance settles what needs neither the store nor a write: look before you leap.
func (a *aligner) Glance(n bus.Notice) (done bool, err error) {
	a.hear(n.Seq)
	c, err := a.candidate(n)
	switch {
	case errors.Is(err, errOtherProfile):
		a.count(outcomeOtherProfile)
		return true, nil
	case err != nil:
		return true, err
	case !a.curves.Needed(c.profile, c.rank):
		a.count(outcomeSkipped)
		return true, nil
	case n.Seq < a.retractedAt[c.profile][c.rank]:
		a.count(outcomeTakenBack)
		return true, nil
	}
	if done, err = a.settled(n, a.curves.Seen(c.profile, c.rank)); err != nil {
		return false, nil // Handle rejects: it can ask for the detail
	}
	return done, nil
}

// hear notes that the log has got as far as seq.
func (a *aligner) hear(seq uint64) {
	for known := a.logRead.Load(); known < seq && !a.logRead.CompareAndSwap(known, seq); known = a.logRead.Load() {
	}
}

func (a *aligner) count(outcome string) { a.metrics.episodes.WithLabelValues(outcome).Inc() }

// settled tells whether an entry already holds what the message says, or more.
// A reader may have died between the entry and the copy under REJECTED, so the
// message of an entry with a reason is rejected again.
func (a *aligner) settled(n bus.Notice, have bus.Entry) (bool, error) {
	if !have.Found || have.Seq < n.Seq {
		return false, nil
	}
	if have.Seq == n.Seq && have.State == fit.StateReason {
		return true, rejection(have.Reason, have.Detail)
	}
	a.count(outcomeSeen)
	return true, nil
}

// rejection is what follows from a reason: only an archive that could not be
// read is a rejection. One that was read but gives no curve has its entry.
func rejection(r fit.Reason, detail string) error {
	if r.Rejected() {
		return &bus.Rejection{Reason: r, Detail: detail}
	}
	return nil
}

// Handle writes what the message says into the episode's entry, by
// compare-and-set, never over a later one. The entry comes first, then what
// ends the message.
func (a *aligner) Handle(ctx context.Context, n bus.Notice) error {
	c, err := a.candidate(n)
	if err != nil {
		return err
	}
	var read *fit.Entry // the archive is read once, however often the write is tried
	have := a.curves.Seen(c.profile, c.rank)
	if have.Found && have.Seq == n.Seq && rejection(have.Reason, "") != nil { // of which a view lacks the detail
		if have, err = a.curves.Read(ctx, c.profile, c.rank); err != nil {
			return err
		}
	}
	for {
		if !a.curves.Needed(c.profile, c.rank) { // any more
			a.count(outcomeSkipped)
			return nil
		}
		// A reader may have found the archive where another had not.
		better := read != nil && read.State == fit.StateCurve && have.State == fit.StateReason && have.Seq == n.Seq
		if done, err := a.settled(n, have); done && !better {
			return err
		}
		// An entry's curve does not serve a later accept: the archive may have been
		// replaced, by a retraction between them that comes later.
		if read == nil && !n.Retracted {
			e, err := a.read(ctx, n, c)
			if err != nil {
				return err
			}
			read = &e
		}
		entry, outcome := fit.Entry{Host: n.Host, Episode: n.Episode, State: fit.StateRetracted}, outcomeRetracted
		if read != nil {
			entry, outcome = *read, outcomeCurve
		}
		entry.Seq = n.Seq
		joined, changed := fit.Join(have.Entry, entry)
		if !changed {
			a.count(outcomeSeen)
			return nil
		}
		err := a.curves.Put(ctx, c.profile, c.rank, joined, have.Rev, n.At)
		if err == nil {
			if read != nil && entry.State == fit.StateCurve {
				a.suspect(ctx, c, entry)
			}
			return a.ended(entry, outcome)
		}
		if !errors.Is(err, bus.ErrConflict) {
			return err
		}
		if err := a.curves.Pause(ctx); err != nil {
			return err
		}
		if have, err = a.curves.Read(ctx, c.profile, c.rank); err != nil {
			return err
		}
	}
}

// ended counts an entry that was written and says what becomes of its message.
func (a *aligner) ended(entry fit.Entry, outcome string) error {
	if entry.State != fit.StateReason {
		a.count(outcome)
		return nil
	}
	err := rejection(entry.Reason, entry.Detail)
	if err != nil {
		a.count(outcomeRejected)
	} else {
		a.count(outcomeUnusable)
	}
	return err
}

// read gets the entry from the archive, or asks for another try.
func (a *aligner) read(ctx context.Context, n bus.Notice, c candidate) (fit.Entry, error) {
	if n.Tries >= bus.FatalTries {
		return align.Without(c.ref, fit.ReasonFatal, fmt.Sprintf("%d readers died of the archive", n.Tries)), nil
	}
	began := time.Now()
	a.metrics.opened.Inc()
	entry, err := a.fitter.Entry(ctx, a.deps.Store, c.ref, a.channels[c.profile])
	if err == nil {
		a.metrics.align.Observe(time.Since(began).Seconds())
		return entry, nil
	}
	if ctx.Err() != nil {
		return fit.Entry{}, err
	}
	if !errors.Is(err, episode.ErrNotFound) {
		a.metrics.unanswered.Inc()
		a.deps.Log.Warn("the store does not answer, keep trying", "episode", c.ref, "err", err)
		return fit.Entry{}, patience(n.Again, err, time.Second, time.Minute)
	}
	// Four more tries, the last of them after 15/20 of the patience; none where
	// the waiting of many would keep all others out.
	if later := patience(n.Again, err, a.cfg.Patience/20, a.cfg.Patience/20*8); later.Count <= 4 && !n.Crowded {
		return fit.Entry{}, later
	}
	return align.Without(c.ref, fit.ReasonMissing, "the store has no archive of "+c.ref.String()), nil
}

// patience asks for another try after a time that doubles from first to most
// while tries end for the same kind of reason.
func patience(last *bus.Later, err error, first, most time.Duration) *bus.Later {
	l := &bus.Later{After: first, Count: 1, Err: err}
	if last != nil && errors.Is(last.Err, episode.ErrNotFound) == errors.Is(err, episode.ErrNotFound) {
		l.After, l.Count = min(2*last.After, most), last.Count+1
	}
	return l
}
