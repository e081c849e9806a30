package bus

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// A watched entry is a key of the curves bucket as a watcher gives it.
type watched struct {
	foreign
	rev uint64
}

func (e watched) Revision() uint64 { return e.rev }

// heap returns the bytes in use once all garbage is collected.
func heap() int64 {
	runtime.GC()
	runtime.GC() // for what became garbage in the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// offlineCurves has no server.
func offlineCurves(t *testing.T) *Curves {
	t.Helper()
	c := &Curves{bus: offlineBus(t), gen: "abcdefghij", spec: fit.DefaultSpec()}
	c.view = client.FixedView(c.fold())
	return c
}

// state returns the state of the view, for tests with one goroutine.
func state(c *Curves) (s *curvesState) {
	c.view.Read(func(have *curvesState, _ client.AsOf) { s = have })
	return s
}

// replaceState makes fresh the state of the view.
func replaceState(c *Curves, fresh *curvesState) {
	c.view.Modify(func(s *curvesState, _ client.AsOf) { *s = *fresh })
}

// uselessEntry is an entry without a curve; one in ten is retracted.
func uselessEntry(c *Curves, i int) (EntryID, fit.Entry) {
	e := fit.Entry{Seq: uint64(i + 1), Host: fmt.Sprintf("lab-%02d", i%50), Episode: fmt.Sprintf("ep-20260101t000000-%06d", i), State: fit.StateRetracted}
	if i%10 > 0 {
		e.State, e.Reason, e.Detail = fit.StateReason, "no_channel", strings.Repeat("no such channel ", 13)[:200]
	}
	return EntryID{c.spec.Profiles[0].Name, c.spec.Rank(e.Host, e.Episode)}, e
}

// foldUseless applies the first n entries to s, each at revision i+1.
func foldUseless(t *testing.T, c *Curves, s *curvesState, n int) {
	t.Helper()
	for i := range n {
		id, e := uselessEntry(c, i)
		value, err := fit.EncodeEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		prefix := client.KeySubject(CurvesBucket, "")
		subject := prefix + id.key(c.gen) // a watcher gives a part of it
		c.apply(s, watched{foreign{key: subject[len(prefix):], value: value}, uint64(i + 1)})
	}
}

// TestLossDetectorMemory: how much memory an entry without a curve takes. A misspelt
// channel makes as many of them as there are episodes.
func TestLossDetectorMemory(t *testing.T) {
	const entries = 20_000
	const alone, remembered, renewing = 300, 100, 600 // bytes of an entry
	c := offlineCurves(t)
	base := heap()
	check := func(what string, from, bound int64) {
		t.Helper()
		each := (heap() - from) / entries
		t.Logf("%s: %d bytes of an entry", what, each)
		if each > bound {
			t.Errorf("%s: %d bytes of an entry, more than %d", what, each, bound)
		}
	}
	foldUseless(t, c, state(c), entries)
	check("a view", base, alone)

	viewed := heap()
	for i := range entries { // as a worker's own puts, or entries of the view before
		id, e := uselessEntry(c, i)
		c.noteKnown(id, uint64(i+1), e)
	}
	check("beside it what was put here", viewed, remembered)

	fresh := c.newState()
	foldUseless(t, c, fresh, entries)
	check("amid a renewal", base, renewing)
	c.losses.compare(state(c), fresh, entries)
	check("when it has compared", base, renewing)
	replaceState(c, fresh)
	check("after a renewal", base, alone)
	if len(c.losses.doubts) > 0 {
		t.Errorf("%d entries are in doubt", len(c.losses.doubts))
	}
}

// TestLossDetectorForgetsNothing: every put that a fresh watch lacks is in doubt, whether
// the view showed it or not, however many there are.
func TestLossDetectorForgetsNothing(t *testing.T) {
	t.Parallel()
	const shown, all, kept = 2_000, 4_500, 500
	c := offlineCurves(t)
	foldUseless(t, c, state(c), shown)
	for i := range all {
		id, e := uselessEntry(c, i)
		c.noteKnown(id, uint64(i+1), e)
	}
	fresh := c.newState()
	foldUseless(t, c, fresh, kept)
	c.losses.compare(state(c), fresh, all-1) // the last one is later than the fresh watch
	for i := range all {
		id, e := uselessEntry(c, i)
		doubt, doubted := c.losses.doubts[id]
		if want := kept <= i && i < all-1; doubted != want || doubted && doubt.Seq != e.Seq {
			t.Fatalf("entry %d is in doubt: %t", i, doubted)
		}
	}
	if len(c.losses.known) != 1 {
		t.Errorf("%d are still to be compared, want the last one", len(c.losses.known))
	}
}

// TestDoubtsWhileChecking: a doubt that comes up while the bucket is asked is resolved
// next time, also a doubt about the same entry. So is a doubt that got no answer.
func TestDoubtsWhileChecking(t *testing.T) {
	t.Parallel()
	c := offlineCurves(t)
	id, e := uselessEntry(c, 0)
	later := e
	later.Seq++
	for _, again := range []fit.Entry{e, later} {
		c.losses.doubt(id, e)
		err := c.losses.resolve(func(EntryID) (Entry, error) {
			c.losses.doubt(id, again) // the bucket was restored after it had answered
			return Entry{Entry: e, Found: true}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.losses.resolve(func(EntryID) (Entry, error) { return Entry{}, client.ErrLagging }); !errors.Is(err, client.ErrLagging) {
			t.Errorf("the doubt about place %d was forgotten: %v", again.Seq, err)
		}
		if err := c.losses.resolve(func(EntryID) (Entry, error) { return Entry{}, nil }); !errors.Is(err, client.ErrStreamTruncated) {
			t.Errorf("the loss of place %d was forgotten: %v", again.Seq, err)
		}
		if err := c.losses.resolve(func(EntryID) (Entry, error) { return Entry{Entry: again, Found: true}, nil }); err != nil || len(c.losses.doubts) > 0 {
			t.Errorf("%d doubts are left of what is there, %v", len(c.losses.doubts), err)
		}
	}
}
