package client

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

// testBucket is the bucket of the tests.
const testBucket = "values"

// startServer starts a server and connects to it. The tests of this package can't use
// bustest, which imports it.
func startServer(t *testing.T) *Client {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Shutdown)
	c, err := Connect(Config{URL: srv.URL()}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	createBucket(t, c)
	return c
}

func createBucket(t *testing.T, c *Client) {
	t.Helper()
	if _, err := c.js.CreateKeyValue(limited(t), jetstream.KeyValueConfig{Bucket: testBucket}); err != nil {
		t.Error(err)
	}
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// keys is a view whose state is the values by key.
type keys map[string]string

func keysFold(apply func(keys, jetstream.KeyValueEntry)) Fold[keys] {
	return Fold[keys]{New: func() keys { return keys{} }, Apply: apply}
}

func openKeys(t *testing.T, c *Client) *View[keys] {
	t.Helper()
	v, err := OpenView(limited(t), c, testBucket, ">", keysFold(func(m keys, e jetstream.KeyValueEntry) {
		m[e.Key()] = string(e.Value())
	}))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSnapshotWithNewKeys: while a snapshot is read, a new key is put, and another
// key is put again. The snapshot is complete only with both.
func TestSnapshotWithNewKeys(t *testing.T) {
	t.Parallel()
	const many = 3000
	c := startServer(t)
	kv, err := c.js.KeyValue(limited(t), testBucket)
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
		put(t, c, "new", "new")
		put(t, c, last, "again")
	})
	v, err := OpenView(limited(t), c, testBucket, ">", keysFold(func(m keys, e jetstream.KeyValueEntry) {
		first()
		m[e.Key()] = string(e.Value())
	}))
	if err != nil {
		t.Fatal(err)
	}
	w := v.first
	defer w.stop()
	if len(w.state) != many+1 || w.state[last] != "again" || w.state["new"] != "new" {
		t.Errorf("the snapshot has %d keys of %d, and %.9q under the one that was put again", len(w.state), many+1, w.state[last])
	}
}

func runView(t *testing.T, v *View[keys]) {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = v.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
}

