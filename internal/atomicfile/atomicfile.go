// Package atomicfile writes files that are either complete or not there.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
)

// Check returns an error where Write could not write the file at path, so that a
// caller finds out before hours of work. It makes the folder where it is missing,
// and refuses to replace anything but a regular file.
func Check(path string) error {
	root, name, err := open(path)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	f, temp, err := create(root, name, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return errors.Join(f.Close(), root.Remove(temp))
}

// Write makes or replaces the file at path. write writes the content into a
// temporary file of the same folder, which is then renamed to path. Missing
// folders are made. As with os.WriteFile, perm is subject to the umask. When Write
// returns nil, the file and its name are on the disk; after an error the old file,
// if there was one, is unchanged. A path of something other than a regular file is
// an error.
func Write(path string, perm fs.FileMode, write func(io.Writer) error) error {
	return atPath(path, perm, write, true)
}

// WriteUnsynced is Write without waiting for the disk: after a loss of power the
// file may be missing, empty or cut short.
func WriteUnsynced(path string, perm fs.FileMode, write func(io.Writer) error) error {
	return atPath(path, perm, write, false)
}

// WriteIn is Write for a file below root, as os.Root resolves slash-separated
// names. It replaces a symbolic link.
func WriteIn(root *os.Root, name string, perm fs.FileMode, write func(io.Writer) error) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	return replace(root, name, perm, write, true)
}

func atPath(path string, perm fs.FileMode, write func(io.Writer) error, sync bool) error {
	root, name, err := open(path)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := replace(root, name, perm, write, sync); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// open makes and opens the folder of path, and returns the file's name in it. The
// name must be free or that of a regular file.
func open(path string) (*os.Root, string, error) {
	dir, name := filepath.Dir(path), filepath.Base(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, "", fmt.Errorf("make folder for %s: %w", path, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, "", fmt.Errorf("open folder of %s: %w", path, err)
	}
	switch info, err := root.Lstat(name); {
	case err == nil && !info.Mode().IsRegular():
		_ = root.Close()
		return nil, "", fmt.Errorf("write %s: it exists and is not a regular file; choose another name", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		_ = root.Close()
		return nil, "", fmt.Errorf("write %s: %w", path, err)
	}
	return root, name, nil
}

// create makes a temporary file in the folder of name.
func create(root *os.Root, name string, perm fs.FileMode) (*os.File, string, error) {
	temp := path.Join(path.Dir(name), "."+rand.Text()+".tmp") // not made of name, which may have the greatest length that is allowed
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	return f, temp, err
}

func replace(root *os.Root, name string, perm fs.FileMode, write func(io.Writer) error, sync bool) error {
	f, temp, err := create(root, name, perm)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	if !sync {
		return nil
	}
	return syncFolder(root, path.Dir(name))
}

// syncFolder brings the names in a folder to the disk. Windows can't, and doesn't
// need to.
func syncFolder(root *os.Root, dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
