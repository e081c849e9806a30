package bus_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

const otherGen = fit.Generation("klmnopqrst")

// fill gives a generation consumers, n entries, n envelopes and a mark.
func fill(t *testing.T, srv *bustest.Server, b *bus.Bus, id fit.Generation, n int) {
	t.Helper()
	register(t, b, generation(id, id, 0, 1))
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: id}, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	put := func(bucket, key string) {
		t.Helper()
		if _, err := bucketOf(t, srv, bucket).Put(t.Context(), string(id)+"."+key, []byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		put(bus.CurvesBucket, "a."+rankOf(byte(i)).String())
		put(bus.EnvelopesBucket, "a")
	}
	put(bus.AttemptsBucket, "7")
}

func TestRemove(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), bustest.Start(t)
	b := srv.Topology()
	fill(t, srv, b, gen, 5)
	fill(t, srv, b, otherGen, 3)
	expect := func(id fit.Generation, consumers int, want bus.Stored, removed bool) {
		t.Helper()
		use, err := b.Usage(ctx, bus.Generation{ID: id})
		if err != nil || use.Consumers != consumers {
			t.Errorf("%s has %d consumers, want %d, %v", id, use.Consumers, consumers, err)
		}
		if h, err := b.Stored(ctx, id); err != nil || h != want {
			t.Errorf("%s has %+v, want %+v, %v", id, h, want, err)
		}
		marks, err := bucketOf(t, srv, bus.AttemptsBucket).ListKeysFiltered(ctx, string(id)+".>")
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for range marks.Keys() {
			left++
		}
		if (left == 0) != removed {
			t.Errorf("%s has %d marks of attempts", id, left)
		}
		if got := specsNow(t, b).Removed(id); got != removed {
			t.Errorf("%s is removed: %t", id, got)
		}
		if all, err := b.GenerationsWithConsumers(ctx); err != nil || slices.Contains(all, id) != (consumers > 0) {
			t.Errorf("%v have consumers, %v", all, err)
		}
	}
	expect(gen, 2, bus.Stored{Entries: 5, Envelopes: 5, Bytes: 100}, false)
	for range 2 {
		if err := b.Remove(ctx, gen); err != nil {
			t.Fatal(err)
		}
		expect(gen, 0, bus.Stored{}, true)
	}
	expect(otherGen, 2, bus.Stored{Entries: 3, Envelopes: 3, Bytes: 60}, false)

	// Every put of the other generation is still to be delivered.
	cons, err := srv.JetStream().Consumer(ctx, "KV_"+bus.CurvesBucket, bus.ReduceConsumer(otherGen))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		msg, _ := one(t, cons)
		if want := fmt.Sprintf("$KV.curves.%s.a.%s", otherGen, rankOf(byte(i))); msg.Subject() != want {
			t.Errorf("got %s, want %s", msg.Subject(), want)
		}
	}
}

func TestUnregister(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), bustest.Start(t)
	b := srv.Topology()
	register(t, b, generation(gen, gen, 0, 1))
	seen, _ := specsNow(t, b).Get(gen)
	if seen.RegisteredAt.IsZero() {
		t.Error("it is not known when it was registered")
	}
	register(t, b, generation(gen, gen, 0, 2)) // meanwhile
	if gone, err := b.Unregister(ctx, seen); gone || err != nil {
		t.Error(gone, err)
	}
	seen, ok := specsNow(t, b).Get(gen)
	if !ok || seen.Spec.Revision != 2 {
		t.Errorf("%+v", seen)
	}
	for _, want := range []bool{true, false} {
		if gone, err := b.Unregister(ctx, seen); gone != want || err != nil {
			t.Error(gone, err)
		}
		if _, ok := specsNow(t, b).Get(gen); ok {
			t.Error("it is still there")
		}
	}
}

// TestPresentAfterRemoval: the id of a removed generation is not used again.
func TestPresentAfterRemoval(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	present := func() bus.Generation {
		t.Helper()
		g, err := b.Present(ctx, specsNow(t, b), smallSpec(), "limits")
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	var ids []fit.Generation
	for epoch := range uint64(4) {
		g := present()
		if g.Epoch != epoch || slices.Contains(ids, g.ID) {
			t.Fatalf("%s at epoch %d after %v", g.ID, g.Epoch, ids)
		}
		ids = append(ids, g.ID)
		register(t, b, g)
		if again := present(); again.ID != g.ID {
			t.Errorf("%s, then %s", g.ID, again.ID)
		}
		if err := b.Remove(ctx, g.ID); err != nil {
			t.Fatal(err)
		}
		if epoch%2 == 0 { // whether or not it stays in specs
			g, _ = specsNow(t, b).Get(g.ID)
			if _, err := b.Unregister(ctx, g); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	if shown, err := events.ShownProfiles(ctx, b); err != nil || len(shown) != 0 {
		t.Errorf("%v, %v", shown, err)
	}
	d := events.NewPublisher(b)
	for name, event := range map[string]any{
		"a":      streamer.AttackProfile{Name: "a", Generation: gen},
		"b":      streamer.AttackProfile{Name: "b", Generation: otherGen},
		"c":      streamer.AttackProfile{Name: "c"}, // of the Python program
		"broken": "no event",
	} {
		if _, err := d.Publish(ctx, events.Subject(events.TypeAttackProfile, name), event, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Publish(ctx, events.Subject(events.TypeModelMetric, "m"), streamer.AttackProfile{Name: "m", Generation: gen}, 0); err != nil {
		t.Fatal(err)
	}
	want := map[fit.Generation][]string{gen: {"a"}, otherGen: {"b"}}
	if shown, err := events.ShownProfiles(ctx, b); err != nil || !reflect.DeepEqual(shown, want) {
		t.Errorf("%v, %v", shown, err)
	}
}

func TestUse(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), bustest.Start(t)
	b := srv.Topology()
	use := func(g bus.Generation) bus.Usage {
		t.Helper()
		u, err := b.Usage(ctx, g)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if u := use(bus.Generation{ID: gen}); u.Consumers != 0 || u.Idle < 24*365*time.Hour {
		t.Errorf("of nothing: %+v", u)
	}
	register(t, b, generation(gen, gen, 0, 1))
	g, _ := specsNow(t, b).Get(gen)
	if u := use(g); u != (bus.Usage{Idle: u.Idle}) || u.Idle > time.Minute {
		t.Errorf("registered: %+v", u)
	}
	g.RegisteredAt = time.Time{} // long ago
	cons := alignConsumer(t, srv, b, time.Minute)
	if u := use(g); u.Consumers != 2 || u.Idle > time.Minute {
		t.Errorf("with consumers: %+v", u)
	}
	publish(t, b, 1)
	msg, _ := one(t, cons)
	if u := use(g); u.Unacked != 1 || u.Waiting != 0 {
		t.Errorf("in work: %+v", u)
	}
	if err := msg.DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
	if u := use(g); u.Unacked != 0 {
		t.Errorf("acknowledged: %+v", u)
	}
}
