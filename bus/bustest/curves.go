package bustest

import (
	"context"
	"sync"
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// Curves registers a spec's generation and follows its curves until end is called.
func Curves(t testing.TB, b *bus.Bus, spec *fit.Spec) (gen bus.Generation, curves *bus.Curves, end func()) {
	t.Helper()
	ctx := Context(t)
	specs, err := b.SpecsNow(ctx)
	if err == nil {
		gen, err = b.Present(ctx, specs, spec, episode.DefaultLimits())
	}
	if err == nil {
		err = b.Register(ctx, gen)
	}
	if err == nil {
		curves, err = b.OpenCurves(ctx, gen.ID, spec)
	}
	if err != nil {
		t.Fatalf("follow the curves of a spec: %v", err)
	}
	following, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = curves.Run(following) })
	return gen, curves, func() { stop(); running.Wait() }
}
