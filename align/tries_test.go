package align_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/episode"
)

// A switchedStore gives every archive, or none.
type switchedStore struct{ err error }

func (s *switchedStore) Open(context.Context, episode.Ref) (io.ReadCloser, error) {
	if s.err != nil {
		return nil, s.err
	}
	return io.NopCloser(strings.NewReader("x")), nil
}

// TestTries: an archive that is missing is given up after five tries. Others are given up
// only if another archive can be read meanwhile; the tries before that do not count.
func TestTries(t *testing.T) {
	bad, good := episode.Ref{Host: "h", ID: "bad"}, episode.Ref{Host: "h", ID: "good"}
	for _, c := range []struct {
		err        error
		tries      int
		needsOther bool
	}{
		{fmt.Errorf("open: %w", episode.ErrNotFound), 5, false},
		{fmt.Errorf("open: %w", episode.ErrRefused), 5, true},
		{errors.New("time-out"), 8, true},
	} {
		s := &switchedStore{err: errors.New("away")}
		w := align.NewWitness(s)
		var tries align.Tries
		tries.Begin(w)
		failed := func() bool { return tries.Failed(t.Context(), w, bad, c.err) }
		if c.needsOther {
			w.Saw(bad) // the archive itself is no witness
			tries.Begin(w)
			for range 20 {
				if failed() {
					t.Fatalf("%v: given up, and no other archive can be read", c.err)
				}
			}
			s.err = nil
			w.Saw(good)
		}
		for try := 1; ; try++ {
			if failed() {
				if try != c.tries {
					t.Errorf("%v: given up after %d tries", c.err, try)
				}
				break
			}
		}
		if e := align.GivenUp(bad, c.err); e.Reason != "missing" || !strings.Contains(e.Detail, c.err.Error()) {
			t.Errorf("%v: %+v", c.err, e)
		}
	}
}

// TestTriesOfOtherKinds: only tries that end in the same way count together.
func TestTriesOfOtherKinds(t *testing.T) {
	w := align.NewWitness(&switchedStore{})
	var tries align.Tries
	tries.Begin(w)
	for i := range 20 {
		err := episode.ErrNotFound
		if i%4 == 3 {
			err = episode.ErrRefused
		}
		if tries.Failed(t.Context(), w, episode.Ref{Host: "h", ID: "e"}, err) {
			t.Fatalf("given up at try %d", i)
		}
	}
	if pause := tries.Pause(time.Second, time.Minute); pause != time.Second {
		t.Errorf("pause %s", pause)
	}
}
