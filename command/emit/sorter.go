package emit

import (
	"context"
	"fmt"
	"iter"
	"os"

	"github.com/lanrat/extsort"
)

// A sorter sorts strings by their bytes. Most of them are in a temporary file, so its memory does not
// grow with their number: add all, then read them once with sorted. The zero sorter is not ready:
// use newSorter. Close must be called. A sorter is not for concurrent use.
type sorter struct {
	n int // strings that were added

	in     chan string
	out    <-chan string
	failed <-chan error
	ended  chan struct{} // closed when nothing more is taken from in
	full   bool          // in is closed
	cancel context.CancelFunc
}

// chunkLen is how many strings are sorted at once in memory. A string takes some 100 bytes, and up
// to five such parts are in memory at once. Tests lower it.
var chunkLen = 50_000

// newSorter returns an empty sorter, which must be closed. If ctx ends it fails.
func newSorter(ctx context.Context) *sorter {
	ctx, cancel := context.WithCancel(ctx)
	s := &sorter{in: make(chan string, 1024), ended: make(chan struct{}), cancel: cancel}
	// Without TMPDIR, a folder that is on disk is preferred: /tmp may be in memory.
	sorting, out, failed := extsort.Strings(s.in, &extsort.Config{
		ChunkSize: chunkLen, NumWorkers: 1, SortedChanBuffSize: 1024, TempFilesDir: os.Getenv("TMPDIR"),
	})
	s.out, s.failed = out, failed
	go func() {
		sorting.Sort(ctx)
		close(s.ended)
	}()
	return s
}

// add adds a string.
func (s *sorter) add(text string) error {
	select {
	case s.in <- text:
		s.n++
		return nil
	case <-s.ended:
		return s.err()
	}
}

// sorted yields all strings in order. It may be used once, after the last add.
func (s *sorter) sorted() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s.finish()
		for text := range s.out {
			if !yield(text, nil) {
				return
			}
		}
		if err := s.err(); err != nil {
			yield("", err)
		}
	}
}

// finish says that nothing more will be added.
func (s *sorter) finish() {
	if !s.full {
		s.full = true
		close(s.in)
	}
}

// err returns why sorting failed. It must have ended.
func (s *sorter) err() error {
	if err := <-s.failed; err != nil {
		return fmt.Errorf("sort the log and the list in a temporary file: %w (set TMPDIR to a folder on disk that can be written)", err)
	}
	return nil
}

// close drops what was not read, and the temporary file. A nil sorter may be closed, and one that
// is closed already.
func (s *sorter) close() {
	if s == nil {
		return
	}
	s.cancel()
	s.finish()
	<-s.ended
	for range s.out { // until the file is closed
		continue
	}
}
