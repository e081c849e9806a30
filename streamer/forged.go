package streamer

import (
	"context"
	"errors"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/internal/logkey"
)

// catchUpLimit is how long a check of an event's order waits for the views.
const catchUpLimit = 500 * time.Millisecond

// held returns the function that decides whether an event of a subject, which is later than
// the one that this streamer would publish, may stay. highest returns the highest sequence
// that an event of a generation can have in its order; nil means that no event of the subject
// has an order.
//
// The views must have seen the ends of their buckets as they are after the event was read:
// another streamer may be ahead. So the function is used in each cycle only, not whenever a
// view changes.
func (s *session) held(subject string, highest func(bus.Generation) uint64) events.Held {
	return func(ctx context.Context, have events.Order) (bool, error) {
		if highest != nil {
			err := s.catchUp(ctx)
			if errors.Is(err, client.ErrLagging) {
				return true, nil // the next cycle asks again
			}
			if err != nil || s.isHeld(have, highest) {
				return true, err
			}
		}
		s.forged.Inc()
		s.log.Warn("replace an event whose order is beyond everything that is stored: no streamer published it", logkey.Subject, subject)
		return false, nil
	}
}

func (s *session) isHeld(have events.Order, highest func(bus.Generation) uint64) bool {
	for _, g := range s.specs.All() {
		if uint64(g.Spec.Revision) == have.Revision[0] && g.Turn == have.Turn && g.Epoch == have.Epoch {
			return have.Revision[1] <= highest(g)
		}
	}
	return false
}

// catchUp waits until the views have seen the present ends of their buckets.
func (s *session) catchUp(ctx context.Context) error {
	for bucket, reached := range map[string]func(context.Context, uint64, time.Duration) error{
		bus.SpecsBucket: s.specs.Reached, bus.EnvelopesBucket: s.envelopes.Reached, bus.SignaturesBucket: s.signatures.Reached,
	} {
		end, err := s.bus.End(ctx, client.BucketStream(bucket))
		if err != nil {
			return err
		}
		if err := reached(ctx, end.Seq, catchUpLimit); err != nil {
			return err
		}
	}
	return nil
}
