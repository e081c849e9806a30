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

// A NATS store is a bucket of JetStream's object store; an archive is the object
// <host>/<episode>.tar.zst. It implements Uploader.
type NATS struct{ objects *client.Objects }

var natsBucket = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func openNATS(bucket string, cfg Config, nc *bus.Bus) (*NATS, error) {
	if !natsBucket.MatchString(bucket) {
		return nil, fmt.Errorf("open store nats://%s: a bucket's name has letters, digits, _ and - only", bucket)
	}
	if nc == nil {
		return nil, fmt.Errorf("open store nats://%s: there is no connection to NATS", bucket)
	}
	return &NATS{nc.Objects(bucket, cfg.Timeout)}, nil
}

// Open implements episode.Store. Reading goes on as long as ctx does. The digest
// of an object is a SHA-256 that was made by whoever stored it: an object that was
// read whole and has another is corrupt.
func (s *NATS) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	object, err := objectName(ref)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	r, err := s.objects.Open(ctx, object)
	if err != nil {
		return nil, judged(err)
	}
	return natsArchive{r}, nil
}

type natsArchive struct{ io.ReadCloser }

func (a natsArchive) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = judged(err)
	}
	return n, err
}

// judged adds to an error of the bus what it means for an archive.
func judged(err error) error {
	switch {
	case errors.Is(err, client.ErrNoObject):
		return fmt.Errorf("%w: %w", episode.ErrNotFound, err)
	case errors.Is(err, client.ErrObjectDamaged):
		return fmt.Errorf("%w: %w", episode.ErrCorrupt, err)
	}
	return err
}

// Ensure implements Uploader: it makes the bucket where absent, or with
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
