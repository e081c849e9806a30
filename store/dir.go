package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/nats-io/nuid"

	"github.com/cis490/profiles/episode"
)

// A Dir is a directory that takes archives, too: that of a receiver, or a volume
// that workers mount. It implements Uploader, and is not closed.
type Dir struct{ *episode.DirStore }

// Ensure implements Uploader. The directory was there when the store was opened.
func (d Dir) Ensure(context.Context) error { return nil }

// Put implements Uploader. The archive is written beside its place, brought to the
// disk and then moved there, so a reader sees the old one or the new one. Nothing
// outside the directory is ever written, whatever links lie in it.
func (d Dir) Put(ctx context.Context, ref episode.Ref, r io.ReadSeeker) (bool, error) {
	to, err := name(ref)
	if err != nil {
		return false, fmt.Errorf("put archive: %w", err)
	}
	root, err := os.OpenRoot(d.Path())
	if err != nil {
		return false, fmt.Errorf("put archive %s: %w", ref, err)
	}
	defer root.Close()
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("put archive %s: %w", ref, err)
	}
	same, err := holds(ctx, root, to, r)
	if err != nil || same {
		return false, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("put archive %s: %w", ref, err)
	}
	if err := root.MkdirAll(path.Dir(to), 0o755); err != nil {
		return false, fmt.Errorf("put archive %s: %w", ref, err)
	}
	beside := path.Join(path.Dir(to), "."+nuid.Next()+".tmp") // no episode's name begins with a dot
	if err = write(ctx, root, beside, r); err == nil {
		err = root.Rename(beside, to)
	}
	if err != nil {
		_ = root.Remove(beside)
		return false, fmt.Errorf("put archive %s: %w", ref, err)
	}
	return true, nil
}

// holds tells whether the file has just the bytes of r.
func holds(ctx context.Context, root *os.Root, name string, r io.Reader) (bool, error) {
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", name, err)
	}
	defer file.Close()
	var have, want [64 << 10]byte
	for ctx.Err() == nil {
		n, err := io.ReadFull(file, have[:])
		m, rerr := io.ReadFull(r, want[:])
		if rerr != nil && !ended(rerr) {
			return false, fmt.Errorf("read the archive for %s: %w", name, rerr)
		}
		switch {
		case err != nil && !ended(err), !bytes.Equal(have[:n], want[:m]):
			return false, nil // what can't be read is replaced
		case err != nil:
			return true, nil
		}
	}
	return false, context.Cause(ctx)
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// write makes a new file of all of r, on the disk when it returns.
func write(ctx context.Context, root *os.Root, name string, r io.Reader) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, reader(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(p)
	}))
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

type reader func([]byte) (int, error)

func (f reader) Read(p []byte) (int, error) { return f(p) }
