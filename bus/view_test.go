package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/embedded"
)

// server starts a server and a Bus with its topology. The tests of the views'
// inside can't use bustest, which imports this package.
func server(t *testing.T) *Bus {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Shutdown)
	b, err := Connect(Config{URL: srv.URL()}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.EnsureTopology(limited(t)); err != nil {
		t.Fatal(err)
	}
	return b
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// keys is a view whose state is the values by key.
type keys map[string]string

func keysView(t *testing.T, b *Bus) (*view[keys], *watch[keys]) {
	t.Helper()
	v, w, err := newView(limited(t), b, EnvelopesBucket, ">", func() keys { return keys{} }, func(m keys, e jetstream.KeyValueEntry) {
		m[e.Key()] = string(e.Value())
	})
	if err != nil {
		t.Fatal(err)
	}
	return v, w
}

// TestSnapshotWithNewKeys: while a snapshot comes in, a key is made that it does
// not count, and one that it does is put again. It is whole only with both.
func TestSnapshotWithNewKeys(t *testing.T) {
	t.Parallel()
	const many = 3000
	b := server(t)
	kv, err := b.js.KeyValue(limited(t), EnvelopesBucket)
	if err != nil {
		t.Fatal(err)
	}
	value := strings.Repeat("x", 8<<10) // the server holds most of them back until the first ones are read
	for i := range many {
		if _, err := kv.PutString(limited(t), fmt.Sprint("k", i), value); err != nil {
			t.Fatal(err)
		}
	}
	last := fmt.Sprint("k", many-1)
	first := sync.OnceFunc(func() {
		put(t, b, "new", "new")
		put(t, b, last, "again")
	})
	_, w, err := newView(limited(t), b, EnvelopesBucket, ">", func() keys { return keys{} }, func(m keys, e jetstream.KeyValueEntry) {
		first()
		m[e.Key()] = string(e.Value())
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.stop()
	if len(w.state) != many+1 || w.state[last] != "again" || w.state["new"] != "new" {
		t.Errorf("the snapshot has %d keys of %d, and %.9q under the one that was put again", len(w.state), many+1, w.state[last])
	}
}

func (v *view[S]) with(f func(S)) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f(v.state)
}

func runView(t *testing.T, v *view[keys], w *watch[keys]) {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = v.run(ctx, w) })
	t.Cleanup(func() { stop(); running.Wait() })
}

