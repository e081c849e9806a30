package events_test

import (
	"encoding/json"
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

const gen = fit.Generation("abcdefghij")

// generation returns a registered generation of a small spec: profile a, curves of 5
// points.
func generation(id, base fit.Generation, epoch uint64, revision int64) bus.Generation {
	s := fit.DefaultSpec()
	s.Target, s.Revision = 4, revision
	s.Points = fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: 1, CleanTail: 1}
	s.Profiles = []fit.Profile{{Name: "a", Channel: "proc.cpu_user_jiffies", Shape: "shape of a"}}
	return bus.Generation{Spec: *s, Base: base, Epoch: epoch, ID: id}
}

func decode[T any](t *testing.T, data []byte) (x T) {
	t.Helper()
	if err := json.Unmarshal(data, &x); err != nil {
		t.Fatal(err)
	}
	return x
}
