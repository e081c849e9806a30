package align

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// A Fault is a kind of error after which the same archive is tried again.
type Fault int

// The kinds.
const (
	Missing  Fault = iota + 1 // the store answers that it has no such archive: episode.ErrNotFound
	Refused                   // the store answers, but does not give this archive: episode.ErrRefused
	NoAnswer                  // any other error: a server that is down, a transfer that breaks off, a disk that fails
)

// faults says when the archive itself is at fault, and not the store.
var faults = [...]struct {
	tries   int  // that ended so, in a row
	others  bool // a try counts only if another archive could be read since the try before
	because string
}{
	Missing:  {tries: 5},
	Refused:  {tries: 5, others: true, because: "the store does not give the archive, but gives others"},
	NoAnswer: {tries: 8, others: true, because: "the archive cannot be read, but others can"},
}

// FaultOf returns the kind of an error for which [ReasonOf] has no reason but
// fit.ReasonMissing.
func FaultOf(err error) Fault {
	switch {
	case errors.Is(err, episode.ErrNotFound):
		return Missing
	case errors.Is(err, episode.ErrRefused):
		return Refused
	}
	return NoAnswer
}

// Tries count the tries to read one archive. Workers and the batch use it, so both give
// an archive up by the same rule. Copy it as you like. The zero value has no try.
type Tries struct {
	fault  Fault
	failed int    // tries in a row that ended with fault
	count  int    // those of them that count
	reads  uint64 // Witness.Reads at the end of the last try
}

// Begin is called before the first try.
func (t *Tries) Begin(w *Witness) { t.reads = w.Reads() }

// Failed notes a try that ended with err, an error for which [ReasonOf] has no reason
// but fit.ReasonMissing. It reports whether the archive is given up: see [GivenUp]. It
// may read another archive to find out.
func (t *Tries) Failed(ctx context.Context, w *Witness, ref episode.Ref, err error) (givenUp bool) {
	f := FaultOf(err)
	if f != t.fault {
		t.fault, t.failed, t.count = f, 0, 0
	}
	t.failed++
	if !faults[f].others || w.Read(ctx, ref, t.reads) {
		t.count++
	}
	t.reads = w.Reads()
	return t.count >= faults[f].tries
}

// Pause returns the time until the next try: first after one that failed, then twice as
// long each time, but at most limit.
func (t *Tries) Pause(first, limit time.Duration) time.Duration {
	pause := first
	for range t.failed - 1 {
		if pause *= 2; pause >= limit {
			return limit
		}
	}
	return min(pause, limit)
}

// GivenUp returns the entry of an episode whose archive was given up after err.
func GivenUp(ref episode.Ref, err error) fit.Entry {
	f := FaultOf(err)
	if f == Missing {
		return Without(ref, fit.ReasonMissing, err.Error())
	}
	return Without(ref, fit.ReasonMissing, fmt.Sprintf("%s; tried %d times: %v", faults[f].because, faults[f].tries, err))
}
