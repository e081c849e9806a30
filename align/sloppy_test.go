package align_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// A sloppy is what an archive of testdata/quality must give for proc.cpu_user_jiffies.
type sloppy struct {
	Status, Reason string
	Curve, Mean    []*float64 // null is a gap
}

// outcome returns the status of an error, and the reason in the words of expected.json, where
// no-channel may also mean that there is no such source.
func outcome(err error) (status, reason string) {
	var unusable *episode.UnusableError
	switch {
	case err == nil:
		return "curve", ""
	case errors.Is(err, episode.ErrCorrupt):
		return "error", "ambiguous-member"
	case errors.As(err, &unusable) && unusable.Reason == episode.ReasonNoSource:
		return "unusable", "no-channel"
	case errors.As(err, &unusable):
		return "unusable", strings.ReplaceAll(string(unusable.Reason), "_", "-")
	}
	return err.Error(), ""
}

// TestSloppyArchives checks that archives as sloppy recorders write them give the right curve, to
// the last bit, or the right reason.
func TestSloppyArchives(t *testing.T) {
	const dir, channel = "testdata/quality", "proc.cpu_user_jiffies"
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string]sloppy
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	if len(expected) < 19 {
		t.Fatalf("only %d cases", len(expected))
	}
	for name, want := range expected {
		t.Run(strings.TrimSuffix(name, ".tar.zst"), func(t *testing.T) {
			archive, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for resample, curve := range map[fit.Resample][]*float64{fit.Linear: want.Curve, fit.Mean: want.Mean} {
				spec := fit.DefaultSpec()
				spec.Resample = resample
				a, err := newFitter(t, spec).Read(bytes.NewReader(archive), channel)
				status, reason := outcome(err)
				if status != want.Status || reason != want.Reason {
					t.Fatalf("%v: %s %s, %v; want %s %s", resample, status, reason, err, want.Status, want.Reason)
				}
				if err == nil {
					checkCurve(t, a, curve)
				}
			}
		})
	}
}

func checkCurve(t *testing.T, a *align.Alignment, want []*float64) {
	t.Helper()
	if len(a.Curve) != len(want) {
		t.Fatalf("%d points, want %d", len(a.Curve), len(want))
	}
	for i, v := range a.Curve {
		w := math.NaN()
		if want[i] != nil {
			w = *want[i]
		}
		if math.Float64bits(v) != math.Float64bits(w) && !(math.IsNaN(v) && math.IsNaN(w)) {
			t.Errorf("point %d is %v, want %v", i, v, w)
		}
	}
}
