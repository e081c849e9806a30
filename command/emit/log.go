package emit

import (
	"context"
	"errors"
	"iter"

	"github.com/cis490/profiles/bus"
)

// A logReader reads what the log accepts. While an emitter follows a file, it remembers that, and
// reads only the messages that are new.
type logReader struct {
	bus      *bus.Bus
	progress func(read, total int)

	known  *sorter    // what the log accepted after the message last; nil if that is not remembered
	last   bus.Notice // the last message that was read
	losses bus.LogLosses
}

// Messages of a sorter of the log are texts of an assignment, then the byte between, the sequence, and
// one of these.
const (
	accepts  = "a"
	retracts = "r"
)

func logText(a assignment, seq uint64, kind string) string {
	return a.text() + between + numberText(seq) + kind
}

// read returns a sorter of the log's messages, or of what the log accepted when it was read before
// and the messages since then. Names that are not well-formed are left out: no worker counts them.
// losses are those of the log, asked before.
func (r *logReader) read(ctx context.Context, losses bus.LogLosses) (*sorter, error) {
	if r.known != nil && losses.Incarnation == r.losses.Incarnation && losses.Lost == r.losses.Lost {
		log, err := r.readOn(ctx, losses)
		if !errors.Is(err, errOtherLog) {
			return log, err
		}
	}
	r.forget()
	r.losses, r.last = losses, bus.Notice{}
	log := newSorter(ctx)
	return log, r.readNew(ctx, log)
}

// errOtherLog says that the log does not have the message that was read last: it was restored from
// a backup, or made again.
var errOtherLog = errors.New("the log is another one")

// readOn reads the messages behind the last one.
func (r *logReader) readOn(ctx context.Context, losses bus.LogLosses) (*sorter, error) {
	log := newSorter(ctx)
	known := r.known
	r.known, r.losses = nil, losses
	defer known.close()
	for text, err := range known.sorted() {
		if err == nil {
			err = log.add(text)
		}
		if err != nil {
			return log, err
		}
	}
	err := r.readNew(ctx, log)
	if errors.Is(err, errOtherLog) {
		log.close()
	}
	return log, err
}

// readNew adds the messages behind the last one, or all if none was read.
func (r *logReader) readNew(ctx context.Context, log *sorter) error {
	from, check := r.last.Seq, r.last.Seq > 0
	read := 0
	_, err := r.bus.ReadLogFrom(ctx, from, func(n bus.Notice) error {
		if check {
			check = false
			if n.Seq != r.last.Seq || n.Key() != r.last.Key() || n.Retracted != r.last.Retracted {
				return errOtherLog
			}
			return nil
		}
		r.last = n
		if read++; read%progressStep == 0 {
			r.progress(read, max(read, int(r.losses.Last-min(from, r.losses.Last))))
		}
		a := assignmentOf(n)
		switch {
		case !a.wellFormed():
			return nil
		case n.Retracted:
			return log.add(logText(a, n.Seq, retracts))
		}
		return log.add(logText(a, n.Seq, accepts))
	})
	if err == nil && check {
		err = errOtherLog
	}
	return err
}

// remember makes r remember what the log accepts, as it was read last. It takes the sorter over.
func (r *logReader) remember(accepted *sorter) {
	r.forget()
	r.known = accepted
}

func (r *logReader) forget() {
	r.known.close()
	r.known = nil
}

// accepted yields the assignments whose last message in a sorter accepts them, in order, as texts.
func accepted(log *sorter) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		last, accepting := "", false
		for text, err := range log.sorted() {
			if err != nil {
				yield("", err)
				return
			}
			tail := len(text) - len(between) - numberLen - len(accepts)
			a := text[:tail]
			if a != last && accepting && !yield(last, nil) {
				return
			}
			last, accepting = a, text[len(text)-len(accepts):] == accepts
		}
		if accepting {
			yield(last, nil)
		}
	}
}
