package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, bustest.Leaks()...) }

var ref = episode.Ref{Host: "lab-01", ID: "ep-1"}

// noise returns n bytes that cannot be compressed.
func noise(n int) []byte {
	source, out := rand.NewChaCha8([32]byte{1}), make([]byte, n)
	_, _ = source.Read(out)
	return out
}

// open opens a store, and closes it at the end of the test.
func open(t *testing.T, address string, cfg store.Config) store.Uploader {
	t.Helper()
	s, err := store.Open(address, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.(io.Closer).Close() })
	return s
}

func put(t *testing.T, s store.Uploader, r episode.Ref, data []byte) bool {
	t.Helper()
	sent, err := s.Put(bustest.Context(t), r, store.DefaultSuffix, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

func readAll(ctx context.Context, s episode.Store, r episode.Ref) ([]byte, error) {
	archive, err := s.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	return io.ReadAll(archive)
}

// checkStored fails unless the archive in the store is data.
func checkStored(t *testing.T, s episode.Store, r episode.Ref, data []byte) {
	t.Helper()
	got, err := readAll(bustest.Context(t), s, r)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%s: %d bytes, want %d; %v", r, len(got), len(data), err)
	}
}

// checkUnavailable fails unless err means that the store cannot answer, and nothing
// about the archive.
func checkUnavailable(t *testing.T, err error, says string) {
	t.Helper()
	checkIsNot(t, err, says, nil, io.EOF, io.ErrUnexpectedEOF, episode.ErrNotFound, episode.ErrCorrupt, episode.ErrTooLarge, episode.ErrRefused)
}

// checkRefused fails unless err means that the store does not give this archive.
func checkRefused(t *testing.T, err error, says string) {
	t.Helper()
	if !errors.Is(err, episode.ErrRefused) {
		t.Errorf("got %v", err)
	}
	checkIsNot(t, err, says, nil, io.EOF, io.ErrUnexpectedEOF, episode.ErrNotFound, episode.ErrCorrupt, episode.ErrTooLarge)
}

func checkIsNot(t *testing.T, err error, says string, kinds ...error) {
	t.Helper()
	for _, not := range kinds {
		if errors.Is(err, not) {
			t.Errorf("got %v, which is %v", err, not)
		}
	}
	if err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want %q in it", err, says)
	}
}

