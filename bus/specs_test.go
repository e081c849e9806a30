package bus_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

func decode[T any](t *testing.T, data []byte) (x T) {
	t.Helper()
	if err := json.Unmarshal(data, &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// generation returns a generation of smallSpec with a revision.
func generation(id, base fit.Generation, epoch uint64, revision int64) bus.Generation {
	spec := smallSpec()
	spec.Revision = revision
	return bus.Generation{Spec: *spec, Limits: json.RawMessage("{}"), ID: id, Base: base, Epoch: epoch}
}

func register(t *testing.T, b *bus.Bus, generations ...bus.Generation) {
	t.Helper()
	for _, g := range generations {
		if err := b.Register(bustest.Context(t), g); err != nil {
			t.Fatal(err)
		}
	}
}

func specsNow(t *testing.T, b *bus.Bus) *bus.Specs {
	t.Helper()
	s, err := b.ReadSpecs(bustest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMessageBytes: the longest event fits into the estimate, and the estimate is not much
// too large.
func TestMessageBytes(t *testing.T) {
	t.Parallel()
	g := generation(gen, gen, 0, 1)
	g.Spec.Points = fit.DefaultPoints()
	g.Spec.Points.InfectedRunning = 5000
	points := g.Spec.Points.Total()
	random := rand.New(rand.NewPCG(1, 2))
	median, p25, p75 := make([]float64, points), make([]float64, points), make([]float64, points)
	for i := range points { // as doubles of float32s have most digits
		for _, values := range [][]float64{median, p25, p75} {
			values[i] = 1e-3 * random.Float64()
		}
	}
	band := fit.Envelope{Median: median, P25: p25, P75: p75, Min: slices.Min(median), Max: slices.Max(median)}
	event, err := streamer.NewAttackProfile(g, bus.Envelope{Envelope: band, Profile: g.Spec.Profiles[0].Name})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	if need, bound := len(data), g.Spec.MessageBytes(); need > bound || bound > need*3/2 {
		t.Errorf("%d bytes at most, but the event has %d", bound, need)
	}
}

// TestRegisterTooLarge: a spec whose entries may not fit into a message is refused before
// anything is read.
func TestRegisterTooLarge(t *testing.T) {
	t.Parallel()
	srv := bustest.StartWith(t, "max_payload: 32768\n")
	b := srv.Topology()
	large := generation(gen, gen, 0, 1)
	large.Spec.Points = fit.DefaultPoints()
	large.Spec.Points.InfectedRunning = 400
	err := b.Register(bustest.Context(t), large)
	if err == nil || !strings.Contains(err.Error(), "32768: ask for fewer, or raise its max_payload") {
		t.Errorf("%v", err)
	}
	if _, has := specsNow(t, b).Get(gen); has {
		t.Error("it was registered")
	}
	register(t, b, generation(gen, gen, 0, 1))
}

func TestRegister(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	one := generation(gen, gen, 0, 5)
	register(t, b, one, one)
	if g, _ := specsNow(t, b).Get(gen); g.Registered != 1 || g.Spec.Revision != 5 || g.ID != gen {
		t.Errorf("registered twice: %+v", g)
	}
	lower := generation(gen, gen, 0, 4)
	register(t, b, lower)
	if g, _ := specsNow(t, b).Get(gen); g.Registered != 1 || g.Spec.Revision != 5 {
		t.Errorf("a lower revision replaced a higher one: %+v", g)
	}
	higher := generation(gen, gen, 0, 6)
	higher.Spec.Profiles[0].Shape = "in other words"
	register(t, b, higher)
	if g, _ := specsNow(t, b).Get(gen); g.Registered != 2 || g.Spec.Revision != 6 || g.Spec.Profiles[0].Shape != "in other words" {
		t.Errorf("a higher revision did not replace: %+v", g)
	}
	// A value that another program wrote, or a delete marker, is replaced.
	kv := bucketOf(t, srv, bus.SpecsBucket)
	for _, value := range []string{"garbage", "{}", "null", `{"spec": {"revision": 99, "of_a_later_version": 1}}`} {
		if _, err := kv.Put(t.Context(), string(gen), []byte(value)); err != nil {
			t.Fatal(err)
		}
		if _, ok := specsNow(t, b).Get(gen); ok {
			t.Errorf("%q is a generation", value)
		}
		register(t, b, generation(gen, gen, 0, 0))
		if _, ok := specsNow(t, b).Get(gen); !ok {
			t.Errorf("nothing was registered over %q", value)
		}
	}
	if err := kv.Delete(t.Context(), string(gen)); err != nil {
		t.Fatal(err)
	}
	register(t, b, one)
	if g, ok := specsNow(t, b).Get(gen); !ok || g.Spec.Revision != 5 {
		t.Errorf("over a delete marker: %+v", g)
	}
}

// TestSpecsOfOthers: a value that another program wrote is never the wanted generation.
func TestSpecsOfOthers(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	register(t, b, generation(gen, gen, 0, 0))
	valid, err := json.Marshal(generation("", "", 0, 9))
	if err != nil {
		t.Fatal(err)
	}
	kv := bucketOf(t, srv, bus.SpecsBucket)
	for key, value := range map[string]string{"klmnopqrst": "{}", "uvwxyz0123": "garbage", "no-generation": string(valid)} {
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	s := specsNow(t, b)
	if g, ok := s.Wanted(); !ok || g.ID != gen || len(s.All()) != 1 {
		t.Errorf("wanted is %+v of %d", g, len(s.All()))
	}
	if said := srv.Said.Lines(`level=WARN msg="ignore an entry in bucket specs"`); len(said) != 3 {
		t.Errorf("the log has %q", said)
	}
}

// TestWanted: the highest revision is wanted; of two specs of one revision, the one whose
// epoch 0 was registered later; then the latest epoch; and of two generations of one epoch,
// the one that was registered later.
func TestWanted(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	if _, ok := specsNow(t, b).Wanted(); ok {
		t.Error("wanted though nothing is known")
	}
	steps := []struct {
		register bus.Generation
		wanted   fit.Generation
	}{
		{generation("aaaaaaaaaa", "aaaaaaaaaa", 0, 2), "aaaaaaaaaa"},
		{generation("bbbbbbbbbb", "bbbbbbbbbb", 0, 1), "aaaaaaaaaa"},
		{generation("bbbbbbbbb1", "bbbbbbbbbb", 1, 1), "aaaaaaaaaa"},
		{generation("aaaaaaaaa1", "aaaaaaaaaa", 1, 2), "aaaaaaaaa1"},
		{generation("cccccccccc", "cccccccccc", 0, 2), "cccccccccc"},
		{generation("aaaaaaaaa2", "aaaaaaaaaa", 2, 2), "cccccccccc"}, // its base is older
		{generation("ccccccccc1", "cccccccccc", 1, 2), "ccccccccc1"},
		{generation("ccccccccc0", "cccccccccc", 1, 2), "ccccccccc0"}, // of other streams, and raised later
		{generation("ccccccccc2", "cccccccccc", 1, 2), "ccccccccc2"},
		{generation("dddddddddd", "dddddddddd", 0, 3), "dddddddddd"},
		{generation("eeeeeeeee7", "eeeeeeeeee", 7, 3), "eeeeeeeee7"}, // its base was never seen
	}
	for _, step := range steps {
		register(t, b, step.register)
		s := specsNow(t, b)
		if g, ok := s.Wanted(); !ok || g.ID != step.wanted {
			t.Errorf("after %s: wanted is %s, want %s", step.register.ID, g.ID, step.wanted)
		}
		if all := s.All(); all[len(all)-1].ID != step.wanted {
			t.Errorf("after %s: the last of all is %s", step.register.ID, all[len(all)-1].ID)
		}
		wanted, _ := s.Wanted()
		if g, ok := s.Latest(wanted.Base); !ok || g.ID != wanted.ID {
			t.Errorf("after %s: the latest of the wanted spec is %s, wanted is %s", step.register.ID, g.ID, wanted.ID)
		}
	}
	s := specsNow(t, b)
	if g, ok := s.Latest("aaaaaaaaaa"); !ok || g.ID != "aaaaaaaaa2" || g.Epoch != 2 {
		t.Errorf("the latest of a is %+v", g)
	}
	if _, ok := s.Latest("zzzzzzzzzz"); ok {
		t.Error("a latest of nothing")
	}
}

// TestSpecsChanged: the view reports each change.
func TestSpecsChanged(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	s, err := b.OpenSpecs(bustest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	follow(t, s.Run)
	moved := s.Changed()
	register(t, b, generation(gen, gen, 0, 1))
	if err := wait(bustest.Context(t), moved); err != nil {
		t.Fatal(err)
	}
	if g, ok := s.Wanted(); !ok || g.ID != gen {
		t.Errorf("wanted is %+v", g)
	}
}

// TestGenerationOfIncarnation: the id of a generation depends on the incarnations of its
// streams. A worker with views of lost streams would else get messages of the new streams,
// which have the same names, and acknowledge them because they seem older than its entries.
func TestGenerationOfIncarnation(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	present := func() bus.Generation {
		t.Helper()
		b := srv.Topology()
		g, err := b.Present(bustest.Context(t), specsNow(t, b), smallSpec(), struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	first := present()
	if again := present(); again.ID != first.ID || again.Base != first.Base {
		t.Errorf("asked twice: %+v, then %+v", first, again)
	}
	for _, stream := range []string{bus.EpisodesStream, "KV_" + bus.CurvesBucket} {
		if err := srv.JetStream().DeleteStream(bustest.Context(t), stream); err != nil {
			t.Fatal(err)
		}
		later := present()
		if later.ID == first.ID || later.ID == first.Next().ID || later.Base != first.Base || later.Epoch != 0 {
			t.Errorf("%s was made again: %+v, then %+v", stream, first, later)
		}
		first = later
	}
}
