package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

// A partialStore fails for one host.
type partialStore struct {
	*memoryStore
	err error
}

func (s partialStore) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	if ref.Host == "bad" {
		return nil, s.err
	}
	return s.memoryStore.Open(ctx, ref)
}

// TestUnreadable: an archive that the store does not give, although it gives others, has a
// reason, as with a worker, whether it is read before the others or after them.
func TestUnreadable(t *testing.T) {
	for _, c := range []struct {
		err    error
		reason fit.Reason
	}{
		{fmt.Errorf("%w: no permission", episode.ErrRefused), fit.ReasonMissing},
		{fmt.Errorf("%w: a link", episode.ErrCorrupt), fit.ReasonCorrupt},
		{errors.New("time-out"), fit.ReasonMissing},
	} {
		for _, sampler := range []Sampler{BottomK, Numpy} {
			t.Run(fmt.Sprint(c.err, " ", sampler), func(t *testing.T) {
				t.Parallel()
				s := partialStore{&memoryStore{archives: map[string][]byte{}}, c.err}
				var rows [][4]string
				for i := range 4 {
					rows = append(rows, accepted("bad", fmt.Sprint(i), "a"), accepted("good", fmt.Sprint(i), "a"))
					s.archives[fmt.Sprint("good/", i)] = archive(i)
				}
				got := mustFit(t, Config{Spec: specOf(10, "a"), Sampler: sampler, Concurrency: 4}, s, rows)[0]
				if without := got.Without[c.reason]; got.Envelope.Used != 4 || without.Count != 4 || without.Detail == "" {
					t.Errorf("%d used, without %+v", got.Envelope.Used, got.Without)
				}
			})
		}
	}
}

// TestUnreadableLink: a link out of the store costs only its own archive.
func TestUnreadableLink(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	err := errors.Join(os.Mkdir(filepath.Join(dir, "h"), 0o755), os.WriteFile(outside, archive(1), 0o644),
		os.Symlink(outside, filepath.Join(dir, "h", "out.tar.zst")), os.WriteFile(filepath.Join(dir, "h", "in.tar.zst"), archive(1), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	archives, err := store.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := mustFit(t, Config{Spec: specOf(10, "a")}, archives, [][4]string{accepted("h", "in", "a"), accepted("h", "out", "a")})[0]
	if got.Envelope.Used != 1 || got.Without[fit.ReasonCorrupt].Count != 1 {
		t.Errorf("%d used, without %+v", got.Envelope.Used, got.Without)
	}
}

// TestNothingReadable: if the store gives no archive at all, the fit fails with its error.
func TestNothingReadable(t *testing.T) {
	r, err := roster.Read(listed([][4]string{accepted("bad", "1", "a"), accepted("bad", "2", "a"), accepted("good", "1", "a")}), 0)
	if err != nil {
		t.Fatal(err)
	}
	s := partialStore{&memoryStore{}, episode.ErrRefused} // it has nothing of the good host
	if _, err := Fit(t.Context(), Config{Spec: specOf(10, "a")}, s, r); !errors.Is(err, episode.ErrRefused) {
		t.Errorf("got %v", err)
	}
}
