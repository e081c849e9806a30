package bus

import "testing"

// TestCrowdingIsCleared: when no episode waits any more, the answer of the last check is
// void, also for episodes that wait after that.
func TestCrowdingIsCleared(t *testing.T) {
	t.Parallel()
	kept := 1
	c := &crowding{inHand: func() (int, int) { return 1, kept }}
	c.crowded.Store(true)
	if !c.now() {
		t.Error("the answer of the last check is lost")
	}
	kept = 0
	if c.now() {
		t.Error("crowded, and no episode waits")
	}
	if kept = 1; c.now() {
		t.Error("crowded by the answer of a check before the present episodes waited")
	}
}
