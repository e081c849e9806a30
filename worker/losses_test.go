package worker_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// TestLosses: whatever NATS loses, the services notice, and publishing again
// what is accepted rebuilds what the log does not.
func TestLosses(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 4
	for _, c := range []struct {
		name string
		lose func(*fleet)
		emit bool // whether the log is among what is lost
	}{
		{"everything", func(f *fleet) { f.srv.Wipe() }, true},
		{"the log", func(f *fleet) { f.drop(bus.EpisodesStream) }, true},
		{"the curves", func(f *fleet) { f.drop("KV_" + bus.CurvesBucket) }, false},
		{"the envelopes", func(f *fleet) { f.drop("KV_" + bus.EnvelopesBucket) }, false},
		{"the specs", func(f *fleet) { f.drop("KV_" + bus.SpecsBucket) }, false},
		{"nothing but the connection", func(f *fleet) { f.srv.Restart() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, spec, recordedStore(t))
			f.start()
			f.start()
			accepted := rows(t)
			for _, n := range accepted {
				f.send(n)
			}
			f.equal(accepted)
			c.lose(f)
			left := accepted
			if c.emit {
				// Less than before: what is void must not count.
				left = accepted[:len(accepted)/2]
				f.ready()
				for _, n := range left {
					f.send(n)
				}
			}
			f.becomes(left)
		})
	}
}

// drop deletes a stream under everybody.
func (f *fleet) drop(stream string) {
	f.t.Helper()
	if err := f.srv.JetStream().DeleteStream(bustest.Context(f.t), stream); err != nil {
		f.t.Fatal(err)
	}
}

// ready waits until the topology is there again.
func (f *fleet) ready() {
	f.t.Helper()
	until(f.t, func() bool { return f.bus.EnsureTopology(bustest.Context(f.t)) == nil })
}

// TestOldBackup: what comes right after NATS was restored from an older backup is
// settled by views of what is gone, before anybody notices. It must not be lost.
func TestOldBackup(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 4
	f := newFleet(t, spec, recordedStore(t))
	f.start()
	f.start()
	accepted := rows(t)
	known, lost := accepted[:20], accepted[20:26]
	for _, n := range known {
		f.send(n)
	}
	f.equal(known)
	restore := f.srv.BackupAll()
	for _, n := range lost {
		f.send(n)
	}
	f.equal(accepted[:26])
	restore()
	f.bus = f.srv.Connect()                   // before the workers are connected again
	for _, n := range slices.Backward(lost) { // at an earlier place of the log than their entries of what is gone
		f.send(n)
	}
	f.becomes(accepted[:26])
}

// TestRaisedFromLostStreams: a worker that has not noticed that the log was made again
// raises the epoch from there, to one that others have reached in the new log, and
// dies. They must not stay at a generation that is not the latest, nor at its streams.
func TestRaisedFromLostStreams(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	workers := []*running{f.start(), f.start()}
	accepted := rows(t)[:4]
	for _, n := range accepted {
		f.send(n)
	}
	f.equal(accepted)
	here := f.settled()
	for _, life := range []client.Incarnation{"one", "another"} { // whose ids are before and after, as it happens
		lost := here
		lost.Streams.Log = life
		lost.Epoch--
		lost = lost.Next()
		if err := f.bus.Register(bustest.Context(t), lost); err != nil {
			t.Fatal(err)
		}
		until(t, func() bool {
			gen, ok := f.wanted(bustest.Context(t))
			return ok && gen.Streams == here.Streams && gen.Epoch == here.Epoch+1
		})
		f.equal(accepted)
		if gen := f.settled(); gen.Epoch != here.Epoch+1 {
			t.Errorf("one look at lost streams raised the epoch from %d to %d", here.Epoch, gen.Epoch)
		}
		here = f.settled()
	}
	for _, w := range workers {
		if n := w.count(t, "profiles_worker_sessions_total"); n > 3 {
			t.Errorf("%d sessions, want one for each epoch", n)
		}
	}
}

// TestManyMissing: archives that are waited for don't keep others out.
func TestManyMissing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	f.patience = 3 * time.Minute
	f.start()
	began := time.Now()
	err := f.bus.PublishAll(bustest.Context(t), func(yield func(bus.Notice) bool) {
		for i := range 1500 { // more than all workers together may hold
			if !yield(bus.Notice{Host: "h", Episode: fmt.Sprint("absent-", i), Profile: "io-walk", At: time.Unix(0, int64(i))}) {
				return
			}
		}
	}, func(bus.Notice) {})
	if err != nil {
		t.Fatal(err)
	}
	there := rows(t)[0]
	f.send(there)
	until(t, func() bool {
		gen, ok := f.wanted(bustest.Context(t))
		if !ok {
			return false
		}
		env, ok, err := f.bus.ReadEnvelope(bustest.Context(t), gen.ID, fit.ProfileName(there.Profile))
		return err == nil && ok && env.Used == 1
	})
	if took := time.Since(began); took > f.patience/2 {
		t.Errorf("another episode took %s: it had to wait for those that are missing", took)
	}
}
