package store_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/store/storetest"
)

func TestS3(t *testing.T) {
	t.Parallel()
	srv := storetest.StartS3(t)
	for _, address := range []string{"s3://" + storetest.Bucket, "s3://" + storetest.Bucket + "/some/prefix"} {
		checkUploader(t, open(t, address, srv.Config(5*time.Second)))
	}
	if _, err := os.Stat(srv.File("some/prefix/lab-01/ep-1.tar.zst")); err != nil {
		t.Error(err)
	}
}

func TestS3Suffixes(t *testing.T) {
	t.Parallel()
	cfg := storetest.StartS3(t).Config(5 * time.Second)
	cfg.Suffixes = several
	checkSuffixes(t, open(t, "s3://"+storetest.Bucket+"/prefix", cfg))
}

// TestS3Denies checks that an archive that may not be read counts as missing while there is another
// suffix, and that an episode is never missing after a denial.
func TestS3Denies(t *testing.T) {
	t.Parallel()
	const there, missing, denied, broken = "there", "missing", "denied", "broken"
	for _, c := range []struct {
		answers [2]string // for .tar.zst and for .tgz
		reads   string
		says    string // of an error; empty if the episode is not found
		has     []string
	}{
		{[2]string{denied, there}, ".tgz", "", []string{".tgz"}},
		{[2]string{there, denied}, ".tar.zst", "", []string{".tar.zst"}},
		{[2]string{missing, missing}, "", "", nil},
		{[2]string{denied, missing}, "", "access denied", nil},
		{[2]string{missing, denied}, "", "access denied", nil},
		{[2]string{denied, denied}, "", "access denied", nil},
		{[2]string{broken, there}, "", "no bucket", nil},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
			suffix, answer := ".tar.zst", c.answers[0]
			if path.Base(r.URL.Path) == "ep-1.tgz" {
				suffix, answer = ".tgz", c.answers[1]
			}
			switch answer {
			case there:
				_, _ = io.WriteString(w, suffix)
			case missing:
				w.WriteHeader(404)
				_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
			case denied:
				w.WriteHeader(403)
				_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code></Error>")
			case broken:
				w.WriteHeader(404)
				_, _ = io.WriteString(w, "<Error><Code>NoSuchBucket</Code></Error>")
			}
		}))
		s := open(t, "s3://archives", store.Config{Suffixes: []string{".tar.zst", ".tgz"}, S3: store.S3Config{Endpoint: srv.URL, AccessKey: "a", SecretKey: "b"}})
		ctx := bustest.Context(t)
		got, err := readAll(ctx, s, ref)
		found, foundErr := s.SuffixesOf(ctx, ref)
		switch {
		case c.says == "access denied":
			checkRefused(t, err, c.says)
			checkRefused(t, foundErr, c.says)
		case c.says != "":
			checkUnavailable(t, err, c.says)
			checkUnavailable(t, foundErr, c.says)
		case errors.Is(err, episode.ErrNotFound) != (c.reads == ""), string(got) != c.reads:
			t.Errorf("%v: read %q, %v", c.answers, got, err)
		case foundErr != nil, !slices.Equal(found, c.has):
			t.Errorf("%v: the archives are %q, %v", c.answers, found, foundErr)
		}
		srv.Close()
	}
}

func TestS3Refuses(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), storetest.StartS3(t)
	elsewhere := open(t, "s3://nowhere", srv.Config(5*time.Second))
	_, err := elsewhere.Open(ctx, ref)
	checkUnavailable(t, err, "there is no bucket nowhere")
	checkUnavailable(t, elsewhere.Ensure(ctx), "no such bucket")
	_, err = elsewhere.Put(ctx, ref, store.DefaultSuffix, bytes.NewReader([]byte("x")))
	checkUnavailable(t, err, "there is no bucket nowhere")

	cfg := srv.Config(5 * time.Second)
	cfg.S3.SecretKey = "wrong"
	other := open(t, "s3://"+storetest.Bucket, cfg)
	_, err = other.Open(ctx, ref)
	checkUnavailable(t, err, "SignatureDoesNotMatch")
	cfg.S3.AccessKey = "nobody"
	other = open(t, "s3://"+storetest.Bucket, cfg)
	_, err = other.Open(ctx, ref)
	checkUnavailable(t, err, "access key")
}

