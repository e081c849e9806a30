package worker_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// archiveFiles is a store of the sloppy and broken archives of package align: an episode is named like its file.
type archiveFiles struct{ folder string }

func (s archiveFiles) Open(_ context.Context, ref episode.Ref) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(s.folder, string(ref.ID)+".tar.zst"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", episode.ErrNotFound, err)
	}
	return f, nil
}

// TestSloppyRecordingsLiveAsBatch: quality, n and reasons of the live envelopes are those of the batch, also after a retraction;
// and the metrics show them.
func TestSloppyRecordingsLiveAsBatch(t *testing.T) {
	t.Parallel()
	store := archiveFiles{filepath.Join("..", "align", "testdata", "quality")}
	files, err := filepath.Glob(filepath.Join(store.folder, "*.tar.zst"))
	if err != nil || len(files) < 15 {
		t.Fatalf("%d archives, %v", len(files), err)
	}
	f := newFleet(t, fit.DefaultSpec(), store)
	profile := f.spec.Profiles[0]
	w := f.start()
	f.start()
	var accepted []bus.Notice
	for i, path := range files {
		n := bus.Notice{Host: fmt.Sprint("lab-", i%3), Episode: strings.TrimSuffix(filepath.Base(path), ".tar.zst"), Profile: string(profile.Name)}
		accepted = append(accepted, n)
		f.send(n)
	}
	f.equal(accepted)
	want := f.batch(accepted)[profile.Name]
	if len(want.Quality) < 4 || len(want.Reasons) < 2 || want.Attempted != len(files) {
		t.Fatalf("the archives have %+v and %+v: this shows little", want.Quality, want.Reasons)
	}
	checkDoubts(t, f, w, profile.Name, want)

	gone := accepted[0]
	gone.Retracted = true
	f.send(gone)
	f.equal(accepted[1:])
}

// checkDoubts compares the gauges of a worker, and the counters of both, with the envelope.
func checkDoubts(t *testing.T, f *fleet, w *running, p fit.ProfileName, want fit.Envelope) {
	t.Helper()
	until(t, func() bool {
		kinds, reasons := w.gauges(t, "profiles_sample_quality_episodes"), w.gauges(t, "profiles_sample_reasons")
		all := len(kinds) > 0 && len(reasons) > 0
		for _, a := range want.Quality {
			all = all && kinds[fmt.Sprintf("%s %s ", a.Kind, p)] == float64(a.Episodes)
		}
		for _, r := range want.Reasons {
			all = all && reasons[fmt.Sprintf("%s %s ", p, r.Reason)] == float64(r.Count)
		}
		_, other := reasons[fmt.Sprintf("%s other ", p)]
		return all && other
	})
	if env, found, err := f.bus.ReadEnvelope(bustest.Context(t), f.settled().ID, p); err != nil || !found || len(env.N) != f.spec.Points.Total() {
		t.Errorf("n has %d values: %v", len(env.N), err)
	}
}
