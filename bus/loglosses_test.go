package bus_test

import (
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// TestForgedLosses: a note that more of the log was made up for than it lost counts for nothing. Otherwise
// each such note would let every worker read the whole log again.
func TestForgedLosses(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, ctx := srv.Topology(), bustest.Context(t)
	specs := func() *bus.Specs {
		t.Helper()
		all, err := b.ReadSpecs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	gen, err := b.Present(ctx, specs(), fit.DefaultSpec(), nil)
	if err == nil {
		err = b.Register(ctx, gen)
	}
	if err != nil {
		t.Fatal(err)
	}
	losses := func() bus.LogLosses {
		t.Helper()
		all, err := b.LogLosses(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	check := func(note bus.LogLosses, again, lacks bool) {
		t.Helper()
		if err := b.MakeUpFor(ctx, note); err != nil {
			t.Fatal(err)
		}
		all := specs()
		if got, err := all.MustReadAgain(ctx, b, gen); got != again || err != nil {
			t.Errorf("%+v: read the log again: %t, want %t, %v", note, got, again, err)
		}
		if got := all.LogLost(losses()); len(got) > 0 != lacks {
			t.Errorf("%+v: the log lacks %v", note, got)
		}
	}
	forged := losses()
	forged.Lost = 1 << 53
	check(forged, false, false)

	for range 2 {
		if _, err := srv.JetStream().Publish(ctx, bus.SubjectAccepted, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	log, err := srv.JetStream().Stream(ctx, bus.EpisodesStream)
	if err == nil {
		err = log.DeleteMsg(ctx, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	check(forged, false, true)
	check(losses(), true, false)
}
