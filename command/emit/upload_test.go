package emit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/store"
)

// A counted store counts calls of Put and returns fail from them, if that is set.
type counted struct {
	store.Uploader
	fail error

	mu   sync.Mutex
	puts int
}

func (c *counted) Put(ctx context.Context, ref episode.Ref, suffix string, r io.ReadSeeker) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.puts++; c.fail != nil {
		return false, c.fail
	}
	return c.Uploader.Put(ctx, ref, suffix, r)
}

func TestUploads(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), bustest.Start(t)
	b := srv.Topology()
	opened, err := store.Open("nats://episodes", store.Config{Suffixes: []string{".tar.zst", ".tgz"}}, b)
	if err != nil {
		t.Fatal(err)
	}
	to := &counted{Uploader: opened}
	if err := to.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	from, err := store.OpenDir(dir, ".tar.zst", ".tgz")
	if err != nil {
		t.Fatal(err)
	}
	write := func(id, text string) {
		t.Helper()
		path := filepath.Join(dir, "h", id+".tar.zst")
		if id == "3" {
			path = filepath.Join(dir, "h", id+".tgz")
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	has := func(id, text string) {
		t.Helper()
		r, err := to.Open(ctx, episode.Ref{Host: "h", ID: episode.ID(id)})
		if err != nil {
			t.Errorf("%s: %v", id, err)
			return
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, []byte(text)) {
			t.Errorf("%s is %q, %v", id, got, err)
		}
	}
	var file sheet
	const n = 2*partLen + 3
	for i := range n {
		file.add("h", fmt.Sprint(i), "a", "accepted")
		write(fmt.Sprint(i), fmt.Sprint("archive ", i))
	}
	file.add("h", "absent", "a", "accepted")
	file.add("h", "refused", "a", "rejected")
	write("refused", "x")
	// This one was accepted before archives were uploaded.
	if _, err := b.Publish(ctx, bus.Notice{Host: "h", Episode: "0", Profile: "a", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	calls := 0
	e := &Emitter{Bus: b, Rows: file.rows(), following: true}
	defer e.log.forget()
	fresh := func() {
		e.Uploads = &Uploads{From: from, To: to, Progress: func(done, total int) {
			if calls++; done != calls || total > n+1 {
				t.Errorf("call %d says %d of %d", calls, done, total)
			}
		}}
	}
	expect := func(step string, published, puts int, want UploadSummary) {
		t.Helper()
		to.puts, calls = 0, 0
		s, err := e.Reconcile(ctx)
		if err != nil || s.Published != published || *s.Archives != want || to.puts != puts {
			t.Errorf("%s: %d published, %+v after %d puts, %v", step, s.Published, s.Archives, to.puts, err)
		}
	}

	// No accept is published while its archive cannot be stored.
	fresh()
	to.fail = errors.New("no room")
	if s, err := e.Reconcile(ctx); !errors.Is(err, to.fail) || s.Published != 0 || len(log(t, ctx, b)) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	to.fail = nil

	fresh()
	expect("first", n, n, UploadSummary{Uploaded: n, Without: 1})
	has("0", "archive 0")
	has(fmt.Sprint(n-1), fmt.Sprint("archive ", n-1))
	if found, err := to.SuffixesOf(ctx, episode.Ref{Host: "h", ID: "3"}); err != nil || !slices.Equal(found, []string{".tgz"}) {
		t.Errorf("the suffix of an uploaded archive is %q, %v", found, err)
	}
	if _, err := to.Open(ctx, episode.Ref{Host: "h", ID: "refused"}); !errors.Is(err, episode.ErrNotFound) {
		t.Errorf("an archive of an episode that is not accepted was uploaded: %v", err)
	}
	expect("the same emitter again", 0, 0, UploadSummary{Stored: n, Without: 1})
	// The archive is replaced between a retraction and the next accept.
	file[2].Status = "quarantined"
	calls = 0
	if s, err := e.Reconcile(ctx); err != nil || s.Retracted != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	file[2].Status = "accepted"
	write("2", "mended")
	expect("accepted anew", 1, 1, UploadSummary{Uploaded: 1, Stored: n - 1, Without: 1})
	has("2", "mended")
	fresh()
	write("1", "another")
	write("absent", "came late")
	expect("another emitter", 0, n+1, UploadSummary{Uploaded: 2, Stored: n - 1})
	has("1", "another")
	has("absent", "came late")
}
