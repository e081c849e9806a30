package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/atomicfile"
)

// A Dir is a store in a directory: an archive is the file <dir>/<host>/<episode>.tar.zst. It
// implements Uploader. It may be used concurrently and needs no closing.
//
// Nothing outside the directory is ever opened or written, even through symbolic links in it.
type Dir struct{ path string }

// OpenDir returns the store in a directory, given by its path or as file:///directory. The
// directory must exist.
func OpenDir(address string) (*Dir, error) {
	dir, err := dirPath(address)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open store: %s is not a directory", dir)
	}
	return &Dir{dir}, nil
}

// dirPath returns the path of the directory at an address.
func dirPath(address string) (string, error) {
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		return address, nil
	}
	if scheme != "file" {
		return "", fmt.Errorf("open store %.80q: unknown scheme %.80q: want file:///directory or a path", address, scheme)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("open store: %w", err)
	}
	if u.Host != "" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("open store %.80q: want file:///directory", address)
	}
	return u.Path, nil
}

// root opens the directory. This is done for each call: if the directory is gone, that is an error
// rather than a store without archives, and a directory that is mounted later is found.
func (d *Dir) root() (*os.Root, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return root, nil
}

// Open implements episode.Store.
func (d *Dir) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name, err := objectName(ref)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	root, err := d.root()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := openRegular(root, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s in %s", episode.ErrNotFound, name, d.path)
	case err != nil:
		return nil, fmt.Errorf("open archive %s: %w", ref, err)
	}
	return file, nil
}

// openRegular opens a regular file. It checks the kind of file first, because opening a pipe waits
// for its writer.
func openRegular(root *os.Root, name string) (*os.File, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is not a regular file", episode.ErrCorrupt)
	}
	return root.Open(name)
}

// Ensure implements Uploader. It does nothing: OpenDir has checked that the directory exists.
func (d *Dir) Ensure(context.Context) error { return nil }

// Put implements Uploader. It writes the archive to a temporary file in the same folder, syncs it
// and renames it, so a reader sees either the old archive or the new one.
func (d *Dir) Put(ctx context.Context, ref episode.Ref, r io.ReadSeeker) (sent bool, err error) {
	name, err := objectName(ref)
	if err != nil {
		return false, fmt.Errorf("put archive: %w", err)
	}
	root, err := d.root()
	if err != nil {
		return false, err
	}
	defer root.Close()
	if sent, err = put(ctx, root, name, r); err != nil {
		return false, fmt.Errorf("put archive %s: %w", ref, err)
	}
	return sent, nil
}

func put(ctx context.Context, root *os.Root, name string, r io.ReadSeeker) (sent bool, err error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	same, err := hasContent(ctx, root, name, r)
	if err != nil || same {
		return false, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	err = atomicfile.WriteIn(root, name, 0o644, func(w io.Writer) error {
		_, err := io.Copy(w, readerFunc(func(p []byte) (int, error) {
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
			return r.Read(p)
		}))
		return err
	})
	if err != nil {
		return false, err
	}
	return true, nil
}

// hasContent reports whether a file exists and has exactly the bytes of r. If the file can be
// opened but not read to its end, it counts as different, so that Put replaces it.
func hasContent(ctx context.Context, root *os.Root, name string, r io.Reader) (bool, error) {
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	var have, want [64 << 10]byte
	for ctx.Err() == nil {
		n, err := io.ReadFull(file, have[:])
		m, rerr := io.ReadFull(r, want[:])
		switch {
		case rerr != nil && !isEOF(rerr):
			return false, rerr
		case err != nil && !isEOF(err), !bytes.Equal(have[:n], want[:m]):
			return false, nil
		case err != nil:
			return true, nil
		}
	}
	return false, context.Cause(ctx)
}

// isEOF reports whether err is one of those with which io.ReadFull returns at the end of its
// source.
func isEOF(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// A readerFunc is a function that reads as an io.Reader does.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
