package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
)

// smallSpec has profiles a and b, a target of 4 and a reserve of 1, and curves
// of 5 points.
func smallSpec() *fit.Spec {
	s := fit.DefaultSpec()
	s.Target = 4
	s.Points = fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: 1, CleanTail: 1}
	s.Profiles = []fit.Profile{
		{Name: "a", Channel: "proc.cpu_user_jiffies", Shape: "shape of a"},
		{Name: "b", Channel: "proc.rss_bytes", Shape: "shape of b"},
	}
	return s
}

// curveEntry is the entry of message seq with a curve of value x; its rank
// rises with x.
func curveEntry(seq uint64, x byte) (fit.Entry, fit.Rank) {
	v := float64(x)
	return fit.Entry{Seq: seq, Host: "h", Episode: fmt.Sprint("e", x), State: fit.StateCurve, Curve: fit.Curve{v, v, v, v, v}}, rankOf(x)
}

func entryID(p fit.ProfileName, r fit.Rank) bus.EntryID { return bus.EntryID{Profile: p, Rank: r} }

// kept is how many entries of a profile a view has.
func kept(t *testing.T, c *bus.Curves, p fit.ProfileName) (n int) {
	t.Helper()
	if err := c.Inspect(p, func(s *fit.Sample, _ client.AsOf) { n = s.Len() }); err != nil {
		t.Fatal(err)
	}
	return n
}

func rankOf(x byte) (r fit.Rank) { r[0] = x; return r }

func curveKey(p fit.ProfileName, r fit.Rank) string { return fmt.Sprintf("%s.%s.%s", gen, p, r) }

func curveSubject(p fit.ProfileName, r fit.Rank) string {
	return "$KV." + bus.CurvesBucket + "." + curveKey(p, r)
}

// followCurves opens a view of gen's curves that runs until the test ends.
func followCurves(t *testing.T, b *bus.Bus) *bus.Curves {
	t.Helper()
	c, err := b.OpenCurves(bustest.Context(t), gen, smallSpec())
	if err != nil {
		t.Fatal(err)
	}
	follow(t, c.Run)
	return c
}

