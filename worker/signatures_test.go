package worker_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// TestSignaturesFallBehind: while the bucket accepts no signature, the lag shows for which
// profile and for how long. It goes back to 0 when the bucket accepts signatures again.
func TestSignaturesFallBehind(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	f.expect() // or the worker would mend the bucket
	w := f.start()
	accepted := rows(t)
	f.send(accepted[0])
	f.equal(accepted[:1])
	lag := func(p string) float64 { return w.gauges(t, "profiles_signature_lag_seconds")[p+" "] }
	until(t, func() bool {
		return len(w.gauges(t, "profiles_signature_lag_seconds")) == len(f.spec.Profiles) && lag(accepted[0].Profile) == 0
	})

	f.limit(bus.SignaturesBucket, 1)
	f.send(accepted[1])
	late, other := accepted[1].Profile, accepted[0].Profile
	if late == other {
		t.Fatal("both rows are of one profile")
	}
	until(t, func() bool { return lag(late) > 2.5 }) // for several checks
	if lag(other) != 0 {
		t.Errorf("%s lags by %v s, and nothing was accepted for it", other, lag(other))
	}
	f.limit(bus.SignaturesBucket, -1)
	f.equal(accepted[:2])
	until(t, func() bool { return lag(late) < 1 }) // 0 when the profiles that the checks added are done, too
	if n := w.count(t, "profiles_signatures_total", "outcome=written"); n < 2 {
		t.Errorf("%d signatures were written", n)
	}
}

// limit sets how many bytes a bucket may hold.
func (f *fleet) limit(bucket string, bytes int64) {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	stream, err := f.srv.JetStream().Stream(ctx, "KV_"+bucket)
	if err != nil {
		f.t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes = bytes
	if _, err := f.srv.JetStream().UpdateStream(ctx, cfg); err != nil {
		f.t.Fatal(err)
	}
}

// TestTroubleWithSignatures: an error with signatures does not keep envelopes from being
// mended. The envelope of the later of two profiles is lost while signatures can't be read.
func TestTroubleWithSignatures(t *testing.T) {
	t.Parallel()
	srv := bustest.StartWith(t, `mappings { "$JS.API.STREAM.MSG.GET.KV_signatures": nobody }`)
	f := &fleet{t: t, srv: srv, bus: srv.Topology(), store: recordedStore(t), spec: fit.DefaultSpec()}
	w := f.start()
	first, last := f.spec.Profiles[0].Name, f.spec.Profiles[len(f.spec.Profiles)-1].Name
	var accepted []bus.Notice
	for _, n := range rows(t) {
		if p := fit.ProfileName(n.Profile); p == first || p == last {
			f.send(n)
			accepted = append(accepted, n)
		}
	}
	f.becomes(accepted)
	gen := f.settled()
	kv, err := srv.JetStream().KeyValue(bustest.Context(t), bus.EnvelopesBucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(bustest.Context(t), string(gen.ID)+"."+string(last)); err != nil {
		t.Fatal(err)
	}
	f.becomes(accepted)
	for _, said := range []string{"measure the models", "write a signature", "compare the envelopes with the view"} {
		until(t, func() bool { return w.log.count(`level=WARN msg="`+said+`"`) > 0 })
	}
}

// TestSignaturesAreReadOnce: while nothing is written, a comparison reads one message of a
// signature. A part that is deleted is mended all the same.
func TestSignaturesAreReadOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	f.start()
	accepted := rows(t)[:1]
	f.send(accepted[0])
	f.equal(accepted)

	nc, err := nats.Connect(f.srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	asked := make(chan *nats.Msg, 1_000)
	const one, many = "$JS.API.STREAM.MSG.GET.KV_" + bus.SignaturesBucket, "$JS.API.DIRECT.GET.KV_" + bus.SignaturesBucket
	for _, subject := range []string{one, many} {
		if _, err := nc.ChanSubscribe(subject, asked); err != nil {
			t.Fatal(err)
		}
	}
	prefix := string(f.settled().ID) + "." + accepted[0].Profile + "."
	ctx := bustest.Context(t)
	for inRow := 0; inRow < 3; { // on a busy machine, the first comparisons may get no answer in time
		select {
		case msg := <-asked:
			switch {
			case msg.Subject == many:
				inRow = 0
			case strings.Contains(string(msg.Data), prefix): // the other requests are for scores
				inRow++
			}
		case <-ctx.Done():
			t.Fatal("no three comparisons in a row were without a read of the whole signature")
		}
	}

	kv, err := f.srv.JetStream().KeyValue(t.Context(), bus.SignaturesBucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), prefix+"channel-3"); err != nil {
		t.Fatal(err)
	}
	f.equal(accepted)
}
