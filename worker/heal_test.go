package worker_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// TestDamage: what another program has written over entries, generations, envelopes and
// signatures heals, while workers run and when they come later.
func TestDamage(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]bool{"while workers run": false, "before a worker starts": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
			first := f.start()
			accepted := rows(t)
			for _, n := range accepted {
				f.send(n)
			}
			f.equal(accepted)
			gen := f.settled()
			if before {
				first.stop()
			}
			for _, bucket := range []string{bus.CurvesBucket, bus.EnvelopesBucket, bus.SignaturesBucket, bus.SpecsBucket} {
				f.damage(bucket)
			}
			second := f.start()
			f.becomes(accepted)
			f.equal(accepted)
			until(t, func() bool { // of episodes of all ranks, also of those without a curve
				curves, err := f.bus.ReadCurves(bustest.Context(t), gen)
				return err == nil && len(curves.Damaged()) == 0
			})
			if now := f.settled(); now.ID != gen.ID {
				t.Errorf("generation %s of epoch %d became %s of epoch %d", gen.ID, gen.Epoch, now.ID, now.Epoch)
			}
			for _, said := range []string{"an entry in bucket curves is not valid", "read an episode again, because its entry is damaged", "ignore an entry in bucket specs"} {
				if first.log.count(said)+second.log.count(said) == 0 {
					t.Errorf("no worker logged %q", said)
				}
			}
		})
	}
}

// damage writes an acknowledgement over every value of a bucket.
func (f *fleet) damage(bucket string) {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	var subjects []string
	if _, err := f.bus.ReadAll(ctx, client.BucketStream(bucket), "$KV."+bucket+".>", func(msg *jetstream.RawStreamMsg) error {
		subjects = append(subjects, msg.Subject)
		return nil
	}); err != nil || len(subjects) == 0 {
		f.t.Fatalf("%d values in %s, %v", len(subjects), bucket, err)
	}
	for _, subject := range subjects {
		if _, err := f.srv.JetStream().Publish(ctx, subject, []byte(`{"stream":"EPISODES","seq":49}`)); err != nil {
			f.t.Fatal(err)
		}
	}
}
