package bus

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// SpecsNow returns all generations as they are now. The view stands still: it
// needs no Run, and may not have one.
func (b *Bus) SpecsNow(ctx context.Context) (*Specs, error) {
	view, err := glimpse(ctx, b, SpecsBucket, ">", freshSpecs, b.foldSpec)
	if err != nil {
		return nil, err
	}
	return &Specs{view: view}, nil
}

// CurvesNow returns a generation's sample as it is now. The view stands still:
// it needs no Run, and may not have one.
func (b *Bus) CurvesNow(ctx context.Context, gen Generation) (*Curves, error) {
	c := &Curves{bus: b, gen: gen.ID, spec: &gen.Spec}
	var err error
	if c.view, err = glimpse(ctx, b, CurvesBucket, string(gen.ID)+".>", c.fresh, c.fold); err != nil {
		return nil, err
	}
	return c, nil
}

// glimpse is a view of what a bucket holds now. It takes no consumer, so whoever
// only looks needs no right to make one.
func glimpse[S any](ctx context.Context, b *Bus, bucket, filter string, fresh func() S, apply func(S, jetstream.KeyValueEntry)) (*view[S], error) {
	v := &view[S]{bus: b, bucket: bucket, filter: filter, state: fresh(), moved: make(chan struct{})}
	var err error
	if v.life, _, err = b.life(ctx, bucketStream(bucket)); err != nil {
		return nil, err
	}
	v.seq, err = b.readAll(ctx, bucketStream(bucket), keySubject(bucket, filter), func(msg *jetstream.RawStreamMsg) error {
		apply(v.state, keyed{bucket, msg})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, v.check(ctx)
}

// keyed is a bucket's message as the client would give it to a watcher.
type keyed struct {
	bucket string
	msg    *jetstream.RawStreamMsg
}

func (k keyed) Bucket() string     { return k.bucket }
func (k keyed) Key() string        { return strings.TrimPrefix(k.msg.Subject, keySubject(k.bucket, "")) }
func (k keyed) Value() []byte      { return k.msg.Data }
func (k keyed) Revision() uint64   { return k.msg.Sequence }
func (k keyed) Created() time.Time { return k.msg.Time }
func (k keyed) Delta() uint64      { return 0 }

func (k keyed) Operation() jetstream.KeyValueOp {
	switch {
	case k.msg.Header.Get(operation) == "PURGE":
		return jetstream.KeyValuePurge
	case removes(k.msg.Header):
		return jetstream.KeyValueDelete
	}
	return jetstream.KeyValuePut
}
