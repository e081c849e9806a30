package worker

import (
	"context"
	"errors"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// alignLoop turns the messages of the log into entries of bucket curves.
func (s *session) alignLoop(ctx context.Context) error {
	opt := bus.EpisodeOptions{
		Concurrency: s.cfg.Concurrency, DrainTime: s.cfg.DrainTime,
		Rejected:    s.countRejected,
		Redelivered: s.metrics.redeliveries.Inc,
	}
	return s.bus.ConsumeEpisodes(ctx, s.gen.ID, opt, s.prepare)
}

// A candidate is a message of the log that is about a profile of the spec. It is
// parsed and ranked once. It implements bus.EpisodeTask.
type candidate struct {
	session *session
	notice  bus.Notice
	id      bus.EntryID
	ref     episode.Ref
}

// prepare makes the task of a message; nil if the message needs neither an archive nor
// a write.
func (s *session) prepare(n bus.Notice) (bus.EpisodeTask, error) {
	s.log.noteSeen(n.Seq)
	id, ref, err := s.parse(n)
	if errors.Is(err, errOtherProfile) {
		s.metrics.count(outcomeOtherProfile)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &candidate{s, n, id, ref}
	if c.Done() {
		return nil, nil
	}
	return c, nil
}

// errOtherProfile means that the spec does not name the profile of a message.
var errOtherProfile = errors.New("the spec does not name the profile")

// parse validates the names in a message. The error is a *bus.Rejection or
// errOtherProfile.
func (s *session) parse(n bus.Notice) (bus.EntryID, episode.Ref, error) {
	ref, err := episode.ParseRef(n.Host, n.Episode)
	if err != nil {
		return bus.EntryID{}, ref, &bus.Rejection{Reason: fit.ReasonMalformed, Detail: err.Error()}
	}
	profile, err := fit.ParseProfileName(n.Profile)
	if err != nil {
		return bus.EntryID{}, ref, &bus.Rejection{Reason: fit.ReasonMalformed, Detail: err.Error()}
	}
	if _, ok := s.channels[profile]; !ok {
		return bus.EntryID{}, ref, errOtherProfile
	}
	return bus.EntryID{Profile: profile, Rank: s.spec.Rank(n.Host, n.Episode)}, ref, nil
}

// Done implements bus.EpisodeTask: the episode cannot be in the sample, or the log
// retracts it later, or its entry already has what the message says.
func (c *candidate) Done() bool {
	s := c.session
	switch {
	case !s.curves.Needed(c.id):
		s.metrics.count(outcomeSkipped)
		return true
	case c.notice.Seq < s.log.retractedAt[c.id]:
		s.metrics.count(outcomeTakenBack)
		return true
	}
	recorded, err := c.recorded(s.curves.Seen(c.id))
	return recorded && err == nil // Run rejects, because it can ask for the detail
}

// recorded reports whether an entry already has what the message says, or something
// later. The error is a *bus.Rejection where the message must be rejected again: a
// worker may have died between the entry and the copy under REJECTED.
func (c *candidate) recorded(have bus.Entry) (bool, error) {
	if !have.Found || have.Seq < c.notice.Seq {
		return false, nil
	}
	if have.Seq == c.notice.Seq && have.State == fit.StateReason {
		return true, rejection(have.Entry)
	}
	c.session.metrics.count(outcomeSeen)
	return true, nil
}

// rejection returns a *bus.Rejection for an entry whose archive could not be read. An
// archive that was read but gives no curve has an entry only.
func rejection(e fit.Entry) error {
	if e.Reason.Rejected() {
		return &bus.Rejection{Reason: e.Reason, Detail: e.Detail}
	}
	return nil
}

// Run implements bus.EpisodeTask: it writes what the message says into the episode's
// entry, unless a later entry is there. The message ends after that.
func (c *candidate) Run(ctx context.Context, attempt bus.Attempt) error {
	s := c.session
	have := s.curves.Seen(c.id)
	if have.Found && have.Seq == c.notice.Seq && have.Reason.Rejected() { // a view does not keep the detail
		var err error
		if have, err = s.curves.Read(ctx, c.id); err != nil {
			return err
		}
	}
	var entry *fit.Entry // the archive is read once, however often the write is tried
	stored, err := s.curves.Update(ctx, c.id, have, c.notice.At, func(have bus.Entry) (*fit.Entry, error) {
		if done, err := c.superseded(have, entry); done {
			return nil, err
		}
		if entry == nil {
			e, err := c.entry(ctx, attempt)
			if err != nil {
				return nil, err
			}
			entry = &e
		}
		joined, changed := fit.Join(have.Entry, *entry)
		if !changed {
			s.metrics.count(outcomeSeen)
			return nil, nil
		}
		return &joined, nil
	})
	if !stored || err != nil {
		return err
	}
	return c.finish(ctx, *entry)
}

// superseded reports whether nothing must be written: the episode is not needed any more,
// or the entry that is there already has what the message says. mine is the entry of this
// worker, nil before the archive was read.
func (c *candidate) superseded(have bus.Entry, mine *fit.Entry) (bool, error) {
	if !c.session.curves.Needed(c.id) {
		c.session.metrics.count(outcomeSkipped)
		return true, nil
	}
	// Another worker may not have found an archive that this one has read.
	better := mine != nil && mine.State == fit.StateCurve && have.State == fit.StateReason && have.Seq == c.notice.Seq
	recorded, err := c.recorded(have)
	return recorded && !better, err
}

// finish counts an entry that was stored. Its error decides how the message ends.
func (c *candidate) finish(ctx context.Context, e fit.Entry) error {
	s := c.session
	err := rejection(e)
	if e.State != fit.StateRetracted {
		s.metrics.countRecording(c.id.Profile, e)
	}
	if e.State == fit.StateReason {
		s.warnReason(c.id.Profile, e)
	}
	switch {
	case e.State == fit.StateRetracted:
		s.metrics.count(outcomeRetracted)
	case e.State == fit.StateCurve:
		s.checkSuspect(ctx, c.id.Profile, e)
		s.metrics.count(outcomeCurve)
	case err != nil:
		s.metrics.count(outcomeRejected)
	default:
		s.metrics.count(outcomeUnusable)
	}
	return err
}

// entry makes the entry of a message. For an accept it always reads the archive: the
// archive may have been replaced since the stored curve was computed, and the
// retraction in between may be delivered only later.
func (c *candidate) entry(ctx context.Context, attempt bus.Attempt) (fit.Entry, error) {
	e := fit.Entry{Host: c.notice.Host, Episode: c.notice.Episode, State: fit.StateRetracted}
	if !c.notice.Retracted {
		var err error
		if e, err = c.readArchive(ctx, attempt); err != nil {
			return e, err
		}
	}
	e.Seq = c.notice.Seq
	return e, nil
}
