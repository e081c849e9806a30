package emit

import (
	"context"
	"iter"

	"github.com/cis490/profiles/bus"
)

// A ledger is the last word of the episode log on each (host, episode, profile):
// those that stand accepted.
type ledger struct {
	accepted map[claim]struct{}
	names    map[string]string // one copy of each host and profile
	seq      uint64            // last sequence of the log that it knows
}

// A claim is that an episode counts for a profile.
type claim struct{ host, episode, profile string }

func claimOf(n bus.Notice) claim { return claim{n.Host, n.Episode, n.Profile} }

// readLedger reads the whole log.
func readLedger(ctx context.Context, b *bus.Bus) (*ledger, error) {
	l := &ledger{accepted: map[claim]struct{}{}, names: map[string]string{}}
	seq, err := b.Log(ctx, func(n bus.Notice) error {
		l.take(n)
		return nil
	})
	l.seq = seq
	return l, err
}

func (l *ledger) take(n bus.Notice) {
	c := claim{l.name(n.Host), n.Episode, l.name(n.Profile)}
	if n.Retracted {
		delete(l.accepted, c)
	} else {
		l.accepted[c] = struct{}{}
	}
}

func (l *ledger) name(s string) string {
	if known, ok := l.names[s]; ok {
		return known
	}
	l.names[s] = s
	return s
}

func (l *ledger) accepts(c claim) bool {
	_, ok := l.accepted[c]
	return ok
}

// all yields the claims that stand, in no order.
func (l *ledger) all() iter.Seq[claim] {
	return func(yield func(claim) bool) {
		for c := range l.accepted {
			if !yield(c) {
				return
			}
		}
	}
}
