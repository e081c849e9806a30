package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// unsigned are the profiles whose signature is behind their envelope. It is safe
// for concurrent use.
type unsigned struct {
	mu       sync.Mutex
	profiles []fit.ProfileName             // to be signed, in the order in which they got so
	since    map[fit.ProfileName]time.Time // of these, those in work and those that failed
	more     chan struct{}                 // has room for one: something was added
}

func newUnsigned() *unsigned {
	return &unsigned{since: map[fit.ProfileName]time.Time{}, more: make(chan struct{}, 1)}
}

// add says that no signature has followed an envelope that was written then.
func (u *unsigned) add(p fit.ProfileName, written time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, behind := u.since[p]; !behind {
		u.since[p] = written
	}
	if slices.Contains(u.profiles, p) {
		return
	}
	u.profiles = append(u.profiles, p)
	select {
	case u.more <- struct{}{}:
	default:
	}
}

func (u *unsigned) take() []fit.ProfileName {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.profiles
	u.profiles = nil
	return taken
}

// followed says that the signature is that of the sample as it was then.
func (u *unsigned) followed(p fit.ProfileName, then time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if slices.Contains(u.profiles, p) {
		u.since[p] = then // it was added again, not before
		return
	}
	delete(u.since, p)
}

// lag is how long a profile's signature has been behind, 0 where it is not.
func (u *unsigned) lag(p fit.ProfileName) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	since, behind := u.since[p]
	if !behind {
		return 0
	}
	return max(0, time.Since(since)) // another machine's clock may be ahead
}

// A signature costs a hundred times an envelope, and must not keep a core from
// those. So the loop waits a moment for what else comes, and rests so many times
// as long as it worked: of a burst there are far fewer signatures than envelopes.
const (
	signingPause = 100 * time.Millisecond
	signingShare = 4
)

// signLoop keeps the signatures up to the sample, behind the envelopes. What it
// leaves undone at its end compare finds.
func (s *session) signLoop(ctx context.Context) error {
	for {
		select {
		case <-s.unsigned.more:
		case <-ctx.Done():
			return nil
		}
		if !rest(ctx, signingPause) {
			return nil
		}
		began := time.Now()
		for _, p := range s.unsigned.take() {
			err := s.sign(ctx, p)
			if endsSession(err) {
				return err
			}
			if err != nil && ctx.Err() == nil {
				s.metrics.signatures.WithLabelValues(outcomeFailed).Inc()
				s.deps.Log.Warn("write a signature", "profile", p, "err", err)
			}
		}
		if !rest(ctx, signingShare*time.Since(began)) {
			return nil
		}
	}
}

// rest waits, and reports whether ctx is still on then.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sign writes a profile's signature as the view has it.
func (s *session) sign(ctx context.Context, p fit.ProfileName) error {
	began := time.Now()
	from, err := s.curves.Sampled(p)
	if err != nil {
		return err
	}
	summary := signature.Of(s.deps.Spec, from.Members)
	written, err := s.deps.Bus.WriteSignature(ctx, s.gen.ID, p, summary, from, time.Now())
	if err != nil {
		return s.ifWentBack(ctx, err)
	}
	s.unsigned.followed(p, began)
	outcome := outcomeLate
	if written {
		outcome = outcomeWritten
		s.metrics.sign.Observe(time.Since(began).Seconds())
	}
	s.metrics.signatures.WithLabelValues(outcome).Inc()
	return nil
}

// compareSignature adds a profile to the unsigned whose stored signature is not that
// of the envelope, or not whole. It reads only what was written since the last time.
func (s *session) compareSignature(ctx context.Context, p fit.ProfileName, envelope bus.Envelope) error {
	began := time.Now()
	mark, err := s.deps.Bus.MarkSignature(ctx, s.gen.ID, p)
	if err != nil {
		return err
	}
	if mark.Digest != envelope.Digest || s.signed[p] != mark {
		have, whole, err := s.deps.Bus.ReadSignature(ctx, s.gen.ID, p)
		if err != nil {
			return err
		}
		if !whole || have.Digest != envelope.Digest {
			s.unsigned.add(p, envelope.UpdatedAt)
			return nil
		}
		s.signed[p] = mark
	}
	s.unsigned.followed(p, began)
	return nil
}
