//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/parquet-go/parquet-go"

	"github.com/cis490/profiles/bus"
)

// A claim says that an episode belongs to a profile.
type claim struct{ host, episode, profile string }

func claimOf(n bus.Notice) claim { return claim{n.Host, n.Episode, n.Profile} }

// A receiver accepts and retracts random episodes and records what was acknowledged. It
// publishes a message until it is acknowledged, or it would not know whether the log has
// it.
type receiver struct {
	t    *testing.T
	bus  *bus.Bus
	js   jetstream.JetStream // publishes the same message twice, which the project's client never does
	all  []claim
	work sync.WaitGroup
	stop context.CancelFunc

	mu          sync.Mutex
	idle        *sync.Cond          // signalled when a claim is no longer busy
	accepted    map[claim]bool      // false: retracted
	busy        map[claim]bool      // a message about it is being published
	acked       map[string]struct{} // messages since the last forget
	sent        int64               // messages; each has its own time
	skew        time.Duration       // of its clock
	total       int                 // messages that were acknowledged
	retractions map[string]int      // retractions since the last look, by profile
}

func newReceiver(t *testing.T, b *bus.Bus, js jetstream.JetStream, all []claim) *receiver {
	r := &receiver{t: t, bus: b, js: js, all: all, accepted: map[claim]bool{}, busy: map[claim]bool{},
		acked: map[string]struct{}{}, retractions: map[string]int{}}
	r.idle = sync.NewCond(&r.mu)
	return r
}

// senders is the number of concurrent senders, pace the time between two messages of
// one sender.
const (
	senders = 4
	pace    = 60 * time.Millisecond
)

// begin publishes until end is called. One message in three is about a flapping claim,
// which is accepted or retracted whatever its state is. The seed determines the messages,
// but not their times.
func (r *receiver) begin(seed uint64, flapping []claim) {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	for i := range senders {
		draw := rand.New(rand.NewPCG(seed, uint64(i)))
		r.work.Go(func() {
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for ctx.Err() == nil {
				if len(flapping) > 0 && draw.IntN(3) == 0 {
					r.send(flapping[draw.IntN(len(flapping))], draw.IntN(2) == 0, draw.IntN(10) == 0)
				} else {
					c := r.all[draw.IntN(len(r.all))]
					r.send(c, r.takesBack(c, draw), draw.IntN(10) == 0)
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
}

// end returns when every message is acknowledged.
func (r *receiver) end() {
	if r.stop != nil {
		r.stop()
		r.work.Wait()
		r.stop = nil
	}
}

// fewBack is the number of episodes of a profile that may be retracted at once, unless
// they flap: no more than a sample has in reserve.
const fewBack = 3

// takesBack decides at random whether to retract a claim.
func (r *receiver) takesBack(c claim, draw *rand.Rand) bool {
	if draw.IntN(8) != 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	back := 0
	for other, accepted := range r.accepted {
		if other.profile == c.profile && !accepted {
			back++
		}
	}
	return back < fewBack
}

// send publishes a message until it is acknowledged, and once more if twice is true.
func (r *receiver) send(c claim, back, twice bool) {
	r.mu.Lock()
	for r.busy[c] {
		r.idle.Wait()
	}
	r.busy[c] = true
	r.sent++
	n := bus.Notice{Retracted: back, Host: c.host, Episode: c.episode, Profile: c.profile, At: time.Now().Add(r.skew + time.Duration(r.sent))}
	r.mu.Unlock()

	err := r.publish(n)
	if err == nil && twice {
		r.again(n)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, c)
	r.idle.Broadcast()
	if err != nil {
		r.t.Errorf("never acknowledged: %v", err)
		return
	}
	r.accepted[c] = !back
	r.acked[key(n)] = struct{}{}
	r.total++
	if back {
		r.retractions[c.profile]++
	}
}

// key identifies a message.
func key(n bus.Notice) string {
	return fmt.Sprintf("%s retracted=%v at %d", n.Key(), n.Retracted, n.At.UnixNano())
}

// unacknowledged is how long a message may stay without an acknowledgement.
const unacknowledged = 100 * time.Second

func (r *receiver) publish(n bus.Notice) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient(unacknowledged))
	defer cancel()
	return publishUntilStored(ctx, func(ctx context.Context) error {
		_, err := r.bus.Publish(ctx, n)
		return err
	})
}

// again publishes the same message without an id, so that the log has it twice. An error
// does not matter.
func (r *receiver) again(n bus.Notice) {
	subject, word := bus.SubjectAccepted, "accepted_at"
	if n.Retracted {
		subject, word = bus.SubjectRetracted, "retracted_at"
	}
	msg := nats.NewMsg(subject)
	msg.Data = fmt.Appendf(nil, `{"episode_id":%q,"host_id":%q,"profile":%q,%q:%q}`, n.Episode, n.Host, n.Profile, word, n.At.UTC().Format(time.RFC3339Nano))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = r.js.PublishMsg(ctx, msg)
}

// publishUntilStored is ask without its limit for one try: bus.Publish has its own.
func publishUntilStored(ctx context.Context, question func(context.Context) error) error {
	for {
		err := question(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// forget drops the acknowledged messages, since the log was lost.
func (r *receiver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.acked)
}

// acceptedClaims returns the accepted claims in a fixed order.
func (r *receiver) acceptedClaims() []claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []claim
	for _, c := range r.all {
		if r.accepted[c] {
			all = append(all, c)
		}
	}
	return all
}

// row is one of the validation file.
type row struct {
	Episode string `parquet:"episode_id"`
	Host    string `parquet:"host_id"`
	Profile string `parquet:"profile"`
	Status  string `parquet:"status"`
}

// writeValidation writes the validation file of a receiver.
func (r *receiver) writeValidation(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := parquet.NewGenericWriter[row](f)
	for _, c := range r.acceptedClaims() {
		if _, err := w.Write([]row{{c.episode, c.host, c.profile, "accepted"}}); err != nil {
			return err
		}
	}
	return w.Close()
}

// takeRetractions returns the retractions of each profile since the last call.
func (r *receiver) takeRetractions() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	retractions := r.retractions
	r.retractions = map[string]int{}
	return retractions
}

// of returns the claims of a profile that are accepted, or that are not.
func (r *receiver) of(profile string, stand bool) []claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.all), func(c claim) bool {
		return c.profile != profile || r.accepted[c] != stand
	})
}
