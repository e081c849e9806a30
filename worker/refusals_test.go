package worker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// TestRefusedWrites: what a worker may not publish or read is in its log, and keeps nothing else from being done.
func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	srv := bustest.StartWith(t, `
accounts { A { jetstream: enabled, users: [ { user: a, password: a, permissions: { publish: { deny: [
	"episode.rejected.>", "episode.suspect.>", "$JS.API.DIRECT.GET.EPISODES" ] } } } ] } }
no_auth_user: a`)
	f := &fleet{t: t, srv: srv, bus: srv.Topology(), store: recordedStore(t), spec: fit.DefaultSpec(), checkEvery: 300 * time.Millisecond}
	w := f.start()
	accepted := rows(t)
	wrong := slices.IndexFunc(accepted, func(n bus.Notice) bool { return n.Episode == ioWalk })
	accepted[wrong].Profile = "bursty-c2"
	for _, n := range accepted {
		f.send(n)
	}
	f.scores(42, 1)
	if _, err := srv.JetStream().Publish(bustest.Context(t), bus.SubjectAccepted, []byte("no JSON")); err != nil {
		t.Fatal(err)
	}
	f.damage(bus.CurvesBucket)
	for _, said := range []string{"publish a suspect episode", "reject", "make damaged entries anew"} {
		until(t, func() bool {
			return w.log.count(`level=WARN msg="`+said+`"`)+w.log.count(`level=WARN msg=`+said+` `) > 0
		})
	}
	if n := w.log.count("not permitted"); n < 3 {
		t.Errorf("the refusal is in %d lines", n)
	}
}
