package bus_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// curvesIncarnation puts n keys into the curves bucket and returns its incarnation.
func curvesIncarnation(t *testing.T, srv *bustest.Server, n int) client.Incarnation {
	t.Helper()
	kv := bucketOf(t, srv, bus.CurvesBucket)
	for i := range n {
		if _, err := kv.Put(t.Context(), fmt.Sprint("x.", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	return incarnationOf(t, srv, "KV_"+bus.CurvesBucket)
}

func incarnationOf(t *testing.T, srv *bustest.Server, stream string) client.Incarnation {
	t.Helper()
	s, err := srv.JetStream().Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return client.Incarnation(s.CachedInfo().Created.UTC().Format(time.RFC3339Nano))
}

// flat is an envelope of smallSpec that is x everywhere.
func flat(x float64) fit.Envelope {
	v := []float64{x, x, x, x, x}
	return fit.Envelope{Median: v, P25: v, P75: v, Min: x, Max: x, Used: 1, Attempted: 2, Target: 4, Digest: fit.Digest(fmt.Sprint("digest", x))}
}

func TestWriteEnvelope(t *testing.T) {
	t.Parallel()
	const other = client.Incarnation("2001-02-03T04:05:06Z")
	for name, c := range map[string]struct {
		stored any // client.AsOf, or the bytes that another program wrote; nil: nothing
		ours   client.AsOf
		wrote  bool
		err    error
	}{
		"nothing there":                    {nil, client.AsOf{Seq: 5}, true, nil},
		"nothing there, any stream":        {nil, client.AsOf{Incarnation: other, Seq: 5}, true, nil},
		"earlier there":                    {client.AsOf{Seq: 5}, client.AsOf{Seq: 6}, true, nil},
		"the same there":                   {client.AsOf{Seq: 5}, client.AsOf{Seq: 5}, true, nil},
		"later there":                      {client.AsOf{Seq: 6}, client.AsOf{Seq: 5}, false, nil},
		"the stream's last there":          {client.AsOf{Seq: 10}, client.AsOf{Seq: 5}, false, nil},
		"beyond the stream's last":         {client.AsOf{Seq: 11}, client.AsOf{Seq: 5}, false, client.ErrStreamTruncated},
		"another incarnation, ours is it":  {client.AsOf{Incarnation: other, Seq: 99}, client.AsOf{Seq: 5}, true, nil},
		"another incarnation, ours is not": {client.AsOf{Seq: 5}, client.AsOf{Incarnation: other, Seq: 99}, false, client.ErrStreamReplaced},
		"two other streams":                {client.AsOf{Incarnation: "x", Seq: 5}, client.AsOf{Incarnation: other, Seq: 9}, false, client.ErrStreamReplaced},
		"later there, ours is beyond":      {client.AsOf{Seq: 99}, client.AsOf{Seq: 11}, false, client.ErrStreamTruncated},
		"garbage there":                    {[]byte("garbage"), client.AsOf{Seq: 1}, true, nil},
		"an empty object there":            {[]byte("{}"), client.AsOf{Seq: 1}, true, nil},
		"nothing at all there":             {[]byte{}, client.AsOf{Seq: 1}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			srv := bustest.Start(t)
			b := srv.Topology()
			ctx := bustest.Context(t)
			present := curvesIncarnation(t, srv, 10)
			fill := func(a client.AsOf) client.AsOf {
				if a.Incarnation == "" {
					a.Incarnation = present
				}
				return a
			}
			revision := uint64(0)
			switch stored := c.stored.(type) {
			case client.AsOf:
				if _, err := b.WriteEnvelope(ctx, gen, "a", flat(1), fill(stored), time.Now(), time.Time{}); err != nil {
					t.Fatal(err)
				}
				revision = 1
			case []byte:
				if _, err := bucketOf(t, srv, bus.EnvelopesBucket).Put(ctx, string(gen)+".a", stored); err != nil {
					t.Fatal(err)
				}
				revision = 1
			}
			wrote, err := b.WriteEnvelope(ctx, gen, "a", flat(2), fill(c.ours), time.Now(), time.Time{})
			if wrote != c.wrote || !errors.Is(err, c.err) {
				t.Fatalf("wrote %t, %v", wrote, err)
			}
			have, ok, err := b.ReadEnvelope(ctx, gen, "a")
			if err != nil || !ok {
				t.Fatalf("read: %t, %v", ok, err)
			}
			if c.wrote != (have.Median[0] == 2) || c.wrote != (have.Revision == revision+1) {
				t.Errorf("the bucket has %+v", have)
			}
			if c.wrote && have.AsOf != fill(c.ours) {
				t.Errorf("as of %+v", have.AsOf)
			}
		})
	}
}

// TestWriteEnvelopeOverDeleted: a delete marker does not stay, but its revision counts.
func TestWriteEnvelopeOverDeleted(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, ctx := srv.Topology(), bustest.Context(t)
	incarnation := curvesIncarnation(t, srv, 3)
	if err := bucketOf(t, srv, bus.EnvelopesBucket).Delete(ctx, string(gen)+".a"); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := b.ReadEnvelope(ctx, gen, "a"); ok || err != nil {
		t.Errorf("a deleted envelope: %t, %v", ok, err)
	}
	if wrote, err := b.WriteEnvelope(ctx, gen, "a", flat(1), client.AsOf{Incarnation: incarnation, Seq: 1}, time.Now(), time.Time{}); !wrote || err != nil {
		t.Errorf("wrote %t, %v", wrote, err)
	}
}

// TestWriteEnvelopeByMany: of many writers in any order, the one that has seen most wins.
func TestWriteEnvelopeByMany(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, ctx := srv.Topology(), bustest.Context(t)
	const last = 40
	incarnation := curvesIncarnation(t, srv, last)
	var writers sync.WaitGroup
	for w := range 4 {
		own := srv.Connect()
		writers.Go(func() {
			for i := range last / 4 {
				seq := uint64(i*4 + w + 1)
				if w%2 == 1 { // from the last to the first
					seq = uint64(last - i*4 - w + 1)
				}
				if _, err := own.WriteEnvelope(ctx, gen, "a", flat(float64(seq)), client.AsOf{Incarnation: incarnation, Seq: seq}, time.Now(), time.Time{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	have, _, err := b.ReadEnvelope(ctx, gen, "a")
	if err != nil || have.AsOf.Seq != last || have.Median[0] != last {
		t.Errorf("the last of %d is as of %d, %v", last, have.AsOf.Seq, err)
	}
	// No version is older than the one stored before it.
	history, err := bucketOf(t, srv, bus.EnvelopesBucket).History(ctx, string(gen)+".a")
	if err != nil {
		t.Fatal(err)
	}
	before := uint64(0)
	for _, e := range history {
		env := decode[bus.Envelope](t, e.Value())
		if env.AsOf.Seq < before {
			t.Errorf("as of %d was stored over as of %d", env.AsOf.Seq, before)
		}
		before = env.AsOf.Seq
	}
}

func TestEnvelopesView(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, ctx := srv.Topology(), bustest.Context(t)
	incarnation := curvesIncarnation(t, srv, 9)
	view, err := b.OpenEnvelopes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	follow(t, view.Run)
	moved := view.Changed()
	if _, err := b.WriteEnvelope(ctx, gen, "a", flat(3), client.AsOf{Incarnation: incarnation, Seq: 3}, time.Now(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := wait(ctx, moved); err != nil {
		t.Fatal(err)
	}
	env, ok := view.Get(gen, "a")
	if !ok || env.Median[0] != 3 || env.Revision != 1 || env.Profile != "a" || env.Generation != gen || env.Incarnation != incarnationOf(t, srv, "KV_"+bus.EnvelopesBucket) {
		t.Errorf("%t, %+v", ok, env)
	}
	kv := bucketOf(t, srv, bus.EnvelopesBucket)
	for _, key := range []string{string(gen) + ".b", "nodot"} {
		if _, err := kv.Put(ctx, key, []byte("garbage")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kv.Put(ctx, string(gen)+".a", []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	until(t, "garbage to be ignored", func() bool { _, found := view.Get(gen, "a"); return !found })
	if _, found := view.Get(gen, "b"); found {
		t.Error("garbage is an envelope")
	}
	if err := view.Check(ctx); err != nil {
		t.Error(err)
	}
}
