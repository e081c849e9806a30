// Package store reads and writes archives of episodes in stores.
//
//	store.go     the address of a store, and its settings
//	suffixes.go  the names that the archive of an episode may have
//	dir.go       a directory
//	nats.go      an object store of NATS
//	s3.go        a bucket of an S3 server, and its address
//	answers.go   which errors mean that there is no archive, or one that cannot be read
//	transfer.go  downloads and uploads, which end when no byte comes for a while
//	retry.go     asks a store again that did not answer
//
// All stores use the same errors when opening and reading an archive, those of
// episode.Store. answers.go has the tables of which answer of a store means which of
// them. An error that is in none of the tables means that the store cannot answer now: a
// missing bucket, a rejected key or an interrupted transfer is not a fault of the archive.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/setting"
)

// Config says how to reach stores that are not a directory. It is filled from the
// environment by envconfig. The zero value of a field means its default.
type Config struct {
	// Timeout is how long a store may send nothing: before the first byte of an
	// answer, and then during each read. Its default is 10 s, at most it is 1 h.
	Timeout time.Duration `envconfig:"EPISODE_STORE_TIMEOUT" desc:"how long nats:// and s3:// stores may be silent, before the first byte and between bytes"`
	S3      S3Config      `ignored:"true"` // filled separately, see Settings
	// Suffixes are the endings of the archives' names <host>/<episode><suffix>, tried in this order.
	// They come from the format of a spec, not from the environment. None may be the tail of
	// another. An empty list means DefaultSuffix.
	Suffixes []string `ignored:"true"`
}

// Settings returns the structs in c to fill from the environment.
func (c *Config) Settings() []any { return []any{c, &c.S3} }

// Validate sets defaults. Its error names the first field that is not valid.
func (c *Config) Validate() error {
	return cmp.Or(setting.Number("EPISODE_STORE_TIMEOUT", &c.Timeout, 10*time.Second, 0, time.Hour), c.S3.validate())
}

// An Uploader is a store that archives can also be written to. Its methods may be
// called concurrently.
type Uploader interface {
	episode.Store
	// Ensure checks that archives can be put. A bucket in NATS is created if it is
	// missing.
	Ensure(ctx context.Context) error
	// Put stores all of r, from its start, as the archive of an episode under a
	// suffix, which must be one of the store's. Either the whole archive is stored, or
	// the store stays as it was. An archive that is stored already under that suffix is
	// replaced, unless it has the same content: then sent is false. r is read twice.
	Put(ctx context.Context, ref episode.Ref, suffix string, r io.ReadSeeker) (sent bool, err error)
	// SuffixesOf returns the suffixes of all archives that the store has of an episode.
	// Open returns the first of them. The list is empty if there is none.
	SuffixesOf(ctx context.Context, ref episode.Ref) ([]string, error)
}

// ErrAddress matches the error of an address that is not valid.
var ErrAddress = errors.New("want a directory, file:///directory, nats://bucket or s3://bucket/prefix")

// NeedsBus reports whether Open needs a connection to NATS for an address.
func NeedsBus(address string) bool { return strings.HasPrefix(address, "nats://") }

// Open opens the store at an address: the path of a directory, file:///directory,
// nats://bucket or s3://bucket/prefix. A directory must exist. The other stores are
// not contacted yet, so that a service can start while its store is down. nc is
// needed only for nats:// and stays the caller's. A store that is an io.Closer
// should be closed.
func Open(address string, cfg Config, nc *bus.Bus) (Uploader, error) {
	s, err := open(address, cfg, nc)
	if err != nil {
		return nil, err // s may be a nil pointer in a non-nil interface
	}
	return s, nil
}

func open(address string, cfg Config, nc *bus.Bus) (Uploader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	suffixes, err := newSuffixes(cfg.Suffixes)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	scheme, _, ok := strings.Cut(address, "://")
	switch {
	case !ok, scheme == "file":
		return OpenDir(address, suffixes...)
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
		return openNATS(u.Host, cfg.Timeout, suffixes, nc)
	}
	return openS3(u.Host, strings.Trim(u.Path, "/"), cfg, suffixes)
}
