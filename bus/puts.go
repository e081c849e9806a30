package bus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
)

// A Put is one entry that was put into the curves bucket: by itself the request
// to reduce its profile.
type Put struct {
	Profile    fit.ProfileName
	Seq        uint64    // its sequence in the bucket's stream
	AcceptedAt time.Time // of the episode; zero where unknown
	Deliveries uint64
}

// headerAcceptedAt carries the episode's time beside the entry, for measuring.
const headerAcceptedAt = "Accepted-At"

// ConsumePuts hands what is pending on a generation's reduce consumer to reduce,
// at most 256 puts at a time, until ctx ends; it returns nil then. A batch is
// acknowledged when reduce returns nil, else handed back. Any other return says
// why consuming can't go on.
func (b *Bus) ConsumePuts(ctx context.Context, gen fit.Generation, drain time.Duration, reduce func(context.Context, []Put) error) error {
	cons, err := b.js.Consumer(ctx, bucketStream(CurvesBucket), ReduceConsumer(gen))
	if err != nil {
		return fmt.Errorf("open consumer %s: %w", ReduceConsumer(gen), err)
	}
	msgs := make(chan jetstream.Msg, reducePending)
	c, err := consume(cons, reduceBatch, 0, func(msg jetstream.Msg) {
		select {
		case msgs <- msg:
		default: // more than the consumer may hand out: it was changed by somebody
			_ = msg.Nak()
		}
	})
	if err != nil {
		return err
	}
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	context.AfterFunc(ctx, func() { time.AfterFunc(drain, endWork) })
	for err == nil && ctx.Err() == nil {
		select {
		case first := <-msgs:
			b.reduceBatch(work, first, msgs, reduce)
		case err = <-c.failed:
		case <-c.doubt:
			err = c.gone(ctx)
		case <-ctx.Done():
		}
	}
	c.stop()
	for { // the channel stays open: where stop had no connection a callback may still run
		select {
		case msg := <-msgs:
			_ = msg.Nak()
		default:
			return err
		}
	}
}

// reduceBatch takes first and whatever else is there now, but never waits for more.
func (b *Bus) reduceBatch(ctx context.Context, first jetstream.Msg, msgs <-chan jetstream.Msg, reduce func(context.Context, []Put) error) {
	batch := []jetstream.Msg{first}
	for len(batch) < reduceBatch && len(msgs) > 0 {
		batch = append(batch, <-msgs)
	}
	var puts []Put
	for _, msg := range batch {
		if p, ok := parsePut(msg); ok {
			puts = append(puts, p)
		}
	}
	err := reduceSafely(ctx, puts, reduce)
	if err != nil {
		b.log.Warn("reduce", "puts", len(puts), "err", err)
	}
	for _, msg := range batch {
		if err != nil {
			_ = msg.NakWithDelay(reduceRetry)
		} else {
			_ = msg.Ack()
		}
	}
}

// reduceRetry keeps a reduce that fails at once from spinning.
const reduceRetry = 250 * time.Millisecond

func reduceSafely(ctx context.Context, puts []Put, reduce func(context.Context, []Put) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return reduce(ctx, puts)
}

// parsePut reads `$KV.curves.<generation>.<profile>.<rank>`. A key that is not
// of this form is nobody's request.
func parsePut(msg jetstream.Msg) (Put, bool) {
	meta, err := msg.Metadata()
	if err != nil {
		return Put{}, false
	}
	parts := strings.Split(msg.Subject(), ".")
	if len(parts) != 5 {
		return Put{}, false
	}
	at, _ := time.Parse(time.RFC3339Nano, msg.Headers().Get(headerAcceptedAt))
	return Put{Profile: fit.ProfileName(parts[3]), Seq: meta.Sequence.Stream, AcceptedAt: at, Deliveries: meta.NumDelivered}, true
}
