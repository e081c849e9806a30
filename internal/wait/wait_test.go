package wait_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cis490/profiles/internal/wait"
)

var errStop = errors.New("stop")

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		for _, d := range []time.Duration{-time.Second, 0, time.Second} {
			began := time.Now()
			if err := wait.For(ctx, d); err != nil || time.Since(began) != max(d, 0) {
				t.Errorf("%s: waited %s, %v", d, time.Since(began), err)
			}
		}
		began := time.Now()
		time.AfterFunc(time.Second, func() { stop(errStop) })
		if err := wait.For(ctx, time.Hour); !errors.Is(err, errStop) || time.Since(began) != time.Second {
			t.Errorf("a context that ended after 1s: waited %s, %v", time.Since(began), err)
		}
		if err := wait.For(ctx, 0); !errors.Is(err, errStop) {
			t.Errorf("a context that has ended: %v", err)
		}
	})
}

func TestForQuiet(t *testing.T) {
	for name, c := range map[string]struct {
		changes int // one each 80 ms
		took    time.Duration
	}{
		"no change":         {0, 100 * time.Millisecond},
		"some changes":      {5, 500 * time.Millisecond},
		"changes for ever":  {1000, time.Second},
		"the last too late": {12, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			changed := make(chan struct{}, 1)
			go func() {
				for range c.changes {
					if wait.For(ctx, 80*time.Millisecond) != nil {
						return
					}
					select {
					case changed <- struct{}{}:
					default:
					}
				}
			}()
			began := time.Now()
			if err := wait.ForQuiet(ctx, changed, 100*time.Millisecond, time.Second); err != nil || time.Since(began) != c.took {
				t.Errorf("%s: waited %s, want %s, %v", name, time.Since(began), c.took, err)
			}
			stop()
			if err := wait.ForQuiet(ctx, nil, time.Hour, time.Hour); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: a context that has ended: %v", name, err)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := wait.Backoff{Min: 50 * time.Millisecond, Max: 300 * time.Millisecond}
		var took []int64 // ms
		for i := range 7 {
			if i == 5 {
				b.Reset()
			}
			began := time.Now()
			if err := b.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(began).Milliseconds())
		}
		if want := []int64{50, 100, 200, 300, 300, 50, 100}; !slices.Equal(took, want) {
			t.Errorf("pauses of %v ms, want %v", took, want)
		}
	})
}
