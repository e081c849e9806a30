package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// TestFormats fits the recorded episodes in other formats: the results are the same in every bit.
func TestFormats(t *testing.T) {
	original, recordings := someRecorded(t)
	want := fitAs(t, "", original)
	used := 0
	for _, p := range want {
		used += p.Envelope.Used
	}
	if used < 10 {
		t.Fatalf("only %d episodes were used", used)
	}
	for i, f := range episodetest.Formats() {
		if testing.Short() && i%5 != 0 {
			continue // make test-all tries every format
		}
		t.Run(f.Name, func(t *testing.T) {
			got := fitAs(t, f.Spec, rewritten(recordings, f))
			for i, p := range want {
				if f.Mixed {
					for _, e := range []*fit.Envelope{&got[i].Envelope, &p.Envelope} {
						e.Quality, e.Digest = nil, ""
					}
				}
				if digits(t, got[i]) != digits(t, p) {
					t.Errorf("%s: used %d of %d, without %v: %v\nwant %v", p.Profile.Name, got[i].Envelope.Used, got[i].Envelope.Attempted, got[i].Without,
						got[i].Envelope.Median, p.Envelope.Median)
				}
			}
		})
	}
}

// digits returns a result as JSON, which has all digits of each number. The details of missing
// archives are left out: stores have different ones.
func digits(t *testing.T, f Fitted) string {
	t.Helper()
	f.Without = maps.Clone(f.Without)
	for reason, without := range f.Without {
		if reason == fit.ReasonMissing {
			without.Detail = ""
			f.Without[reason] = without
		}
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fitAs fits the recorded list by the default spec with some keys changed.
func fitAs(t *testing.T, yaml string, archives episode.Store) []Fitted {
	t.Helper()
	spec, err := fit.ParseSpec([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	r, err := roster.Read(dataset.OpenValidation(filepath.Join(recorded, "validation.parquet"), spec.Validation), spec.Seed)
	if err != nil {
		t.Fatal(err)
	}
	fitted, err := Fit(t.Context(), Config{Spec: spec}, archives, r)
	if err != nil {
		t.Fatal(err)
	}
	return fitted
}

// memory is a store of archives in memory.
type memory map[episode.Ref][]byte

func (m memory) Open(_ context.Context, ref episode.Ref) (io.ReadCloser, error) {
	data, ok := m[ref]
	if !ok {
		return nil, episode.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// someRecorded returns a third of the recorded archives, and what they hold.
func someRecorded(t *testing.T) (memory, map[episode.Ref]episodetest.Recording) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recorded, "store", "*", "*.tar.zst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	archives, recordings := memory{}, map[episode.Ref]episodetest.Recording{}
	for i := 0; i < len(files); i += 3 {
		data, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		ref, err := episode.ParseRef(filepath.Base(filepath.Dir(files[i])), strings.TrimSuffix(filepath.Base(files[i]), ".tar.zst"))
		if err != nil {
			t.Fatal(err)
		}
		archives[ref], recordings[ref] = data, episodetest.ReadRecording(data)
	}
	return archives, recordings
}

// rewritten returns archives of recordings in another format.
func rewritten(recordings map[episode.Ref]episodetest.Recording, f episodetest.Format) memory {
	archives := memory{}
	for ref, r := range recordings {
		archives[ref] = f.Write(r)
	}
	return archives
}
