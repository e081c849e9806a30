// Package emit brings the episode log in line with a validation file. It
// publishes an accept for each episode that the file accepts and the log does
// not, and a retraction for each one that the log accepts and the file does not.
//
// Start with [Emitter.Reconcile]. [Emitter.Follow] repeats it when the file
// changes, [Uploads] copies the archives first, and [Emitter.Republish] tries
// rejected episodes again.
package emit

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/fit"
)

// An Emitter reconciles the log with one validation file. Its methods are not
// for concurrent use.
type Emitter struct {
	Bus *bus.Bus
	// Rows are the rows of the validation file. Each reconciliation reads them anew.
	Rows iter.Seq2[dataset.ValidationRow, error]
	// DryRun counts what would be published and publishes nothing.
	DryRun bool
	// Progress, if set, is called after each stored message, one call at a time.
	Progress func(done, total int)
	// Uploads, if set, copies the archive of each episode that the file accepts,
	// before its accept is published.
	Uploads *Uploads

	lastTime time.Time
}

// A Summary counts what one reconciliation found and published. In a dry run
// Published and Retracted count the messages that would have been published.
type Summary struct {
	Rows      int `json:"rows"`      // in the file
	Accepted  int `json:"accepted"`  // episodes that the file accepts
	Malformed int `json:"malformed"` // accepted rows that name no episode or profile; they are left out
	Already   int `json:"already"`   // of the accepted, those that the log accepted before
	Published int `json:"published"` // accepts that were published
	Retracted int `json:"retracted"` // retractions that were published

	// Archives is set if archives were uploaded.
	Archives *UploadSummary `json:"archives,omitempty"`

	// ByProfile is the number of accepted episodes of each profile.
	ByProfile map[fit.ProfileName]int `json:"by_profile"`

	// FirstMalformed are the first malformed rows, see [roster.Roster.Malformed].
	FirstMalformed []roster.Malformed `json:"-"`
}

// Changed reports whether the log differed from the file.
func (s Summary) Changed() bool { return s.Published+s.Retracted > 0 }

// Reconcile reads the log and the file, and publishes the differences. It is safe
// to repeat, and to run beside receivers and other emitters: a second accept of
// an episode changes nothing.
//
// If the file cannot be read to its end nothing is published. After any other
// error part of the differences may be published; the next call publishes the
// rest.
func (e *Emitter) Reconcile(ctx context.Context) (Summary, error) {
	// Read the log before the file. A receiver writes the row before it publishes, so
	// the file has a row for every episode that the log accepted earlier. In the other
	// order an episode that is accepted between the two readings would be retracted.
	accepted, err := readLog(ctx, e.Bus)
	if err != nil {
		return Summary{}, err
	}
	file, err := roster.Read(e.Rows, 0)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{Rows: file.Rows(), ByProfile: map[fit.ProfileName]int{}}
	for _, profile := range file.Episodes() {
		s.ByProfile[profile]++
	}
	s.FirstMalformed, s.Malformed = file.Malformed()

	retract := retractions(accepted, file)
	accept, already := accepts(accepted, file)
	s.Accepted, s.Already = len(accept)+len(already), len(already)
	if e.DryRun {
		s.Published, s.Retracted = len(accept), len(retract)
		return s, nil
	}
	if e.Uploads != nil {
		s.Archives = &UploadSummary{}
		e.Uploads.begin(s.Accepted)
	}
	if err := e.publish(ctx, retract, accept, &s); err != nil {
		return s, err
	}
	if e.Uploads != nil { // archives of episodes that were accepted earlier may be missing there
		err = e.Uploads.upload(ctx, already, false, s.Archives)
	}
	return s, err
}

// retractions returns the assignments that the log accepts and the file does not,
// sorted. Malformed names need no retraction: no worker counts them.
func retractions(accepted assignments, file *roster.Roster) []assignment {
	var retract []assignment
	for a := range accepted {
		if a.wellFormed() && !a.acceptedBy(file) {
			retract = append(retract, a)
		}
	}
	slices.SortFunc(retract, func(a, b assignment) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.episode, b.episode), cmp.Compare(a.profile, b.profile))
	})
	return retract
}

// accepts returns the assignments that the file accepts, in its order: those that the
// log lacks, and those that it has.
func accepts(accepted assignments, file *roster.Roster) (missing, already []assignment) {
	for ref, profile := range file.Episodes() {
		if a := (assignment{string(ref.Host), string(ref.ID), string(profile)}); accepted.has(a) {
			already = append(already, a)
		} else {
			missing = append(missing, a)
		}
	}
	return missing, already
}

// publish publishes retractions, then accepts, and counts them. In this order an
// episode whose profile changed never counts under both profiles.
func (e *Emitter) publish(ctx context.Context, retract, accept []assignment, s *Summary) error {
	total := len(retract) + len(accept)
	var failed error
	notices := func(yield func(bus.Notice) bool) {
		if !e.yield(retract, true, yield) {
			return
		}
		for part := range slices.Chunk(accept, uploadBatch) {
			if failed = e.uploadFirst(ctx, part, s); failed != nil || !e.yield(part, false, yield) {
				return
			}
		}
	}
	err := e.Bus.PublishAll(ctx, notices, func(n bus.Notice) {
		if n.Retracted {
			s.Retracted++
		} else {
			s.Published++
		}
		e.report(s.Retracted+s.Published, total)
	})
	return cmp.Or(err, failed)
}

// uploadFirst copies the archives of episodes that are about to be accepted.
func (e *Emitter) uploadFirst(ctx context.Context, episodes []assignment, s *Summary) error {
	if e.Uploads == nil {
		return nil
	}
	return e.Uploads.upload(ctx, episodes, true, s.Archives)
}

// yield passes a notice for each assignment to yield, until that returns false.
func (e *Emitter) yield(all []assignment, retracted bool, yield func(bus.Notice) bool) bool {
	for _, a := range all {
		if !yield(bus.Notice{Retracted: retracted, Host: a.host, Episode: a.episode, Profile: a.profile, At: e.now()}) {
			return false
		}
	}
	return true
}

func (e *Emitter) report(done, total int) {
	if e.Progress != nil {
		e.Progress(done, total)
	}
}

// now returns the time, but never the same time twice. The time is part of the
// message id, and one episode may be retracted under two profiles at once.
func (e *Emitter) now() time.Time {
	t := time.Now()
	if !t.After(e.lastTime) {
		t = e.lastTime.Add(time.Nanosecond)
	}
	e.lastTime = t
	return t
}