func put(t *testing.T, c *Client, key, val string) uint64 {
	t.Helper()
	kv, err := c.js.KeyValue(limited(t), testBucket)
	if err != nil {
		t.Fatal(err)
	}
	seq, err := kv.Put(limited(t), key, []byte(val))
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func TestViewIsCompleteFromTheStart(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	for i := range 1000 {
		put(t, c, fmt.Sprint("k", i%500), fmt.Sprint(i))
	}
	v := openKeys(t, c)
	runView(t, v)
	v.Read(func(m keys, _ AsOf) {
		if len(m) != 500 || m["k499"] != "999" {
			t.Errorf("%d keys, k499 is %q", len(m), m["k499"])
		}
	})
}

// TestViewReached: Reached waits for a sequence, or returns ErrLagging.
func TestViewReached(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	v := openKeys(t, c)
	if err := v.Reached(t.Context(), 0, 0); err != nil {
		t.Error(err)
	}
	if err := v.Reached(t.Context(), 1, 10*time.Millisecond); !errors.Is(err, ErrLagging) {
		t.Errorf("a view that saw nothing: %v", err)
	}
	seq := put(t, c, "a", "1")
	runView(t, v)
	if err := v.Reached(t.Context(), seq, 10*time.Second); err != nil {
		t.Error(err)
	}
	v.Read(func(m keys, _ AsOf) {
		if m["a"] != "1" {
			t.Errorf("the view has %v", m)
		}
	})
}

// TestViewSwaps: a second watch takes over, and later puts are in the view.
func TestViewSwaps(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	v := openKeys(t, c)
	v.renewEvery = 20 * time.Millisecond
	runView(t, v)
	want := keys{}
	for i := range 300 {
		key := fmt.Sprint("k", i%7)
		want[key] = fmt.Sprint(i)
		seq := put(t, c, key, want[key])
		if err := v.Reached(t.Context(), seq, 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	v.Read(func(m keys, _ AsOf) {
		if !maps.Equal(m, want) {
			t.Errorf("the view has %v, want %v", m, want)
		}
	})
}

// TestViewWatchesAgain: a watch that ends is followed by another.
func TestViewWatchesAgain(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	said := make(logLines, 100)
	c.log = slog.New(slog.NewTextHandler(said, nil))
	v := openKeys(t, c)
	w := v.first
	runView(t, v)
	if err := w.keys.Stop(); err != nil {
		t.Fatal(err)
	}
	seq := put(t, c, "a", "1")
	if err := v.Reached(t.Context(), seq, 10*time.Second); err != nil {
		t.Error(err)
	}
	if line := <-said; !strings.Contains(line, `level=WARN msg="a watch ended, watching again" bucket=`+testBucket) {
		t.Errorf("the log has %q", line)
	}
}

// logLines gets the lines of a log.
type logLines chan string

func (l logLines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// TestWatcherMissesReplacedStream shows why views check the stream's incarnation: a
// watcher of the NATS library outlives its stream, and shows nothing of the new one
// up to its old sequence. Check finds that.
func TestWatcherMissesReplacedStream(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	for i := range 10 {
		put(t, c, "a", fmt.Sprint(i))
	}
	v := openKeys(t, c)
	runView(t, v)
	if err := v.Check(t.Context()); err != nil {
		t.Fatalf("the same stream: %v", err)
	}
	stream := BucketStream(testBucket)
	if err := c.js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	if err := v.Check(t.Context()); !errors.Is(err, ErrStreamReplaced) {
		t.Errorf("the stream is gone: %v", err)
	}
	createBucket(t, c)
	put(t, c, "a", "new")
	if err := v.Check(t.Context()); !errors.Is(err, ErrStreamReplaced) {
		t.Errorf("the stream was created again: %v", err)
	}
}

// TestOldBackup: a stream with the same creation time that ends before a sequence
// that the view has seen was restored from a backup.
func TestOldBackup(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	put(t, c, "a", "1")
	v := openKeys(t, c)
	runView(t, v)
	v.mu.Lock()
	v.seq = 7
	v.mu.Unlock()
	if err := v.Check(t.Context()); !errors.Is(err, ErrStreamReplaced) {
		t.Errorf("the stream ends before the view: %v", err)
	}
}

// TestPurgeSkipsPending shows why no key of a generation is purged while it has
// consumers: a purge may move a durable consumer past messages that it delivered and
// that are not acknowledged, and they never come again. It does so nearly always. If
// it does not five times, the server has changed.
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

// comesAfterPurge returns the keys that a consumer gets after a purge of c. Before
// that it was delivered a, b and c of five keys and acknowledged none.
func comesAfterPurge(t *testing.T) []string {
	c := startServer(t)
	ctx := limited(t)
	const ackWait = 2 * time.Second // the purge must come before it ends
	cons, err := c.js.CreateConsumer(ctx, BucketStream(testBucket), jetstream.ConsumerConfig{
		Durable: "d", AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"a", "b", "c", "d", "e"} {
		put(t, c, k, "x")
	}
	batch, err := cons.Fetch(3)
	if err != nil {
		t.Fatal(err)
	}
	for range batch.Messages() {
	}
	kv, err := c.js.KeyValue(ctx, testBucket)
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
		came = append(came, msg.Subject()[len("$KV."+testBucket+"."):])
		_ = msg.Ack()
	}
	return came
}

// TestSnapshotOfLostStream: when a stream is deleted while the first snapshot is
// read, the watch ends with an error and does not wait for the rest.
func TestSnapshotOfLostStream(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	value := string(make([]byte, 16<<10))
	for i := range 1000 {
		put(t, c, fmt.Sprint("k", i), value)
	}
	var once sync.Once
	v := &View[keys]{client: c, bucket: testBucket, filter: ">", stallLimit: time.Second}
	v.fold = keysFold(func(keys, jetstream.KeyValueEntry) {
		once.Do(func() {
			if err := c.js.DeleteStream(limited(t), BucketStream(testBucket)); err != nil {
				t.Error(err)
			}
			createBucket(t, c)
		})
	})
	if _, err := v.watch(limited(t)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