func put(t *testing.T, b *Bus, key, val string) uint64 {
	t.Helper()
	kv, err := b.js.KeyValue(limited(t), EnvelopesBucket)
	if err != nil {
		t.Fatal(err)
	}
	seq, err := kv.Put(limited(t), key, []byte(val))
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func TestViewIsWholeFromTheStart(t *testing.T) {
	t.Parallel()
	b := server(t)
	for i := range 1000 {
		put(t, b, fmt.Sprint("k", i%500), fmt.Sprint(i))
	}
	v, w := keysView(t, b)
	runView(t, v, w)
	v.with(func(m keys) {
		if len(m) != 500 || m["k499"] != "999" {
			t.Errorf("%d keys, k499 is %q", len(m), m["k499"])
		}
	})
}

// TestViewReached: only a sequence that one was handed tells what a view has seen.
func TestViewReached(t *testing.T) {
	t.Parallel()
	b := server(t)
	v, w := keysView(t, b)
	if err := v.reached(t.Context(), 0, 0); err != nil {
		t.Error(err)
	}
	if err := v.reached(t.Context(), 1, 10*time.Millisecond); !errors.Is(err, ErrLagging) {
		t.Errorf("a view that saw nothing: %v", err)
	}
	seq := put(t, b, "a", "1")
	runView(t, v, w)
	if err := v.reached(t.Context(), seq, 10*time.Second); err != nil {
		t.Error(err)
	}
	v.with(func(m keys) {
		if m["a"] != "1" {
			t.Errorf("the view has %v", m)
		}
	})
}

// TestViewSwaps: a new watch takes over and what comes after is in it.
func TestViewSwaps(t *testing.T) {
	t.Parallel()
	b := server(t)
	v, w := keysView(t, b)
	v.again = 20 * time.Millisecond
	runView(t, v, w)
	want := keys{}
	for i := range 300 {
		key := fmt.Sprint("k", i%7)
		want[key] = fmt.Sprint(i)
		seq := put(t, b, key, want[key])
		if err := v.reached(t.Context(), seq, 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	v.with(func(m keys) {
		if !maps.Equal(m, want) {
			t.Errorf("the view has %v, want %v", m, want)
		}
	})
}

// TestViewWatchesAgain: a watch that ends is followed by another.
func TestViewWatchesAgain(t *testing.T) {
	t.Parallel()
	b := server(t)
	v, w := keysView(t, b)
	runView(t, v, w)
	if err := w.keys.Stop(); err != nil {
		t.Fatal(err)
	}
	seq := put(t, b, "a", "1")
	if err := v.reached(t.Context(), seq, 10*time.Second); err != nil {
		t.Error(err)
	}
}

// TestWatcherMissesAnotherLife shows why views have lives: the client's watcher
// survives its stream and then shows nothing of the new one up to its old
// sequence. The view's check tells.
func TestWatcherMissesAnotherLife(t *testing.T) {
	t.Parallel()
	b := server(t)
	for i := range 10 {
		put(t, b, "a", fmt.Sprint(i))
	}
	v, w := keysView(t, b)
	runView(t, v, w)
	if err := v.check(t.Context()); err != nil {
		t.Fatalf("the same life: %v", err)
	}
	stream := bucketStream(EnvelopesBucket)
	if err := b.js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	if err := v.check(t.Context()); !errors.Is(err, ErrNewLife) {
		t.Errorf("the stream is gone: %v", err)
	}
	if err := b.EnsureTopology(limited(t)); err != nil {
		t.Fatal(err)
	}
	put(t, b, "a", "new")
	if err := v.check(t.Context()); !errors.Is(err, ErrNewLife) {
		t.Errorf("the stream was made again: %v", err)
	}
}

// TestOldBackup: a stream of the same creation time that ends before what the
// view has seen was restored from a backup.
func TestOldBackup(t *testing.T) {
	t.Parallel()
	b := server(t)
	put(t, b, "a", "1")
	v, w := keysView(t, b)
	runView(t, v, w)
	v.mu.Lock()
	v.seq = 7
	v.mu.Unlock()
	if err := v.check(t.Context()); !errors.Is(err, ErrNewLife) {
		t.Errorf("the stream ends before the view: %v", err)
	}
}

// TestPurgeSkipsPending shows why no key of a live generation is ever purged: a
// purge may move a durable consumer past messages that it handed out and that
// nobody acknowledged, and these never come again. It mostly does, not always;
// five times not, and the server has become kinder than we assume.
func TestPurgeSkipsPending(t *testing.T) {
	t.Parallel()
	for range 5 {
		came := comesAfterPurge(t)
		if slices.Equal(came, []string{"d", "e", "c"}) { // c is the marker of its purge
			return
		}
		t.Logf("after the purge of c came %v", came)
	}
	t.Error("no purge skipped a and b")
}

// comesAfterPurge gives what a consumer still gets that was handed a, b and c of
// five keys and acknowledged none, when c was purged then.
func comesAfterPurge(t *testing.T) []string {
	b := server(t)
	ctx := limited(t)
	const ackWait = 2 * time.Second // the purge must come before it is over
	cons, err := b.js.CreateConsumer(ctx, bucketStream(EnvelopesBucket), jetstream.ConsumerConfig{
		Durable: "d", AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"a", "b", "c", "d", "e"} {
		put(t, b, k, "x")
	}
	batch, err := cons.Fetch(3)
	if err != nil {
		t.Fatal(err)
	}
	for range batch.Messages() {
	}
	kv, err := b.js.KeyValue(ctx, EnvelopesBucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Purge(ctx, "c"); err != nil {
		t.Fatal(err)
	}
	batch, err = cons.Fetch(10, jetstream.FetchMaxWait(2*ackWait))
	if err != nil {
		t.Fatal(err)
	}
	var came []string
	for msg := range batch.Messages() {
		came = append(came, msg.Subject()[len("$KV."+EnvelopesBucket+"."):])
		_ = msg.Ack()
	}
	return came
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	if got := oneLine("a\r\nb\tc", 100); got != "a  b c" {
		t.Errorf("%q", got)
	}
	if got := oneLine("äöü", 2); got != "ä…" {
		t.Errorf("%q", got)
	}
}

// TestSnapshotOfLostStream: a stream that is lost while the first snapshot is
// read leaves nobody waiting for the rest of it.
func TestSnapshotOfLostStream(t *testing.T) {
	t.Parallel()
	b := server(t)
	value := string(make([]byte, 16<<10))
	for i := range 1000 {
		put(t, b, fmt.Sprint("k", i), value)
	}
	var once sync.Once
	v := &view[keys]{bus: b, bucket: EnvelopesBucket, filter: ">", still: time.Second, fresh: func() keys { return keys{} }}
	v.apply = func(keys, jetstream.KeyValueEntry) {
		once.Do(func() {
			if err := b.js.DeleteStream(limited(t), bucketStream(EnvelopesBucket)); err != nil {
				t.Error(err)
			}
			if err := b.EnsureTopology(limited(t)); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := v.watch(limited(t)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