// follow runs a view until the test ends.
func follow(t *testing.T, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

func bucketOf(t *testing.T, srv *bustest.Server, name string) jetstream.KeyValue {
	t.Helper()
	kv, err := srv.JetStream().KeyValue(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func TestCurvesCompareAndSet(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	ctx, c := bustest.Context(t), followCurves(t, b)
	entry, rank := curveEntry(7, 1)
	if have := c.Seen(entryID("a", rank)); have.Found || have.Revision != 0 {
		t.Errorf("before any put: %+v", have)
	}
	if err := bustest.PutEntry(ctx, c, entryID("a", rank), entry, 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	have, err := c.Read(ctx, entryID("a", rank))
	if err != nil || !have.Found || have.Revision != 1 || have.Seq != 7 || have.Curve[0] != 1 {
		t.Fatalf("read %+v, %v", have, err)
	}
	if err := c.Reached(ctx, 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	if seen := c.Seen(entryID("a", rank)); !seen.Found || seen.Revision != 1 || seen.Seq != 7 {
		t.Errorf("seen %+v", seen)
	}
	entry.Seq = 9
	for _, rev := range []uint64{0, 2, 99} {
		if err := bustest.PutEntry(ctx, c, entryID("a", rank), entry, rev, time.Now()); !errors.Is(err, bustest.ErrConflict) {
			t.Errorf("a put against revision %d: %v", rev, err)
		}
	}
	if err := bustest.PutEntry(ctx, c, entryID("a", rank), entry, have.Revision, time.Time{}); err != nil {
		t.Error(err)
	}
	if have, err = c.Read(ctx, entryID("a", rank)); err != nil || have.Revision != 2 || have.Seq != 9 {
		t.Errorf("read %+v, %v", have, err)
	}
	// Read a key that was never written.
	if have, err = c.Read(ctx, entryID("b", rank)); err != nil || have.Found || have.Revision != 0 {
		t.Errorf("read %+v, %v", have, err)
	}
}

// TestCurvesOfOthers: a value that is no valid entry is ignored, but the next put must name
// its revision.
func TestCurvesOfOthers(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	ctx := bustest.Context(t)
	kv := bucketOf(t, srv, bus.CurvesBucket)
	entry, _ := curveEntry(1, 1)
	longer := entry
	longer.Curve = append(fit.Curve{0}, entry.Curve...)
	other, err := fit.EncodeEntry(longer)
	if err != nil {
		t.Fatal(err)
	}
	good, err := fit.EncodeEntry(entry)
	if err != nil {
		t.Fatal(err)
	}
	write := func(key string, value []byte) uint64 {
		t.Helper()
		rev, err := kv.Put(ctx, key, value)
		if err != nil {
			t.Fatal(err)
		}
		return rev
	}
	for i, value := range [][]byte{[]byte("garbage"), {}, []byte("null"), []byte(`{"state":"curve"}`), other} {
		write(curveKey("a", rankOf(byte(10+i))), value)
	}
	write(string(gen)+".a", good)
	write(string(gen)+".a.xyz", good)
	write(string(gen)+".nobody."+rankOf(1).String(), good)
	write(curveKey("a", rankOf(1))+".more", good)
	write("klmnopqrst.a."+rankOf(1).String(), good) // another generation
	deleted := rankOf(20)
	write(curveKey("a", deleted), []byte("x"))
	if err := kv.Delete(ctx, curveKey("a", deleted)); err != nil {
		t.Fatal(err)
	}
	purged := rankOf(21)
	write(curveKey("a", purged), []byte("x"))
	purge := &nats.Msg{Subject: "$KV." + bus.CurvesBucket + "." + curveKey("a", purged), Header: nats.Header{"KV-Operation": {"PURGE"}}}
	if _, err := srv.JetStream().PublishMsg(ctx, purge); err != nil {
		t.Fatal(err)
	}

	c := followCurves(t, b)
	if n := kept(t, c, "a"); n != 0 {
		t.Errorf("%d entries were kept of garbage", n)
	}
	for _, rank := range []fit.Rank{rankOf(10), rankOf(11), rankOf(12), rankOf(13), rankOf(14), deleted, purged} {
		seen := c.Seen(entryID("a", rank))
		read, err := c.Read(ctx, entryID("a", rank))
		if err != nil || seen.Found || read.Found || seen.Revision == 0 || seen.Revision != read.Revision {
			t.Errorf("rank %s: seen %+v, read %+v, %v", rank, seen, read, err)
		}
		if err := bustest.PutEntry(ctx, c, entryID("a", rank), entry, seen.Revision, time.Time{}); err != nil {
			t.Errorf("rank %s, over a value of another program: %v", rank, err)
		}
	}
	until(t, "seven entries", func() bool { return kept(t, c, "a") == 7 })
	for what, n := range map[string]int{"an entry in bucket curves is not valid": 5, "ignore a key in bucket curves": 4} {
		if said := srv.Said.Lines(`level=WARN msg="` + what); len(said) != n {
			t.Errorf("%q was logged %d times", what, len(said))
		}
	}
}

// TestCurvesThreshold: with a target of 4 and a reserve of 1 the fifth lowest
// rank that has or had a curve is the threshold.
func TestCurvesThreshold(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	ctx, c := bustest.Context(t), followCurves(t, b)
	put := func(x byte, retracted bool) {
		t.Helper()
		entry, rank := curveEntry(uint64(x), x)
		have, err := c.Read(ctx, entryID("a", rank))
		if err != nil {
			t.Fatal(err)
		}
		if retracted {
			entry = fit.Entry{Seq: 1000 + uint64(x), Host: "h", Episode: entry.Episode, State: fit.StateRetracted}
		}
		entry, _ = fit.Join(have.Entry, entry)
		if err := bustest.PutEntry(ctx, c, entryID("a", rank), entry, have.Revision, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if have, err = c.Read(ctx, entryID("a", rank)); err != nil {
			t.Fatal(err)
		}
		if err := c.Reached(ctx, have.Revision, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for x := byte(10); x <= 40; x += 10 {
		put(x, false)
	}
	if !c.Needed(entryID("a", rankOf(255))) || !c.Needed(entryID("b", rankOf(255))) || !c.Needed(entryID("nobody", rankOf(255))) {
		t.Error("an episode is not needed though there is no threshold")
	}
	put(50, false)
	if !c.Needed(entryID("a", rankOf(50))) || c.Needed(entryID("a", rankOf(51))) || !c.Needed(entryID("b", rankOf(255))) {
		t.Error("the threshold is not the fifth rank")
	}
	st, err := c.Reduce("a")
	if err != nil || !st.Envelope.Complete || st.Envelope.Used != 4 || st.Short || st.Envelope.Median[0] != 25 {
		t.Fatalf("%+v, %v", st, err)
	}
	if st.AsOf.Seq != 5 || st.AsOf.Incarnation == "" {
		t.Errorf("as of %+v", st.AsOf)
	}
	put(10, true) // within the reserve
	if st, _ = c.Reduce("a"); st.Short || st.Envelope.Used != 4 || st.Envelope.Median[0] != 35 || c.Needed(entryID("a", rankOf(51))) {
		t.Errorf("after one retraction: %+v", st)
	}
	put(20, true)
	if st, _ = c.Reduce("a"); !st.Short || st.AsOf.Seq != 7 {
		t.Errorf("after two retractions: %+v", st)
	}
	if _, err := c.Reduce("nobody"); err == nil {
		t.Error("a standing of no profile")
	}
}

// TestCurvesGrownUnseen: a bucket is restored from a backup and grows beyond its old end
// before it is checked. The loss is found all the same, by the view that goes on and by the
// next one.
func TestCurvesGrownUnseen(t *testing.T) {
	t.Parallel()
	for name, seen := range map[string]func(*testing.T, *bus.Curves, uint64){
		"an entry that the view shows": func(t *testing.T, c *bus.Curves, seq uint64) {
			if err := c.Reached(bustest.Context(t), seq, time.Minute); err != nil {
				t.Fatal(err)
			}
		},
		"an entry that was put and not seen": func(*testing.T, *bus.Curves, uint64) {},
	} {
		t.Run(name, func(t *testing.T) {
			srv := bustest.Start(t)
			b := srv.Topology()
			ctx := bustest.Context(t)
			c, err := b.OpenCurves(ctx, gen, smallSpec())
			if err != nil {
				t.Fatal(err)
			}
			running, stop := context.WithCancel(context.Background())
			var following sync.WaitGroup
			following.Go(func() { _ = c.Run(running) })
			t.Cleanup(func() { stop(); following.Wait() })
			put := func(x byte, entrySeq uint64) {
				e, rank := curveEntry(entrySeq, x)
				if err := bustest.PutEntry(ctx, c, entryID("a", rank), e, 0, time.Time{}); err != nil {
					t.Fatal(err)
				}
			}
			put(1, 1)
			restore := srv.Backup("KV_" + bus.CurvesBucket)
			ready(t, b)
			put(2, 2)
			seen(t, c, 2)
			restore()
			js := srv.JetStream()
			for x := byte(3); x < 10; x++ {
				e, rank := curveEntry(uint64(x), x)
				text, err := fit.EncodeEntry(e)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := js.Publish(ctx, curveSubject("a", rank), text); err != nil {
					t.Fatal(err)
				}
			}
			ready(t, b)
			until(t, "the view to go on", func() bool { return c.Seen(entryID("a", rankOf(9))).Found })
			until(t, "the loss to be found", func() bool { return errors.Is(c.Check(ctx), client.ErrStreamTruncated) })
			stop()
			following.Wait()

			next := followCurves(t, b)
			if err := next.Check(ctx); err != nil {
				t.Fatalf("a view that saw nothing: %v", err)
			}
			next.TakeOver(c)
			if err := next.Check(ctx); !errors.Is(err, client.ErrStreamTruncated) {
				t.Errorf("a view that recalls what the one before it saw: %v", err)
			}
		})
	}
}

// ready waits until the connection is up again.
func ready(t *testing.T, b *bus.Bus) {
	t.Helper()
	if err := b.Ready(bustest.Context(t)); err != nil {
		t.Fatal(err)
	}
}

// TestNameOfProfile: a profile's name may have capitals and underscores; keys, subjects and the view keep them.
func TestNameOfProfile(t *testing.T) {
	t.Parallel()
	const name = fit.ProfileName("T1496_xmrig")
	b := bustest.Start(t).Topology()
	ctx, spec := bustest.Context(t), smallSpec()
	spec.Profiles = append(spec.Profiles, fit.Profile{Name: name, Channel: "proc.minflt"})
	c, err := b.OpenCurves(ctx, gen, spec)
	if err != nil {
		t.Fatal(err)
	}
	follow(t, c.Run)
	entry, rank := curveEntry(7, 1)
	if err := bustest.PutEntry(ctx, c, entryID(name, rank), entry, 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := c.Reached(ctx, 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	r, err := c.Reduce(name)
	if err != nil || r.Envelope.Used != 1 || kept(t, c, "a") != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := b.WriteEnvelope(ctx, gen, name, r.Envelope, r.AsOf, time.Now(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	env, found, err := b.ReadEnvelope(ctx, gen, name)
	if err != nil || !found || env.Profile != name || env.Digest != r.Envelope.Digest || len(env.N) != 5 {
		t.Errorf("%+v, %t, %v", env, found, err)
	}
	if subject := events.Subject(events.TypeAttackProfile, string(name)); subject != "dashboard.attack_profile.T1496_xmrig" {
		t.Errorf("its subject is %s", subject)
	}
}
