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

// A claim is that an episode counts for a profile.
type claim struct{ host, episode, profile string }

func claimOf(n bus.Notice) claim { return claim{n.Host, n.Episode, n.Profile} }

// A receiver accepts episodes and takes them back, at random, and knows what was
// acknowledged. It never gives a sending up: what became of one that was not
// acknowledged would not be known.
type receiver struct {
	t    *testing.T
	bus  *bus.Bus
	js   jetstream.JetStream // sends what the project's own client never would
	all  []claim
	work sync.WaitGroup
	stop context.CancelFunc

	mu       sync.Mutex
	idle     *sync.Cond          // a claim is free again
	accepted map[claim]bool      // false: taken back
	busy     map[claim]bool      // a sending is under way
	acked    map[string]struct{} // sendings since the last forget
	sent     int64               // sendings; each has a time of its own
	skew     time.Duration       // of its clock
	total    int                 // sendings that were acknowledged
	backs    map[string]int      // how often episodes were taken back since the last look, by profile
}

func newReceiver(t *testing.T, b *bus.Bus, js jetstream.JetStream, all []claim) *receiver {
	r := &receiver{t: t, bus: b, js: js, all: all, accepted: map[claim]bool{}, busy: map[claim]bool{},
		acked: map[string]struct{}{}, backs: map[string]int{}}
	r.idle = sync.NewCond(&r.mu)
	return r
}

// senders is how many sendings may be under way at once, pace the time between
// two of one sender.
const (
	senders = 4
	pace    = 60 * time.Millisecond
)

// begin sends until end is called; one sending in three is about a fickle claim,
// which is accepted or taken back, whatever it was before. What is sent follows
// from the seed, when it is from the machine.
func (r *receiver) begin(seed uint64, fickle []claim) {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	for i := range senders {
		draw := rand.New(rand.NewPCG(seed, uint64(i)))
		r.work.Go(func() {
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for ctx.Err() == nil {
				if len(fickle) > 0 && draw.IntN(3) == 0 {
					r.send(fickle[draw.IntN(len(fickle))], draw.IntN(2) == 0, draw.IntN(10) == 0)
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

// end returns when all that was begun is acknowledged.
func (r *receiver) end() {
	if r.stop != nil {
		r.stop()
		r.work.Wait()
		r.stop = nil
	}
}

// fewBack is how many episodes of a profile may be taken back at once in the
// normal course of things: no more than a sample has in reserve.
const fewBack = 3

// takesBack draws whether a claim that stands is taken back.
func (r *receiver) takesBack(c claim, draw *rand.Rand) bool {
	if draw.IntN(8) != 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	back := 0
	for other, stands := range r.accepted {
		if other.profile == c.profile && !stands {
			back++
		}
	}
	return back < fewBack
}

// send publishes one sending until it is acknowledged, some of them twice.
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
		r.backs[c.profile]++
	}
}

// key tells sendings apart.
func key(n bus.Notice) string {
	return fmt.Sprintf("%s retracted=%v at %d", n.Key(), n.Retracted, n.At.UnixNano())
}

// unacknowledged is how long a sending may go without an acknowledgement.
const unacknowledged = 100 * time.Second

func (r *receiver) publish(n bus.Notice) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient(unacknowledged))
	defer cancel()
	return ask20(ctx, func(ctx context.Context) error {
		_, err := r.bus.Publish(ctx, n)
		return err
	})
}

// again sends the same without an id, so that the log has it twice. Whether it
// came through doesn't matter.
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

// ask20 is ask with the time that the bus needs for one publish.
func ask20(ctx context.Context, question func(context.Context) error) error {
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

// forget is for when acknowledged messages may be lost with the log.
func (r *receiver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.acked)
}

// standing are the claims that stand, in a fixed order.
func (r *receiver) standing() []claim {
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

// writeValidation writes the file that the receiver would have kept.
func (r *receiver) writeValidation(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := parquet.NewGenericWriter[row](f)
	for _, c := range r.standing() {
		if _, err := w.Write([]row{{c.episode, c.host, c.profile, "accepted"}}); err != nil {
			return err
		}
	}
	return w.Close()
}

// tookBack returns how often episodes of each profile were taken back since the last call.
func (r *receiver) tookBack() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	backs := r.backs
	r.backs = map[string]int{}
	return backs
}

// of returns the claims of a profile that stand, or that don't.
func (r *receiver) of(profile string, stand bool) []claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.all), func(c claim) bool {
		return c.profile != profile || r.accepted[c] != stand
	})
}
