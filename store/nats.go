package store

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/episode"
)

// A NATS is a store in a bucket of JetStream's object store: an archive is the
// object <host>/<episode><suffix>. It implements Uploader. It may be used
// concurrently and needs no closing; the connection stays the caller's.
type NATS struct {
	bus      *bus.Bus
	bucket   string
	objects  *client.Objects
	suffixes suffixes
}

var natsBucket = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func openNATS(bucket string, timeout time.Duration, suffixes suffixes, nc *bus.Bus) (*NATS, error) {
	if !natsBucket.MatchString(bucket) {
		return nil, fmt.Errorf("open store nats://%s: the name of a bucket has only letters, digits, _ and -", bucket)
	}
	if nc == nil {
		return nil, fmt.Errorf("open store nats://%s: there is no connection to NATS", bucket)
	}
	return &NATS{nc, bucket, nc.Objects(bucket, timeout), suffixes}, nil
}

// Open implements episode.Store. ctx must not end before the archive is read. Each
// object is stored with its SHA-256: an object that was read to its end and has
// another one is corrupt.
func (s *NATS) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	r, _, err := s.suffixes.open(ctx, ref, s.open)
	return r, err
}

func (s *NATS) open(ctx context.Context, object string) (io.ReadCloser, error) {
	r, err := s.objects.Open(ctx, object)
	if err != nil {
		return nil, natsAnswers.explain(err)
	}
	return natsArchive{r}, nil
}

// SuffixesOf implements Uploader.
func (s *NATS) SuffixesOf(ctx context.Context, ref episode.Ref) ([]string, error) {
	return s.suffixes.of(ctx, ref, s.open)
}

// A natsArchive explains the errors of reading an object.
type natsArchive struct{ io.ReadCloser }

func (a natsArchive) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = natsAnswers.explain(err)
	}
	return n, err
}

// Ensure implements Uploader. It creates the bucket if it is missing, or with
// TOPOLOGY=expect waits for it.
func (s *NATS) Ensure(ctx context.Context) error { return s.objects.Ensure(ctx) }

// KeepSettings compares the settings of the bucket, and mends what it can. See bus.KeepArchives.
func (s *NATS) KeepSettings(ctx context.Context) bus.Check { return s.bus.KeepArchives(ctx, s.bucket) }

// Put implements Uploader.
func (s *NATS) Put(ctx context.Context, ref episode.Ref, suffix string, r io.ReadSeeker) (bool, error) {
	object, err := s.suffixes.forPut(ref, suffix)
	if err != nil {
		return false, err
	}
	return s.objects.Put(ctx, object, r)
}
