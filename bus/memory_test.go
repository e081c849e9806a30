package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/cis490/profiles/fit"
)

// A told entry is a key of the curves bucket as a watcher gives it.
type told struct {
	foreign
	rev uint64
}

func (e told) Revision() uint64 { return e.rev }

// heap returns the bytes in use once all garbage is collected.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what only the first one let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// quietCurves has no server.
func quietCurves() *Curves {
	c := &Curves{bus: &Bus{log: slog.New(slog.DiscardHandler)}, gen: "abcdefghij", spec: fit.DefaultSpec()}
	c.view = &view[*samples]{state: c.fresh()}
	return c
}

// uselessEntry is the i-th of entries without a curve, one in ten of them retracted.
func uselessEntry(c *Curves, i int) (curveID, fit.Entry) {
	e := fit.Entry{Seq: uint64(i + 1), Host: fmt.Sprintf("lab-%02d", i%50), Episode: fmt.Sprintf("ep-20260101t000000-%06d", i), State: fit.StateRetracted}
	if i%10 > 0 {
		e.State, e.Reason, e.Detail = fit.StateReason, "no_channel", strings.Repeat("no such channel ", 13)[:200]
	}
	return curveID{c.spec.Profiles[0].Name, c.spec.Rank(e.Host, e.Episode)}, e
}

// foldUseless folds the first n entries into s, each at revision i+1.
func foldUseless(t *testing.T, c *Curves, s *samples, n int) {
	t.Helper()
	for i := range n {
		id, e := uselessEntry(c, i)
		value, err := fit.EncodeEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		prefix := keySubject(CurvesBucket, "")
		subject := prefix + id.key(c.gen) // of which the client gives a part
		c.fold(s, told{foreign{key: subject[len(prefix):], value: value}, uint64(i + 1)})
	}
}

// TestMemoryOfUseless: what a worker keeps of an entry without a curve. A misspelt
// channel makes as many of them as there are episodes.
func TestMemoryOfUseless(t *testing.T) {
	// Not parallel: it measures memory.
	const entries = 20_000
	const alone, remembered, renewing = 300, 100, 600 // bytes of an entry
	c := quietCurves()
	base := heap()
	check := func(what string, from, bound int64) {
		t.Helper()
		each := (heap() - from) / entries
		t.Logf("%s: %d bytes of an entry", what, each)
		if each > bound {
			t.Errorf("%s: %d bytes of an entry, more than %d", what, each, bound)
		}
	}
	foldUseless(t, c, c.view.state, entries)
	check("a view", base, alone)

	viewed := heap()
	for i := range entries { // a worker's own puts, or what it recalls
		id, e := uselessEntry(c, i)
		c.remember(id, uint64(i+1), e)
	}
	check("beside it what was put here", viewed, remembered)

	fresh := c.fresh()
	foldUseless(t, c, fresh, entries)
	check("amid a renewal", base, renewing)
	c.compare(c.view.state, fresh, entries)
	check("when it has compared", base, renewing)
	c.view.state = fresh
	check("after a renewal", base, alone)
	if len(c.doubts) > 0 {
		t.Errorf("%d entries are in doubt", len(c.doubts))
	}
}

// TestMemoryForgetsNothing: of puts that the view shows, and of those that it does
// not show yet, each that a fresh watch lacks is in doubt, however many there are.
func TestMemoryForgetsNothing(t *testing.T) {
	t.Parallel()
	const shown, all, kept = 2_000, 4_500, 500
	c := quietCurves()
	foldUseless(t, c, c.view.state, shown)
	for i := range all {
		id, e := uselessEntry(c, i)
		c.remember(id, uint64(i+1), e)
	}
	fresh := c.fresh()
	foldUseless(t, c, fresh, kept)
	c.compare(c.view.state, fresh, all-1) // the last one is later than the fresh watch
	for i := range all {
		id, e := uselessEntry(c, i)
		doubt, doubted := c.doubts[id]
		if want := kept <= i && i < all-1; doubted != want || doubted && doubt.Seq != e.Seq {
			t.Fatalf("entry %d is in doubt: %t", i, doubted)
		}
	}
	if len(c.known) != 1 {
		t.Errorf("%d are still to be compared, want the last one", len(c.known))
	}
}

// TestDoubtsWhileChecking: what comes up while the bucket is asked is asked next time,
// also where it is of the same entry; and so is what was asked in vain.
func TestDoubtsWhileChecking(t *testing.T) {
	t.Parallel()
	c := quietCurves()
	id, e := uselessEntry(c, 0)
	later := e
	later.Seq++
	for _, again := range []fit.Entry{e, later} {
		c.doubt(id, e)
		err := c.settle(func(curveID) (Entry, error) {
			c.doubt(id, again) // the bucket was restored after it had answered
			return Entry{Entry: e, Found: true}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.settle(func(curveID) (Entry, error) { return Entry{}, ErrLagging }); !errors.Is(err, ErrLagging) {
			t.Errorf("the doubt about place %d was forgotten: %v", again.Seq, err)
		}
		if err := c.settle(func(curveID) (Entry, error) { return Entry{}, nil }); !errors.Is(err, ErrWentBack) {
			t.Errorf("the loss of place %d was forgotten: %v", again.Seq, err)
		}
		if err := c.settle(func(curveID) (Entry, error) { return Entry{Entry: again, Found: true}, nil }); err != nil || len(c.doubts) > 0 {
			t.Errorf("%d doubts are left of what is there, %v", len(c.doubts), err)
		}
	}
}
