package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/otherclock"
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/signature"
)

// staleSignatures are the profiles whose signature is older than their envelope. It
// is safe for concurrent use.
type staleSignatures struct {
	mu    sync.Mutex
	queue []fit.ProfileName             // to be computed, in the order in which they were added
	since map[fit.ProfileName]time.Time // since when each is stale, also while it is computed or after that failed
	added chan struct{}                 // gets a value when a profile is added, even if it is in the queue
	// complete has the versions of signatures that compareSignature has found complete.
	// Only that uses it.
	complete map[fit.ProfileName]signatures.Version
}

func newStaleSignatures() *staleSignatures {
	return &staleSignatures{
		since: map[fit.ProfileName]time.Time{}, added: make(chan struct{}, 1),
		complete: map[fit.ProfileName]signatures.Version{},
	}
}

// add notes that no signature has followed an envelope that was written at a time.
func (st *staleSignatures) add(p fit.ProfileName, written time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if _, stale := st.since[p]; !stale {
		st.since[p] = written
	}
	if !slices.Contains(st.queue, p) {
		st.queue = append(st.queue, p)
	}
	select {
	case st.added <- struct{}{}:
	default:
	}
}

// take empties the queue and returns the profiles that were in it.
func (st *staleSignatures) take() []fit.ProfileName {
	st.mu.Lock()
	defer st.mu.Unlock()
	taken := st.queue
	st.queue = nil
	return taken
}

// remove notes that the signature is that of the sample as it was at a time.
func (st *staleSignatures) remove(p fit.ProfileName, then time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if slices.Contains(st.queue, p) {
		st.since[p] = then // it was added again after that time
		return
	}
	delete(st.since, p)
}

// lag is how long a profile's signature has been stale, 0 where it is not. The time may come
// from another worker's clock.
func (st *staleSignatures) lag(p fit.ProfileName, clock *otherclock.Clock) time.Duration {
	st.mu.Lock()
	defer st.mu.Unlock()
	since, stale := st.since[p]
	if !stale {
		return 0
	}
	return clock.Since(since)
}

// A signature costs a hundred times as much as an envelope and must not keep a core
// from envelopes. So the loop waits until no envelope has changed for signatureQuiet, at most
// for signaturePatience, and rests four times as long as it worked: after a burst of puts it
// writes far fewer signatures than there are envelopes. It rests for signatureMaxRest at most:
// where NATS was slow, most of the work was waiting.
const (
	signatureQuiet     = 100 * time.Millisecond
	signaturePatience  = 2 * time.Second
	signatureRestRatio = 4
	signatureMaxRest   = 10 * time.Second
)

// signatureLoop computes the signatures of samples that changed. compare finds the
// signatures that are still stale when it ends.
func (s *session) signatureLoop(ctx context.Context) error {
	for {
		select {
		case <-s.stale.added:
		case <-ctx.Done():
			return nil
		}
		if wait.ForQuiet(ctx, s.stale.added, signatureQuiet, signaturePatience) != nil {
			return nil
		}
		began := time.Now()
		if err := s.writeSignatures(ctx, s.stale.take()); err != nil {
			return err
		}
		if wait.For(ctx, min(signatureRestRatio*time.Since(began), signatureMaxRest)) != nil {
			return nil
		}
	}
}

// writeSignatures writes the signatures of some profiles. It returns an error only
// where the session must end.
func (s *session) writeSignatures(ctx context.Context, profiles []fit.ProfileName) error {
	for _, p := range profiles {
		err := s.writeSignature(ctx, p)
		if endsSession(err) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			s.metrics.signatures.WithLabelValues(outcomeFailed).Inc()
			s.logger.Warn("write a signature", logkey.Profile, p, logkey.Err, err)
		}
	}
	return nil
}

// members are those of a profile's sample, at one place in the curves stream.
type members struct {
	all      []signature.Member // by rank; shared, must not be changed
	digest   fit.Digest
	accepted float64 // usable episodes that were accepted, as the sample estimates
	asOf     client.AsOf
}

func (s *session) members(p fit.ProfileName) (m members, err error) {
	err = s.curves.Inspect(p, func(sample *fit.Sample, at client.AsOf) {
		m = members{signature.MembersOf(sample), sample.Digest(), sample.Accepted(), at}
	})
	return m, err
}

// writeSignature writes a profile's signature as the view has it.
func (s *session) writeSignature(ctx context.Context, p fit.ProfileName) error {
	began := time.Now()
	m, err := s.members(p)
	if err != nil {
		return err
	}
	stamp := signatures.Stamp{Digest: m.digest, AsOf: m.asOf, UpdatedAt: time.Now().UTC()}
	written, err := signatures.Write(ctx, s.bus, s.gen.ID, p, signature.Of(s.spec, m.all), m.accepted, stamp)
	if err != nil {
		return s.raiseIfTruncated(ctx, err)
	}
	s.stale.remove(p, began)
	outcome := outcomeLate
	if written {
		outcome = outcomeWritten
		s.metrics.signatureTime.Observe(time.Since(began).Seconds())
	}
	s.metrics.signatures.WithLabelValues(outcome).Inc()
	return nil
}

// compareSignature notes a profile as stale if its stored signature is not that of the
// envelope, or not complete. It reads the signature only if that was written since the
// last call.
func (s *session) compareSignature(ctx context.Context, p fit.ProfileName, envelope bus.Envelope) error {
	began := time.Now()
	version, err := signatures.ReadVersion(ctx, s.bus, s.gen.ID, p)
	if err != nil {
		return err
	}
	if version.Digest != envelope.Digest || s.stale.complete[p] != version {
		have, complete, err := signatures.Read(ctx, s.bus, s.gen.ID, p)
		if err != nil {
			return err
		}
		if !complete || have.Digest != envelope.Digest {
			s.stale.add(p, envelope.UpdatedAt)
			return nil
		}
		s.stale.complete[p] = version
	}
	s.stale.remove(p, began)
	return nil
}
