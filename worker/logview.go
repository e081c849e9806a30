package worker

import (
	"context"
	"sync/atomic"

	"github.com/cis490/profiles/bus"
)

// logView is what a session knows of the episode log.
type logView struct {
	// retractedAt has the place of an episode's last retraction, as of the session's
	// start. An accept before it need not be read. It must not be read either: its
	// curve would lower the threshold of a new epoch just as in the epoch before, and
	// the sample would run short again, for ever.
	retractedAt map[bus.EntryID]uint64
	seen        atomic.Uint64 // the highest sequence that is known
}

// readLog reads the log's retractions.
func (s *session) readLog(ctx context.Context) (*logView, error) {
	// Messages after the last retraction are known of, too. The log may be restored from
	// a backup without them and grow beyond that retraction's place.
	_, end, err := s.bus.Incarnations(ctx)
	if err != nil {
		return nil, err
	}
	v := &logView{retractedAt: map[bus.EntryID]uint64{}}
	last, err := s.bus.ReadRetractions(ctx, func(n bus.Notice) error {
		if id, _, err := s.parse(n); err == nil {
			v.retractedAt[id] = n.Seq
		}
		return nil
	})
	v.seen.Store(max(last, end))
	return v, err
}

// noteSeen notes that the log has a message at seq.
func (v *logView) noteSeen(seq uint64) {
	for known := v.seen.Load(); known < seq && !v.seen.CompareAndSwap(known, seq); known = v.seen.Load() {
	}
}
