package bus

import (
	"context"
	"strings"
	"time"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// A Put is one entry that was put into the curves bucket. It is itself the request
// to reduce its profile.
type Put struct {
	Profile    fit.ProfileName
	Seq        uint64    // its sequence in the bucket's stream
	AcceptedAt time.Time // of the episode; zero where unknown
	Deliveries uint64    // how often it was delivered, this time included
}

// headerAcceptedAt is the header of an entry that has the episode's time, for
// measuring.
const headerAcceptedAt = "Accepted-At"

// reduceRetryDelay keeps a reduce that fails at once from being tried again without
// a pause.
const reduceRetryDelay = 250 * time.Millisecond

// ConsumePuts gives the puts that are pending on a generation's reduce consumer to
// reduce, at most 256 at a time, until ctx ends, and returns nil then. Any other
// error is the reason why it can't go on. A batch is acknowledged when reduce
// returns nil, else handed back. After ctx ends the batch in work has drain to end.
func (b *Bus) ConsumePuts(ctx context.Context, gen fit.Generation, drain time.Duration, reduce func(context.Context, []Put) error) error {
	c := &putConsumer{bus: b, reduce: reduce}
	return client.RunInbox(ctx, b.Client, client.InboxConfig[Put]{
		Stream: client.BucketStream(CurvesBucket), Consumer: ReduceConsumer(gen),
		Handlers: 1, Drain: drain,
		Room: reduceAhead, MaxFetch: reduceAhead, QueueSize: 2 * reduceAhead, FullDelay: func() time.Duration { return reduceRetryDelay },
		Receive: receivePut, Handle: c.handle,
	}, func(in *client.Inbox[Put]) { c.inbox = in })
}

// putConsumer is one running ConsumePuts.
type putConsumer struct {
	bus    *Bus
	reduce func(context.Context, []Put) error
	inbox  *client.Inbox[Put]
}

// handle reduces a put and the puts that are queued behind it. It does not wait
// for more.
func (c *putConsumer) handle(ctx context.Context, first *client.Delivery[Put]) {
	batch := append([]*client.Delivery[Put]{first}, c.inbox.TakeMore(reduceBatch-1)...)
	if c.inbox.Stopping() {
		c.handBack(batch, 0)
		return
	}
	puts := make([]Put, len(batch))
	for i, d := range batch {
		puts[i] = d.Value
	}
	if err := withoutPanic(func() error { return c.reduce(ctx, puts) }); err != nil {
		c.bus.Log().Warn("reduce", logkey.Puts, len(puts), logkey.Err, err)
		c.handBack(batch, reduceRetryDelay)
		return
	}
	for _, d := range batch {
		c.inbox.Ack(d)
	}
}

func (c *putConsumer) handBack(batch []*client.Delivery[Put], delay time.Duration) {
	for _, d := range batch {
		c.inbox.HandBack(d, delay)
	}
}

// receivePut parses the subject $KV.curves.<generation>.<profile>.<rank>. A message
// with a subject of another form needs no work.
func receivePut(d *client.Delivery[Put]) bool {
	parts := strings.Split(d.Msg.Subject(), ".")
	if len(parts) != 5 {
		return false
	}
	d.Value = Put{Profile: fit.ProfileName(parts[3]), Seq: d.Seq, Deliveries: d.Count}
	d.Value.AcceptedAt, _ = time.Parse(time.RFC3339Nano, d.Msg.Headers().Get(headerAcceptedAt))
	return true
}
