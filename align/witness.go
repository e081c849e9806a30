package align

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/cis490/profiles/episode"
)

// A Witness knows whether a store gives archives. If one archive cannot be read, it
// tells whether others can: if so, the archive is at fault, otherwise the store may be.
// It is safe for concurrent use.
type Witness struct {
	store episode.Store

	mu     sync.Mutex
	reads  uint64
	known  episode.Ref // the archive that was read last; zero: none
	failed time.Time   // when it could not be opened

	asking sync.Mutex
}

const (
	witnessTime  = 5 * time.Second // how long the store may take to give the first byte of an archive
	witnessPause = time.Second     // after it gave none
	// maxUnanswered is how many archives without an answer mean that the store is at fault.
	maxUnanswered = 8
)

// NewWitness returns the witness of a store. No archive was read yet.
func NewWitness(store episode.Store) *Witness { return &Witness{store: store} }

// Saw notes that an archive was read.
func (w *Witness) Saw(ref episode.Ref) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	w.known = ref
}

// Reads returns how often an archive was read.
func (w *Witness) Reads() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads
}

// Read reports whether another archive than ref could be read since a number of reads.
// If none was, it opens the one that was read last, and asks for a byte of it. If that is
// being done for another archive, or was in vain a second ago, it returns false.
func (w *Witness) Read(ctx context.Context, ref episode.Ref, since uint64) bool {
	w.mu.Lock()
	reads, known, failed := w.reads, w.known, w.failed
	w.mu.Unlock()
	if reads > since {
		return true
	}
	if known == (episode.Ref{}) || known == ref || time.Since(failed) < witnessPause || !w.asking.TryLock() {
		return false
	}
	defer w.asking.Unlock()
	read := w.open(ctx, known) == nil
	w.mu.Lock()
	defer w.mu.Unlock()
	if read {
		w.reads++
	} else {
		w.failed = time.Now()
	}
	return read
}

// Find reports whether an archive other than ref can be read now. It opens the one that
// was read last, or, if there is none, those of refs until one can be read. It gives up
// after a number of them for which there was no answer.
func (w *Witness) Find(ctx context.Context, ref episode.Ref, refs iter.Seq[episode.Ref]) bool {
	w.asking.Lock()
	defer w.asking.Unlock()
	w.mu.Lock()
	known := w.known
	w.mu.Unlock()
	if known != (episode.Ref{}) && known != ref {
		if w.open(ctx, known) != nil {
			return false
		}
		w.Saw(known)
		return true
	}
	unanswered := 0
	for other := range refs {
		if other == ref {
			continue
		}
		err := w.open(ctx, other)
		if err == nil {
			w.Saw(other)
			return true
		}
		if _, known := ReasonOf(err); !known && FaultOf(err) == NoAnswer {
			unanswered++
		}
		if unanswered == maxUnanswered || ctx.Err() != nil {
			break
		}
	}
	return false
}

// open opens an archive and reads one byte of it.
func (w *Witness) open(ctx context.Context, ref episode.Ref) error {
	ctx, end := context.WithTimeout(ctx, witnessTime)
	defer end()
	r, err := w.store.Open(ctx, ref)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.ReadFull(r, make([]byte, 1))
	return err
}
