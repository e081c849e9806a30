package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
)

// A follower is a running feed.
type follower struct {
	t     *testing.T
	feed  *events.Feed
	got   chan events.Stored
	whole chan struct{}
	ended chan error
}

func followFeed(t *testing.T, b *bus.Bus) *follower {
	t.Helper()
	feed, err := events.OpenFeed(bustest.Context(t), b)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, feed)
}

func run(t *testing.T, feed *events.Feed) *follower {
	t.Helper()
	f := &follower{t, feed, make(chan events.Stored, 10_000), make(chan struct{}), make(chan error, 1)}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		f.ended <- feed.Run(ctx, func(p events.Stored) error { f.got <- p; return nil }, func() { close(f.whole) })
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return f
}

func (f *follower) isWhole() {
	f.t.Helper()
	select {
	case <-f.whole:
	case err := <-f.ended:
		f.t.Fatalf("it ended: %v", err)
	case <-bustest.Context(f.t).Done():
		f.t.Fatal("it is not whole")
	}
}

func (f *follower) next() events.Stored {
	f.t.Helper()
	select {
	case p := <-f.got:
		return p
	case <-bustest.Context(f.t).Done():
		f.t.Fatal("nothing came")
	}
	panic("unreachable")
}

func TestFeed(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	js := srv.JetStream()
	empty := followFeed(t, b)
	empty.isWhole()
	for i := range 3000 {
		if _, err := js.PublishAsync(fmt.Sprint("dashboard.a.", i%300), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	f := followFeed(t, b)
	f.isWhole()
	var seqs []uint64
	for range 300 {
		p := f.next()
		if want := fmt.Sprint("dashboard.a.", (p.Seq-1)%300); p.Subject != want || string(p.Data) != fmt.Sprint(p.Seq-1) || p.At.IsZero() {
			t.Errorf("%s at %d: %s", p.Subject, p.Seq, p.Data)
		}
		seqs = append(seqs, p.Seq)
	}
	if !slices.IsSorted(seqs) || seqs[0] != 2701 {
		t.Errorf("%d to %d", seqs[0], seqs[299])
	}
	if err := f.feed.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := js.Publish(t.Context(), "dashboard.b.x", []byte("live")); err != nil {
		t.Fatal(err)
	}
	if p := f.next(); string(p.Data) != "live" || p.Seq != 3001 {
		t.Errorf("%+v", p)
	}
	if err := js.DeleteStream(t.Context(), bus.DashboardStream); err != nil {
		t.Fatal(err)
	}
	if err := f.feed.Check(t.Context()); !errors.Is(err, client.ErrStreamReplaced) {
		t.Errorf("the stream is gone: %v", err)
	}
	if err := b.EnsureTopology(bustest.Context(t)); err != nil {
		t.Fatal(err)
	}
	if err := f.feed.Check(t.Context()); !errors.Is(err, client.ErrStreamReplaced) {
		t.Errorf("the stream was made again: %v", err)
	}
}

// TestFeedOfBusyStream: events that were published while the feed was opened are not the
// end of the first events. While a leader is elected, opening takes seconds.
func TestFeedOfBusyStream(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, js, ctx := srv.Topology(), srv.JetStream(), bustest.Context(t)
	const subjects = 300
	show := func() {
		for i := range subjects {
			if _, err := js.Publish(ctx, fmt.Sprint("dashboard.a.", i), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	show()
	feed, err := events.OpenFeed(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	show()
	f := run(t, feed)
	f.isWhole()
	if n := len(f.got); n != subjects {
		t.Errorf("whole with %d of %d", n, subjects)
	}
}

// TestFeedStalls: a feed that does not move although the stream has more.
func TestFeedStalls(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	feed, err := events.OpenFeed(t.Context(), b) // it does not run
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(feed.Check(t.Context()), feed.Check(t.Context())); err != nil {
		t.Errorf("there is nothing in the stream: %v", err)
	}
	if _, err := srv.JetStream().Publish(t.Context(), "dashboard.b.x", nil); err != nil {
		t.Fatal(err)
	}
	if err := feed.Check(t.Context()); err != nil {
		t.Errorf("it may be on its way: %v", err)
	}
	if err := feed.Check(t.Context()); !errors.Is(err, events.ErrStalled) {
		t.Errorf("%v", err)
	}
}

// TestPublishRaw: the rule of Publish for events as they are posted.
func TestPublishRaw(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	p := events.NewPublisher(b)
	const subject = "dashboard.a.x"
	for i, body := range []string{`{"a": 1}`, `{"a": 1}`, `{"b":2}`} {
		seq, err := p.PublishRaw(t.Context(), subject, []byte(body))
		if seq != uint64(i+1) || err != nil {
			t.Errorf("%s: %d %v", body, seq, err)
		}
		if data, _, err := p.Last(t.Context(), subject); string(data) != body || err != nil {
			t.Errorf("%s %v", data, err)
		}
	}
	now, err := events.Incarnation(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	order := events.Order{Revision: [2]uint64{1, 2}, Incarnation: now}
	if published, err := p.Publish(t.Context(), subject, order, 0); !published || err != nil {
		t.Fatal(published, err)
	}
	for _, body := range []string{
		`{"b":2}`,
		fmt.Sprintf(`{"revision":[1,1],"life":%q}`, now),
		`{"revision":[1,9],"life":"other"}`,
	} {
		var conflict *events.Conflict
		if seq, err := p.PublishRaw(t.Context(), subject, []byte(body)); !errors.As(err, &conflict) || conflict.Reason == "" || seq != 0 {
			t.Errorf("%s: %d %v", body, seq, err)
		}
	}
	if seq, err := p.PublishRaw(t.Context(), subject, fmt.Appendf(nil, `{"revision":[1,3],"life":%q}`, now)); seq != 5 || err != nil {
		t.Errorf("a later one: %d %v", seq, err)
	}
}

// TestPublishRawWithoutLeader: a conflict, and then a leader that does not answer at first.
func TestPublishRawWithoutLeader(t *testing.T) {
	t.Parallel()
	// The test answers in place of the server: direct gets lag, the leader is unavailable twice.
	srv := bustest.StartWith(t, "mappings {\n\"$JS.API.DIRECT.GET.DASHBOARD\": lagging.get\n\"$JS.API.STREAM.MSG.GET.DASHBOARD\": leader.get\n}\n")
	b := srv.Topology()
	nc := srv.JetStream().Conn()
	if _, err := nc.Request("dashboard.a.x", []byte(`{"a":1}`), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	answer := func(subject string, reply func(*nats.Msg)) {
		t.Helper()
		if _, err := nc.Subscribe(subject, reply); err != nil {
			t.Fatal(err)
		}
	}
	answer("lagging.get", func(q *nats.Msg) {
		none := nats.NewMsg(q.Reply)
		none.Header.Set("Status", "404")
		_ = nc.PublishMsg(none)
	})
	asked := 0
	answer("leader.get", func(q *nats.Msg) {
		if asked++; asked <= 2 {
			_ = q.Respond([]byte(`{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`))
			return
		}
		_ = q.Respond([]byte(`{"message":{"subject":"dashboard.a.x","seq":1,"data":"eyJhIjoxfQ==","time":"2026-01-02T03:04:05Z"}}`))
	})
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if seq, err := events.NewPublisher(b).PublishRaw(bustest.Context(t), "dashboard.a.x", []byte(`{"a":2}`)); seq != 2 || err != nil {
		t.Errorf("stored at %d: %v", seq, err)
	}
}
