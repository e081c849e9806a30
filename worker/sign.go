package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// unsigned are the profiles whose signature is behind their sample, in the order
// in which they got so. It is safe for concurrent use.
type unsigned struct {
	mu       sync.Mutex
	profiles []fit.ProfileName
	more     chan struct{} // has room for one: something was added
}

func newUnsigned() *unsigned { return &unsigned{more: make(chan struct{}, 1)} }

func (u *unsigned) add(p fit.ProfileName) {
	u.mu.Lock()
	defer u.mu.Unlock()
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
	from, err := s.curves.Sampled(p)
	if err != nil {
		return err
	}
	summary := signature.Of(s.deps.Spec, from.Members)
	if err := s.deps.Bus.WriteSignature(ctx, s.gen.ID, p, summary, from, time.Now()); err != nil {
		return s.ifWentBack(ctx, err)
	}
	return nil
}

// compareSignature marks a profile whose stored signature is not that of the
// sample, or not whole.
func (s *session) compareSignature(ctx context.Context, p fit.ProfileName, want fit.Digest) error {
	have, whole, err := s.deps.Bus.ReadSignature(ctx, s.gen.ID, p)
	if err != nil {
		return err
	}
	if !whole || have.Digest != want {
		s.unsigned.add(p)
	}
	return nil
}
