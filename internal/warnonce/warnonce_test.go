package warnonce_test

import (
	"testing"

	"github.com/cis490/profiles/internal/warnonce"
)

func TestReasons(t *testing.T) {
	var r warnonce.Reasons
	r.Works("a")
	for i, c := range []struct {
		thing, reason string // no reason: it works
		isNew         bool
	}{
		{"a", "away", true}, {"a", "away", false}, {"b", "away", true}, {"a", "refused", true}, {"a", "away", true},
		{"a", "", false}, {"b", "away", false}, {"a", "away", true}, {"a", "away", false},
	} {
		if c.reason == "" {
			r.Works(c.thing)
		} else if got := r.IsNew(c.thing, c.reason); got != c.isNew {
			t.Errorf("step %d, %s %s: new is %v", i, c.thing, c.reason, got)
		}
	}
}
