// Package store opens stores of archives by their address: a directory, an
// object store of NATS, or a bucket of an S3 server.
//
// What an error of Open or of reading means is the same for all:
// episode.ErrNotFound where the backend itself says that it has no such archive,
// episode.ErrCorrupt where what it has was read whole and is proved to be
// something else than what was stored, and any other error where the store does
// not answer now. A bucket that is missing, a key that is not accepted and a
// transfer that breaks off are of the last kind: they say nothing of an episode.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
)

// Config says how stores that are not a directory are reached. It is filled from
// the environment by envconfig; the zero value of a field means its default.
type Config struct {
	// Timeout is how long a store may be silent: until the first byte of an
	// answer, and from then on between any two reads.
	Timeout time.Duration `envconfig:"EPISODE_STORE_TIMEOUT" default:"10s" desc:"how long nats:// and s3:// stores may be silent, before the first byte and between bytes"`
	S3      S3Config      `ignored:"true"` // filled by itself
}

// Settings are the parts of c to fill from the environment.
func (c *Config) Settings() []any { return []any{c, &c.S3} }

// Validate fills defaults and names the first field that can't be used.
func (c *Config) Validate() error {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Timeout < 0 || c.Timeout > time.Hour {
		return fmt.Errorf("EPISODE_STORE_TIMEOUT is %s: it must be between 0 and 1h", c.Timeout)
	}
	return c.S3.validate()
}

// An Uploader is a store that takes archives, too. Its methods may be called
// concurrently.
type Uploader interface {
	episode.Store
	// Ensure makes sure that there is a place to put archives. Where it can, it
	// makes it.
	Ensure(ctx context.Context) error
	// Put stores all of r, from its start, as the archive of an episode, whole or
	// not at all, and reports whether it was sent: an archive of the same size and
	// digest that is there already is left alone, another is replaced. r is read
	// twice.
	Put(ctx context.Context, ref episode.Ref, r io.ReadSeeker) (sent bool, err error)
}

// ErrAddress matches the error of an address that can't be one.
var ErrAddress = errors.New("want a directory, file:///directory, nats://bucket or s3://bucket/prefix")

// NeedsBus tells whether the store at an address is reached by a connection to
// NATS, which Open then takes.
func NeedsBus(address string) bool { return strings.HasPrefix(address, "nats://") }

// Open opens the store at an address: a directory's path, file:///directory,
// nats://bucket or s3://bucket/prefix. A directory must be there; of the others
// nothing is asked yet, so that a service starts also while its store is down.
// nc is used for nats:// alone and stays the caller's.
func Open(address string, cfg Config, nc *bus.Bus) (Uploader, error) {
	s, err := open(address, cfg, nc)
	if err != nil {
		return nil, err // and not a store that is a nil pointer
	}
	return s, nil
}

func open(address string, cfg Config, nc *bus.Bus) (Uploader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	scheme, _, ok := strings.Cut(address, "://")
	switch {
	case !ok, scheme == "file":
		return OpenDir(address)
	case scheme != "nats" && scheme != "s3":
		return nil, fmt.Errorf("open store: unknown scheme %q: %w", scheme, ErrAddress)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("open store: %w: %w", err, ErrAddress)
	}
	if u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || scheme == "nats" && strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("open store %q: %w", u.Redacted(), ErrAddress)
	}
	if scheme == "nats" {
		return openNATS(u.Host, cfg, nc)
	}
	return openS3(u.Host, strings.Trim(u.Path, "/"), cfg)
}

// objectName is the name of an archive's object or file: <host>/<episode>.tar.zst.
func objectName(ref episode.Ref) (string, error) {
	if _, err := episode.ParseRef(string(ref.Host), string(ref.ID)); err != nil {
		return "", err
	}
	return ref.String() + ".tar.zst", nil
}
