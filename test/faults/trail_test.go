//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A trail hands on what a stream stores, each message as it comes and in order,
// over elections, reconnects and lives of the stream. What is replaced while no
// server answers it misses.
type trail struct {
	js     jetstream.JetStream
	stream string
	fresh  func()                            // what comes next has nothing to do with what came
	take   func(subject string, data []byte) // called by one goroutine at a time, as is fresh

	mu   sync.Mutex
	life time.Time          // when the stream was made
	seq  uint64             // all up to here was taken
	end  context.CancelFunc // of the session
}

// follow begins; it ends with the test.
func (t *trail) follow(test *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() {
		for ctx.Err() == nil {
			session, end := context.WithCancel(ctx)
			t.mu.Lock()
			t.end = end
			t.mu.Unlock()
			_ = t.session(session)
			end()
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	test.Cleanup(func() {
		cancel()
		following.Wait()
	})
}

// session follows until something goes wrong, if only the server that its consumer is at.
func (t *trail) session(ctx context.Context) error {
	asking, asked := context.WithTimeout(ctx, 5*time.Second)
	defer asked()
	s, err := leads(asking, t.js, t.stream)
	if err != nil {
		return err
	}
	if made := s.CachedInfo().Created; !t.follows(made) {
		t.begin(made)
	}
	cons, err := s.CreateConsumer(asking, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: t.reached() + 1,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: 30 * time.Second,
	})
	if err != nil {
		return err
	}
	coming, err := cons.Messages(jetstream.PullHeartbeat(time.Second), jetstream.PullExpiry(10*time.Second))
	if err != nil {
		return err
	}
	defer coming.Stop()
	for n := uint64(1); ; n++ {
		msg, err := coming.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != n {
			return fmt.Errorf("message %d of the consumer comes after %d", meta.Sequence.Consumer, n-1)
		}
		t.step(ctx, msg, meta.Sequence.Stream)
	}
}

// step takes a message, unless its session is over.
func (t *trail) step(ctx context.Context, msg jetstream.Msg, seq uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() == nil {
		t.seq = seq
		t.take(msg.Subject(), msg.Data())
	}
}

func (t *trail) begin(life time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.life, t.seq = life, 0
	t.fresh()
}

// restored says that the stream comes back from a backup: in the same life it has
// other messages at the same places. No server may run meanwhile.
func (t *trail) restored() {
	t.begin(time.Time{})
	t.again()
}

// again ends the session; another begins.
func (t *trail) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end()
}

func (t *trail) follows(life time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.life.Equal(life)
}

func (t *trail) reached() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seq
}

// catchUp waits until all that the stream has now was taken. A server whose copy
// stands still keeps the consumer that it has where it is: then another is made.
func (t *trail) catchUp(ctx context.Context) error {
	for look := 1; ; look++ {
		var info *jetstream.StreamInfo
		if err := ask(ctx, func(ctx context.Context) error {
			s, err := leads(ctx, t.js, t.stream)
			if err == nil {
				info = s.CachedInfo()
			}
			return err
		}); err != nil {
			return fmt.Errorf("the end of %s: %w", t.stream, err)
		}
		if t.follows(info.Created) && (t.reached() >= info.State.LastSeq || info.State.Msgs == 0) {
			return nil
		}
		if look%50 == 0 {
			t.again()
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("what %s stores could not be followed beyond %d of %d: %w", t.stream, t.reached(), info.State.LastSeq, context.Cause(ctx))
		}
	}
}

// leads asks a stream's leader how it stands.
func leads(ctx context.Context, js jetstream.JetStream, stream string) (jetstream.Stream, error) {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	if c := s.CachedInfo().Cluster; c != nil && c.Leader == "" {
		return nil, errors.New("stream " + stream + " has no leader")
	}
	return s, nil
}
