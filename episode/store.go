package episode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"
)

// A Store is where archives come from. Its methods may be called concurrently.
type Store interface {
	// Open returns the archive of an episode, which the caller closes. The error matches [ErrNotFound] where the store
	// answers that it has no such archive, and [ErrCorrupt] where what it has can never be read. Any other error means
	// that the store does not answer now.
	Open(ctx context.Context, ref Ref) (io.ReadCloser, error)
}

// OpenStore opens the store at a location: a directory's path, or file:///directory.
func OpenStore(location string) (*DirStore, error) {
	dir, err := parseLocation(location)
	if err != nil {
		return nil, err
	}
	return OpenDir(dir)
}

// parseLocation returns the directory that a location names.
func parseLocation(location string) (string, error) {
	scheme, _, ok := strings.Cut(location, "://")
	if !ok {
		return location, nil
	}
	if scheme != "file" {
		return "", fmt.Errorf("open store %s: unknown scheme %q, know file:///directory and a plain path", quote(location), scheme)
	}
	u, err := url.Parse(location)
	if err != nil {
		return "", fmt.Errorf("open store: %w", err)
	}
	if u.Host != "" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("open store %s: want file:///directory", quote(location))
	}
	return u.Path, nil
}

// A DirStore is the receiver's directory: <dir>/<host>/<id>.tar.zst. It may be used concurrently, and is not closed.
type DirStore struct{ dir string }

// OpenDir returns the store in a directory, which must be there.
func OpenDir(dir string) (*DirStore, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open store: %s is not a directory", dir)
	}
	return &DirStore{dir}, nil
}

// Path is the directory.
func (s *DirStore) Path() string { return s.dir }

// Open implements [Store]. Nothing outside the directory is ever opened, whatever links lie in it.
func (s *DirStore) Open(ctx context.Context, ref Ref) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := ref.check(); err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	// The root is opened each time: a store that is gone is then an error and not one without archives, and one that is
	// mounted later is seen.
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	defer root.Close()
	name := path.Join(string(ref.Host), string(ref.ID)+".tar.zst")
	// Opening a pipe would wait for its writer, so look first.
	info, err := root.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, corruptf("%s is no regular file", name)
	}
	var file *os.File
	if err == nil {
		file, err = root.Open(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s in %s", ErrNotFound, name, s.dir)
	case err != nil:
		return nil, fmt.Errorf("open archive %s: %w", ref, err)
	}
	return file, nil
}