// TestS3Damage checks that an object that changed on the server's disk is corrupt:
// its SHA-256 was stored with it.
func TestS3Damage(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), storetest.StartS3(t)
	s := open(t, "s3://"+storetest.Bucket, srv.Config(5*time.Second))
	data := noise(1 << 20)
	put(t, s, ref, data)
	file, err := os.OpenFile(srv.File("lab-01/ep-1.tar.zst"), os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteAt([]byte("!!"), 1000)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(ctx, s, ref); !errors.Is(err, episode.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestS3ServerStops(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), storetest.StartS3(t)
	s := open(t, "s3://"+storetest.Bucket, srv.Config(2*time.Second))
	data := noise(64 << 20) // more than sockets hold
	put(t, s, ref, data)
	r, err := s.Open(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	srv.Stop()
	_, err = io.ReadAll(r)
	checkUnavailable(t, err, "of 67108864 bytes")
	_, err = s.Open(ctx, ref)
	checkUnavailable(t, err, "in 3 tries")
	_, err = s.Put(ctx, ref, store.DefaultSuffix, bytes.NewReader(data))
	checkUnavailable(t, err, "in 3 tries")
	srv.Start()
	checkStored(t, s, ref, data)
	if put(t, s, ref, data) {
		t.Error("the archive was sent again")
	}
}

// faulty returns a store whose server is a function, and the number of requests that
// the server has received.
func faulty(t *testing.T, timeout time.Duration, answer http.HandlerFunc) (store.Uploader, *atomic.Int32) {
	t.Helper()
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	cfg := store.Config{Timeout: timeout, S3: store.S3Config{Endpoint: srv.URL, AccessKey: "a", SecretKey: "b"}}
	return open(t, "s3://archives", cfg), &asked
}

func TestS3Faults(t *testing.T) {
	t.Parallel()
	data := noise(100 << 10)
	sum256, sum5 := sha256.Sum256(data), md5.Sum(data)
	whole := func(header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			_, _ = w.Write(data)
		}
	}
	refusal := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>it says</Message></Error>", code)
		}
	}
	const isMD5, isSHA = "ETag", "X-Amz-Checksum-Sha256"
	zeros := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   error  // nil if the archive is read
		says   string // part of the error, if the store is unavailable
		asked  int32
	}{
		"whole":             {answer: whole(), asked: 1},
		"right MD5":         {answer: whole(isMD5, `"`+hex.EncodeToString(sum5[:])+`"`), asked: 1},
		"right SHA-256":     {answer: whole(isSHA, base64.StdEncoding.EncodeToString(sum256[:]), isMD5, `"00000000000000000000000000000000"`), asked: 1},
		"wrong SHA-256":     {answer: whole(isSHA, zeros), want: episode.ErrCorrupt, asked: 1},
		"wrong MD5":         {answer: whole(isMD5, `"00000000000000000000000000000000"`), says: "ETag", asked: 1},
		"in parts":          {answer: whole(isMD5, `"00000000000000000000000000000000-2"`, isSHA, zeros+"-2"), asked: 1},
		"with another key":  {answer: whole(isMD5, `"00000000000000000000000000000000"`, "X-Amz-Server-Side-Encryption", "aws:kms"), asked: 1},
		"not there":         {answer: refusal(404, "NoSuchKey"), want: episode.ErrNotFound, asked: 1},
		"a proxy's 404":     {answer: http.NotFound, says: "not as S3 does", asked: 1},
		"an empty 404":      {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, says: "not as S3 does", asked: 1},
		"no bucket":         {answer: refusal(404, "NoSuchBucket"), says: "no bucket", asked: 1},
		"denied":            {answer: refusal(403, "AccessDenied"), want: episode.ErrRefused, asked: 1},
		"denied in silence": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, want: episode.ErrRefused, asked: 1},
		"archived":          {answer: refusal(403, "InvalidObjectState"), want: episode.ErrRefused, asked: 1},
		"encrypted":         {answer: refusal(400, "InvalidRequest"), want: episode.ErrRefused, asked: 1},
		"a long name":       {answer: refusal(400, "KeyTooLongError"), want: episode.ErrNotFound, asked: 1},
		"below an object":   {answer: refusal(409, "XMinioParentIsObject"), want: episode.ErrNotFound, asked: 1},
		"another key":       {answer: refusal(403, "SignatureDoesNotMatch"), says: "SignatureDoesNotMatch", asked: 1},
		"an expired token":  {answer: refusal(400, "ExpiredToken"), says: "ExpiredToken", asked: 1},
		"slow down":         {answer: refusal(503, "SlowDown"), says: "in 3 tries", asked: 3},
		"internal error":    {answer: refusal(500, "InternalError"), says: "in 3 tries", asked: 3},
		"a proxy's 502":     {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, says: "in 3 tries", asked: 3},
		"too many requests": {answer: refusal(429, "TooManyRequests"), says: "in 3 tries", asked: 3},
		"cut off": {says: "after 1000 of 102400 bytes: the connection ended", asked: 1, answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			_, _ = w.Write(data[:1000])
		}},
		"silent": {says: "in 3 tries", asked: 3, answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		"stalled": {says: "after 1000 of 102400 bytes: no byte was received", asked: 1, answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			_, _ = w.Write(data[:1000])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 10 * time.Second
			if name == "silent" || name == "stalled" {
				timeout = 100 * time.Millisecond
			}
			s, asked := faulty(t, timeout, c.answer)
			got, err := readAll(bustest.Context(t), s, ref)
			switch {
			case c.says != "":
				checkUnavailable(t, err, c.says)
			case !errors.Is(err, c.want), c.want == nil && !bytes.Equal(got, data):
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if asked.Load() != c.asked {
				t.Errorf("asked %d times", asked.Load())
			}
		})
	}
}

