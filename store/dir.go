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
	"syscall"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/atomicfile"
)

// A Dir is a store in a directory: an archive is the file <dir>/<host>/<episode><suffix>. It
// implements Uploader. It may be used concurrently and needs no closing.
//
// Nothing outside the directory is ever opened or written, even through symbolic links in it.
type Dir struct {
	path     string
	suffixes suffixes
}

// OpenDir returns the store in a directory, given by its path or as file:///directory. The
// directory must exist. The suffixes are those of Config.Suffixes.
func OpenDir(address string, suffixes ...string) (*Dir, error) {
	known, err := newSuffixes(suffixes)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	dir, err := dirPath(address)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open store: there is no directory %q (EPISODE_STORE or --store names it): is it mounted?", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open store: %s is not a directory", dir)
	}
	return &Dir{dir, known}, nil
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
	r, _, err := d.suffixes.open(ctx, ref, d.open)
	return r, err
}

// OpenFile does what Open does, and also returns the suffix of the archive's name.
func (d *Dir) OpenFile(ctx context.Context, ref episode.Ref) (*os.File, string, error) {
	r, suffix, err := d.suffixes.open(ctx, ref, d.open)
	if err != nil {
		return nil, "", err
	}
	return r.(*os.File), suffix, nil
}

// SuffixesOf implements Uploader.
func (d *Dir) SuffixesOf(ctx context.Context, ref episode.Ref) ([]string, error) {
	return d.suffixes.of(ctx, ref, d.open)
}

func (d *Dir) open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := d.root()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := openRegular(root, name)
	if errors.Is(err, fs.ErrNotExist) { // the usual case, in few words
		return nil, fmt.Errorf("%w: %s in %s", episode.ErrNotFound, name, d.path)
	}
	if err != nil {
		return nil, dirAnswers.explain(fmt.Errorf("open archive %s in %s: %w", name, d.path, withoutCall(err)))
	}
	return file, nil
}

// withoutCall takes the name of the system's call, such as openat, and the file's name from an error.
func withoutCall(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// openRegular opens a regular file. Other kinds of files give an error that matches
// episode.ErrCorrupt. It never waits, as opening a pipe for its writer would, and looks at the file
// that it has opened: the name may get another file at any time.
func openRegular(root *os.Root, name string) (*os.File, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if info, serr := root.Stat(name); serr == nil && !info.Mode().IsRegular() { // such as a socket, which cannot be opened
			return nil, errNotRegular
		}
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

var errNotRegular = fmt.Errorf("%w: it is not a regular file", episode.ErrCorrupt)

// Ensure implements Uploader. It does nothing: OpenDir has checked that the directory exists.
func (d *Dir) Ensure(context.Context) error { return nil }

// Put implements Uploader. It writes the archive to a temporary file in the same folder, syncs it
// and renames it, so a reader sees either the old archive or the new one.
func (d *Dir) Put(ctx context.Context, ref episode.Ref, suffix string, r io.ReadSeeker) (sent bool, err error) {
	name, err := d.suffixes.forPut(ref, suffix)
	if err != nil {
		return false, err
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

// hasContent reports whether a file exists and has exactly the bytes of r. If the file is not a
// regular one, or can be opened but not read to its end, it counts as different, so that Put
// replaces it.
func hasContent(ctx context.Context, root *os.Root, name string, r io.Reader) (bool, error) {
	file, err := openRegular(root, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotRegular) {
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