// checkUploader checks what every Uploader must do.
func checkUploader(t *testing.T, s store.Uploader) {
	ctx := bustest.Context(t)
	for range 2 {
		if err := s.Ensure(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := readAll(ctx, s, ref); !errors.Is(err, episode.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	// Put reads from the start, even if the reader is not there.
	late := bytes.NewReader(noise(1_000))
	if _, err := late.Seek(500, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, ref, store.DefaultSuffix, late); err != nil {
		t.Fatal(err)
	}
	checkStored(t, s, ref, noise(1_000))
	for i, data := range [][]byte{[]byte("first"), []byte("other"), noise(3<<20 + 1), {}} {
		if !put(t, s, ref, data) {
			t.Errorf("archive %d was not sent", i)
		}
		checkStored(t, s, ref, data)
		if put(t, s, ref, data) {
			t.Errorf("archive %d was sent again", i)
		}
		checkStored(t, s, ref, data)
	}
	// Other names with the same beginning.
	for _, other := range []episode.Ref{{Host: "lab-01", ID: "ep-1.tar.zst"}, {Host: "lab-0", ID: "1"}, {Host: "lab-01", ID: "ep-"}} {
		if _, err := readAll(ctx, s, other); !errors.Is(err, episode.ErrNotFound) {
			t.Errorf("%s: %v", other, err)
		}
	}
	bad := episode.Ref{Host: "..", ID: "ep-1"}
	_, err := s.Open(ctx, bad)
	checkUnavailable(t, err, "host_id")
	_, err = s.Put(ctx, bad, store.DefaultSuffix, strings.NewReader("x"))
	checkUnavailable(t, err, "host_id")
	// A reader that ends early stores nothing.
	broken := episode.Ref{Host: "lab-01", ID: "broken"}
	if _, err := s.Put(ctx, broken, store.DefaultSuffix, &shrinking{Reader: bytes.NewReader(noise(1 << 20))}); err == nil {
		t.Error("an archive that became shorter was stored")
	}
	if _, err := readAll(ctx, s, broken); !errors.Is(err, episode.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := readAll(gone, s, ref); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// several are suffixes of a store for checkSuffixes.
var several = []string{".tar.zst", ".tgz", ".tar"}

// checkSuffixes checks which archives an empty store with the suffixes several has and opens.
func checkSuffixes(t *testing.T, s store.Uploader) {
	t.Helper()
	ctx := bustest.Context(t)
	if err := s.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	has := func(want ...string) {
		t.Helper()
		found, err := s.SuffixesOf(ctx, ref)
		if err != nil || !slices.Equal(found, want) {
			t.Errorf("the archives are %q, %v, want %q", found, err, want)
		}
		if len(want) > 0 {
			checkStored(t, s, ref, []byte(want[0]))
			return
		}
		_, err = s.Open(ctx, ref)
		if !errors.Is(err, episode.ErrNotFound) || !strings.HasSuffix(err.Error(), "; tried lab-01/ep-1.tar.zst, lab-01/ep-1.tgz, lab-01/ep-1.tar") {
			t.Errorf("got %v", err)
		}
	}
	add := func(suffix string, sent bool) {
		t.Helper()
		got, err := s.Put(ctx, ref, suffix, strings.NewReader(suffix))
		if err != nil || got != sent {
			t.Errorf("put %s: sent %v, %v", suffix, got, err)
		}
	}
	has()
	add(".tar", true)
	has(".tar")
	add(".tgz", true)
	has(".tgz", ".tar")
	add(".tar.zst", true)
	has(".tar.zst", ".tgz", ".tar")
	add(".tgz", false)
	_, err := s.Put(ctx, ref, ".zip", strings.NewReader("x"))
	checkUnavailable(t, err, `no suffix ".zip", only .tar.zst, .tgz, .tar`)
}

// A shrinking file is half as long when it is read again.
type shrinking struct {
	*bytes.Reader
	seeks int
}

func (s *shrinking) Seek(offset int64, whence int) (int64, error) {
	if s.seeks++; s.seeks == 2 {
		s.Reader = bytes.NewReader(noise(1 << 19))
		return 0, nil
	}
	return s.Reader.Seek(offset, whence)
}

func TestOpenStores(t *testing.T) {
	t.Parallel()
	nc := bustest.Start(t).Connect()
	keys := store.Config{S3: store.S3Config{AccessKey: "a", SecretKey: "b"}}
	dir := t.TempDir()
	for _, address := range []string{dir, "file://" + dir, "nats://episodes", "nats://a_B-1/", "s3://bucket", "s3://bucket/a/prefix/"} {
		s, err := store.Open(address, keys, nc)
		if err != nil || s == nil {
			t.Errorf("%s: %v", address, err)
		}
		if c, ok := s.(io.Closer); ok {
			_ = c.Close()
		}
	}
	for address, want := range map[string]string{
		dir + "/nowhere":           "there is no directory",
		"file://host/dir":          "file:///directory",
		"ftp://host/dir":           `unknown scheme "ftp": want a directory, file:///directory, nats://bucket or s3://bucket/prefix`,
		"NATS://episodes":          "unknown scheme",
		"nats://":                  "nats://bucket",
		"nats://a/b":               "nats://bucket",
		"nats://a.b":               "letters, digits",
		"nats://a:4222":            "letters, digits",
		"nats://user:word@episode": "nats://bucket",
		"s3://":                    "s3://bucket/prefix",
		"s3://bucket?x=1":          "s3://bucket/prefix",
		"s3://b":                   "ucket name",
		"s3://bucket/a//b":         "prefix",
		"s3://bucket/../b":         "prefix",
	} {
		if s, err := store.Open(address, keys, nc); err == nil || s != nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "word@") {
			t.Errorf("%s: %v, %v, want %s", address, s, err, want)
		}
	}
	for want, cfg := range map[string]store.Config{
		"EPISODE_STORE_TIMEOUT":                                                      {Timeout: -time.Second},
		`S3_ADDRESSING is "both": it must be auto, path or host`:                     {S3: store.S3Config{Addressing: "both"}},
		`S3_ENDPOINT is "host:80": it must be http://host:port or https://host:port`: {S3: store.S3Config{Endpoint: "host:80"}},
		"S3_CA":             {S3: store.S3Config{AccessKey: "a", SecretKey: "b", CA: dir + "/nowhere"}},
		"AWS_ACCESS_KEY_ID": {S3: store.S3Config{AccessKey: "a"}},
		`suffix "/../x"`:    {S3: keys.S3, Suffixes: []string{".tgz", "/../x"}},
	} {
		if _, err := store.Open("s3://bucket", cfg, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := store.Open("nats://episodes", store.Config{}, nil); err == nil {
		t.Error("a store in NATS was opened without a connection")
	}
	if !store.NeedsBus("nats://episodes") || store.NeedsBus("s3://bucket") || store.NeedsBus(dir) {
		t.Error("NeedsBus is wrong")
	}
}
