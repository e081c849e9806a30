package worker_test

import (
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// TestSignaturesFallBehind: while the bucket takes no signature, the lag says of
// which profile for how long, and it is gone when the bucket does again.
func TestSignaturesFallBehind(t *testing.T) {
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
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
	until(t, func() bool { return lag(late) > 2.5 }) // over several checks
	if lag(other) != 0 {
		t.Errorf("%s lags by %v s, and nothing was accepted for it", other, lag(other))
	}
	f.limit(bus.SignaturesBucket, -1)
	f.equal(accepted[:2])
	until(t, func() bool { return lag(late) < 1 }) // 0 when what the checks added is done, too
	if n := w.count(t, "profiles_signatures_total", "outcome=written"); n < 2 {
		t.Errorf("%d signatures were written", n)
	}
}

// limit sets how many bytes a bucket may hold, a setting that workers leave alone.
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

// TestTroubleWithSignatures keeps no envelope from being mended: of two profiles
// the later one's envelope is lost while nobody can read signatures.
func TestTroubleWithSignatures(t *testing.T) {
	srv := bustest.StartWith(t, `mappings { "$JS.API.STREAM.MSG.GET.KV_signatures": nobody }`)
	f := &fleet{t: t, srv: srv, bus: srv.Topology(), store: recordedStore(t), spec: fit.DefaultSpec()}
	f.start()
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
	if err := kv.Purge(bustest.Context(t), string(gen.ID)+"."+string(last)); err != nil {
		t.Fatal(err)
	}
	f.becomes(accepted)
}
