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
