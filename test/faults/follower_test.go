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

// A follower receives each message that a stream stores, in order, across elections,
// reconnects and incarnations of the stream. It misses messages that are replaced while
// no server answers.
type follower struct {
	js      jetstream.JetStream
	stream  string
	restart func()                            // called before the first message of another incarnation
	take    func(subject string, data []byte) // called by one goroutine at a time, like restart

	mu          sync.Mutex
	incarnation time.Time          // when the stream was made
	seq         uint64             // last sequence that was taken
	end         context.CancelFunc // of the session
}

// follow starts following the stream until the test ends.
func (t *follower) follow(test *testing.T) {
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

// session follows the stream until an error, such as the end of its consumer's server.
func (t *follower) session(ctx context.Context) error {
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

// step takes a message, unless the session has ended.
func (t *follower) step(ctx context.Context, msg jetstream.Msg, seq uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() == nil {
		t.seq = seq
		t.take(msg.Subject(), msg.Data())
	}
}

func (t *follower) begin(incarnation time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.incarnation, t.seq = incarnation, 0
	t.restart()
}

// restored must be called when the stream is restored from a backup, while no server
// runs: the same incarnation then has other messages at the same sequences.
func (t *follower) restored() {
	t.begin(time.Time{})
	t.again()
}

// again ends the session, so that another one begins.
func (t *follower) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end()
}

func (t *follower) follows(incarnation time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.incarnation.Equal(incarnation)
}

func (t *follower) reached() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seq
}

// catchUp waits until everything that the stream has now was taken. If a server's copy
// stops, so does the consumer there: then it makes another.
func (t *follower) catchUp(ctx context.Context) error {
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
			return fmt.Errorf("stream %s could be followed only up to %d of %d: %w", t.stream, t.reached(), info.State.LastSeq, context.Cause(ctx))
		}
	}
}

// leads opens a stream with information from its leader.
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
