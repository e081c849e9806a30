// Package pack makes archives of episodes that lie in folders: DIR/<host>/<episode>/ with the files of an episode becomes
// STORE/<host>/<episode>.tar.zst.
//
//	pack.go     packs a folder of hosts
//	find.go     finds the episodes, and what cannot be packed
//	archive.go  writes the archive of one episode
package pack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/internal/atomicfile"
)

// Suffix is that of the archives.
const Suffix = ".tar.zst"

// A Summary counts what was done.
type Summary struct {
	Hosts    int      `json:"hosts"`
	Written  int      `json:"written"`  // archives that were not there
	Replaced int      `json:"replaced"` // archives that were there with other content
	Same     int      `json:"same"`     // archives that were there with the same content, and are left as they were
	Files    int      `json:"files"`    // members of all archives
	LeftOut  []string `json:"left_out"` // files beside the folders of hosts and episodes, which belong to no episode
}

// Pack makes an archive of each episode below dir in the directory store, which is made if it is missing. The same files give the
// same bytes: members are in the order of their names, without times and owners. An archive gets its name when it is whole.
//
// Nothing is written if something below dir cannot be packed: a name that is no id of a host or an episode, a folder of an episode
// without files, a link or another thing that is neither a file nor a folder. The error says what to do.
//
// progress, unless nil, is called after each archive, one call at a time. An error or the end of ctx stops the work; archives that
// were written remain.
func Pack(ctx context.Context, dir, store string, progress func(done, total int)) (Summary, error) {
	if err := apart(dir, store); err != nil {
		return Summary{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Summary{}, fmt.Errorf("pack: %w", err)
	}
	defer root.Close()
	found, err := find(root)
	if err != nil {
		return Summary{}, fmt.Errorf("pack %s: %w", dir, err)
	}
	p := &packer{from: root, store: store, total: len(found.episodes), progress: progress}
	p.summary = Summary{Hosts: found.hosts, LeftOut: found.leftOut}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, e := range found.episodes {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return p.pack(e)
		})
	}
	err = group.Wait()
	return p.summary, err
}

// apart returns an error if the store lies in dir: its archives would be taken for files of episodes when Pack runs again.
func apart(dir, store string) error {
	a, err := resolved(dir)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	b, err := resolved(store)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	if rel, err := filepath.Rel(a, b); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("pack %s: the store %s lies in it; name another folder for the store", dir, store)
	}
	return nil
}

// resolved returns an absolute path without links. A part that is missing is taken as it stands.
func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		parent, err := resolved(filepath.Dir(path))
		return filepath.Join(parent, filepath.Base(path)), err
	}
	return real, err
}

// A packer packs episodes, several at once.
type packer struct {
	from     *os.Root
	store    string
	total    int
	progress func(done, total int)

	mu      sync.Mutex
	summary Summary
	done    int
}

// pack makes the archive of one episode, unless it is there already.
func (p *packer) pack(e foundEpisode) error {
	path := filepath.Join(p.store, filepath.FromSlash(e.folder)) + Suffix
	same, exists, err := p.isThere(e, path)
	if err == nil && !same {
		err = atomicfile.Write(path, 0o644, func(w io.Writer) error { return writeArchive(w, p.from, e) })
	}
	if err != nil {
		return fmt.Errorf("pack %s: %w", e.folder, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case same:
		p.summary.Same++
	case exists:
		p.summary.Replaced++
	default:
		p.summary.Written++
	}
	p.summary.Files += len(e.files)
	p.done++
	if p.progress != nil {
		p.progress(p.done, p.total)
	}
	return nil
}

// isThere reports whether there is a file at path, and whether it has exactly the bytes of the episode's archive.
func (p *packer) isThere(e foundEpisode, path string) (same, exists bool, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	if err != nil || !info.Mode().IsRegular() {
		return false, true, err // atomicfile refuses what is no regular file
	}
	file, err := os.Open(path)
	if err != nil {
		return false, true, err
	}
	defer file.Close()
	compared := &comparer{file: file}
	switch err := writeArchive(compared, p.from, e); {
	case errors.Is(err, errDiffers):
		return false, true, nil
	case err != nil:
		return false, true, err
	}
	return compared.atEnd(), true, nil
}
