package worker_test

import (
	"slices"
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// TestLosses: whatever NATS loses, the services notice it. Where the log is lost, publishing
// the accepted episodes again rebuilds everything.
func TestLosses(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 4
	for _, c := range []struct {
		name string
		lose func(*fleet)
		emit bool // the log is lost, too
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
				// Fewer than before: entries of the lost streams must not count.
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

// drop deletes a stream while workers use it.
func (f *fleet) drop(stream string) {
	f.t.Helper()
	if err := f.srv.JetStream().DeleteStream(bustest.Context(f.t), stream); err != nil {
		f.t.Fatal(err)
	}
}

// ready waits until the topology exists again.
func (f *fleet) ready() {
	f.t.Helper()
	until(f.t, func() bool { return f.bus.EnsureTopology(bustest.Context(f.t)) == nil })
}

// TestOldBackup: messages that come right after NATS was restored from an older backup are
// handled with views of the lost end, before any worker notices. They must not be lost.
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
	for _, n := range slices.Backward(lost) { // at earlier sequences than their lost entries have
		f.send(n)
	}
	f.becomes(accepted[:26])
}

// TestRaisedFromLostStreams: a worker that has not noticed that the log was created again
// raises the epoch to one that other workers have reached in the new log, and dies. The
// other workers must end up at the latest generation, and at one of the new streams.
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
	for _, log := range []client.Incarnation{"one", "another"} { // their ids sort before and after
		lost := here
		lost.Streams.Log = log
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
