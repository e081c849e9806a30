package dashboard

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// TestSamplesThatAreKept: if all samples take too much, those that were not asked for for longest go first.
func TestSamplesThatAreKept(t *testing.T) {
	s := newSamples(nil)
	for _, name := range []fit.ProfileName{"a", "b", "c", "d"} {
		s.keep(s.find(name), maxSamplesBytes/4)
	}
	s.find("a")
	s.keep(s.find("e"), maxSamplesBytes/2)
	if got := slices.Sorted(maps.Keys(s.kept)); !slices.Equal(got, []fit.ProfileName{"a", "d", "e"}) {
		t.Errorf("kept are %v", got)
	}
	s.keep(s.find("f"), 2*maxSamplesBytes)
	if got := slices.Sorted(maps.Keys(s.kept)); !slices.Equal(got, []fit.ProfileName{"f"}) {
		t.Errorf("after one that is too large, kept are %v", got)
	}
}

// TestTooManyEntries: a profile with more entries than a dashboard reads gets an answer that says so.
func TestTooManyEntries(t *testing.T) {
	d := &Dashboard{deps: Deps{Log: slog.New(slog.DiscardHandler)}}
	refused := d.unreadable(wantedSample{profile: "io-walk"}, fmt.Errorf("read: %w", errors.Join(bus.ErrSampleTooLarge)))
	if refused.status != http.StatusInsufficientStorage || refused.message != "the entries of io-walk take more than 64 MiB, which is more than a dashboard reads" {
		t.Errorf("%+v", refused)
	}
}
