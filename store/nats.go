package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/episode"
)

// A NATS is a store in a bucket of JetStream's object store: an archive is the
// object <host>/<episode>.tar.zst. It implements Uploader. It may be used
// concurrently and needs no closing; the connection stays the caller's.
type NATS struct{ objects *client.Objects }

var natsBucket = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func openNATS(bucket string, cfg Config, nc *bus.Bus) (*NATS, error) {
	if !natsBucket.MatchString(bucket) {
		return nil, fmt.Errorf("open store nats://%s: the name of a bucket has only letters, digits, _ and -", bucket)
	}
	if nc == nil {
		return nil, fmt.Errorf("open store nats://%s: there is no connection to NATS", bucket)
	}
	return &NATS{nc.Objects(bucket, cfg.Timeout)}, nil
}

// Open implements episode.Store. ctx must not end before the archive is read. Each
// object is stored with its SHA-256: an object that was read to its end and has
// another one is corrupt.
func (s *NATS) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	object, err := objectName(ref)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	r, err := s.objects.Open(ctx, object)
	if err != nil {
		return nil, classify(err)
	}
	return natsArchive{r}, nil
}

// A natsArchive classifies the errors of reading an object.
type natsArchive struct{ io.ReadCloser }

func (a natsArchive) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = classify(err)
	}
	return n, err
}

// classify wraps an error of the bus so that it matches episode.ErrNotFound or
// episode.ErrCorrupt if it means that.
func classify(err error) error {
	switch {
	case errors.Is(err, client.ErrNoObject):
		return fmt.Errorf("%w: %w", episode.ErrNotFound, err)
	case errors.Is(err, client.ErrObjectDamaged):
		return fmt.Errorf("%w: %w", episode.ErrCorrupt, err)
	}
	return err
}

// Ensure implements Uploader. It creates the bucket if it is missing, or with
// TOPOLOGY=expect waits for it.
func (s *NATS) Ensure(ctx context.Context) error { return s.objects.Ensure(ctx) }

// Put implements Uploader.
func (s *NATS) Put(ctx context.Context, ref episode.Ref, r io.ReadSeeker) (bool, error) {
	object, err := objectName(ref)
	if err != nil {
		return false, fmt.Errorf("put archive: %w", err)
	}
	return s.objects.Put(ctx, object, r)
}
