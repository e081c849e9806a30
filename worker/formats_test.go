package worker_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

// TestFormats feeds workers with the recorded episodes in other formats: the live envelopes are
// those of the recordings as they are, in every bit.
func TestFormats(t *testing.T) {
	t.Parallel()
	accepted, recordings := someRecorded(t)
	original := &fleet{t: t, spec: fit.DefaultSpec(), store: recordedStore(t)}
	want := original.batch(accepted)
	for i, format := range episodetest.Formats() {
		if testing.Short() && i%5 != 0 {
			continue // make test-all tries every format
		}
		t.Run(format.Name, func(t *testing.T) {
			t.Parallel()
			spec, err := fit.ParseSpec([]byte(format.Spec))
			if err != nil {
				t.Fatal(err)
			}
			archives, err := store.OpenDir(rewrittenStore(t, recordings, format), spec.Format.Suffixes...)
			if err != nil {
				t.Fatal(err)
			}
			f := newFleet(t, spec, archives)
			f.start()
			for _, n := range accepted {
				f.send(n)
			}
			gen := f.settled()
			for p, envelope := range want {
				have, ok, err := f.bus.ReadEnvelope(bustest.Context(t), gen.ID, p)
				if err != nil || !ok {
					t.Fatalf("%s: no envelope: %v", p, err)
				}
				if format.Mixed {
					have.Quality, have.Digest, envelope.Quality, envelope.Digest = nil, "", nil, ""
				}
				if !reflect.DeepEqual(have.Envelope, envelope) {
					t.Errorf("%s: used %d of %d, want %d of %d, or values differ", p, have.Used, have.Attempted, envelope.Used, envelope.Attempted)
				}
			}
		})
	}
}

// someRecorded returns a third of the recorded episodes, and what they hold.
func someRecorded(t *testing.T) ([]bus.Notice, map[episode.Ref]episodetest.Recording) {
	t.Helper()
	var some []bus.Notice
	recordings := map[episode.Ref]episodetest.Recording{}
	for i, n := range rows(t) {
		if i%3 > 0 {
			continue
		}
		archive, err := os.ReadFile(filepath.Join(recorded, "store", n.Host, n.Episode+".tar.zst"))
		if errors.Is(err, os.ErrNotExist) {
			continue // the list has episodes without archives
		}
		if err != nil {
			t.Fatal(err)
		}
		ref, err := episode.ParseRef(n.Host, n.Episode)
		if err != nil {
			t.Fatal(err)
		}
		some = append(some, n)
		recordings[ref] = episodetest.ReadRecording(archive)
	}
	return some, recordings
}

// rewrittenStore writes archives of recordings in another format, and returns the folder.
func rewrittenStore(t *testing.T, recordings map[episode.Ref]episodetest.Recording, format episodetest.Format) string {
	dir := t.TempDir()
	for ref, r := range recordings {
		path := filepath.Join(dir, ref.String()+format.Suffix)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, format.Write(r), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