// TestS3SlowReader checks that the timeout does not run between reads.
func TestS3SlowReader(t *testing.T) {
	t.Parallel()
	data := noise(1 << 20)
	const timeout = 50 * time.Millisecond
	s, _ := faulty(t, timeout, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) })
	r, err := s.Open(bustest.Context(t), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 1000)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	<-time.After(3 * timeout)
	tail, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(head, tail...), data) {
		t.Errorf("%d bytes, %v", len(tail), err)
	}
}

// TestS3TriesAgain checks that a request that failed once is sent again.
func TestS3TriesAgain(t *testing.T) {
	t.Parallel()
	data := noise(1000)
	var failed atomic.Bool
	s, asked := faulty(t, 10*time.Second, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case failed.CompareAndSwap(false, true):
			w.WriteHeader(503)
		case r.Method == http.MethodHead:
			w.WriteHeader(404)
		case r.Method == http.MethodPut:
			failed.Store(!bytes.Equal(must(io.ReadAll(r.Body)), data))
		default:
			_, _ = w.Write(data)
		}
	})
	checkStored(t, s, ref, data)
	failed.Store(false)
	if !put(t, s, ref, data) || asked.Load() != 5 {
		t.Errorf("%d requests", asked.Load())
	}
}

// TestS3StalledPut puts an archive that the server does not receive.
func TestS3StalledPut(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	s, _ := faulty(t, 100*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(404)
			return
		}
		<-over
	})
	t.Cleanup(func() { close(over) }) // runs before the server is closed, which waits for its handlers
	_, err := s.Put(bustest.Context(t), ref, store.DefaultSuffix, bytes.NewReader(noise(32<<20)))
	checkUnavailable(t, err, "in 3 tries")
}

func TestS3TLS(t *testing.T) {
	t.Parallel()
	data := noise(1000)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
		_, _ = w.Write(data)
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := store.Config{S3: store.S3Config{Endpoint: srv.URL, AccessKey: "a", SecretKey: "b"}}
	_, err := open(t, "s3://archives", cfg).Open(bustest.Context(t), ref)
	checkUnavailable(t, err, "certificate")
	cfg.S3.CA = ca
	checkStored(t, open(t, "s3://archives", cfg), ref, data)
}
