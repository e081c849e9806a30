// Package emit brings the episode log to what a validation file says: it
// publishes what the file accepts and the log does not, and takes back what the
// log accepts and the file does not.
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
	// Rows are those of the validation file, read anew at each use.
	Rows iter.Seq2[dataset.ValidationRow, error]
	// DryRun counts what would be published and publishes nothing.
	DryRun bool
	// Progress, where set, is called after each notice that was stored, one call
	// at a time, with how many of how many are.
	Progress func(done, total int)
	// Uploads, where set, stores the archive of each episode that the file accepts:
	// of those that are published now, before they are.
	Uploads *Uploads

	stamp time.Time
}

// A Summary says what one reconciliation found and did.
type Summary struct {
	Rows      int `json:"rows"`      // of the file
	Accepted  int `json:"accepted"`  // episodes that the file accepts
	Malformed int `json:"malformed"` // accepted rows that name no episode or profile; left out
	Already   int `json:"already"`   // of the accepted, those that the log accepted before
	Published int `json:"published"` // accepts that were published
	Retracted int `json:"retracted"` // retractions that were published

	// Archives is set where archives were uploaded.
	Archives *UploadSummary `json:"archives,omitempty"`

	// ByProfile are the accepted, by profile.
	ByProfile map[fit.ProfileName]int `json:"by_profile"`

	// FirstMalformed are the first of the malformed rows.
	FirstMalformed []roster.Malformed `json:"-"`
}

// Changed tells whether the log was not what the file says.
func (s Summary) Changed() bool { return s.Published+s.Retracted > 0 }

// Reconcile compares and publishes once. It is safe to repeat, and to run beside
// receivers and other emitters: a second accept of the same episode changes
// nothing.
//
// An error leaves the log in between; repeating goes on from there. Nothing is
// published where the file can't be read to its end.
func (e *Emitter) Reconcile(ctx context.Context) (Summary, error) {
	// The log comes first, the file after it. A receiver writes the row before it
	// publishes, so whatever the log accepts stands in a file that is read later:
	// an episode that was accepted in between is never taken back by mistake. The
	// other way about it would be.
	log, err := readLedger(ctx, e.Bus)
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

	retract := retractions(log, file)
	accept, already := accepts(log, file)
	s.Accepted, s.Already = len(accept)+len(already), len(already)

	if e.DryRun {
		s.Published, s.Retracted = len(accept), len(retract)
		return s, nil
	}
	total, done := len(retract)+len(accept), 0
	// Retractions first: where an episode changed its profile it never counts
	// under both.
	notices := e.notices(retract, accept)
	var failed error
	if e.Uploads != nil {
		s.Archives = &UploadSummary{}
		e.Uploads.begin(s.Accepted)
		notices = e.Uploads.before(ctx, notices, s.Archives, &failed)
	}
	err = e.Bus.PublishAll(ctx, notices, func(n bus.Notice) {
		if n.Retracted {
			s.Retracted++
		} else {
			s.Published++
		}
		done++
		if e.Progress != nil {
			e.Progress(done, total)
		}
	})
	if err == nil {
		err = failed
	}
	if err == nil && e.Uploads != nil { // what was accepted before may have no archive there yet
		err = e.Uploads.all(ctx, already, true, s.Archives)
	}
	return s, err
}

// retractions are the claims of the log that the file does not make, in a
// steady order. What is malformed counts nowhere, so it needs none.
func retractions(log *ledger, file *roster.Roster) []claim {
	var back []claim
	for c := range log.all() {
		if c.wellFormed() && !stands(file, c) {
			back = append(back, c)
		}
	}
	slices.SortFunc(back, func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.episode, b.episode), cmp.Compare(a.profile, b.profile))
	})
	return back
}

// accepts are the claims of the file, in its order: those that the log does not
// make, and those that it does.
func accepts(log *ledger, file *roster.Roster) (missing, already []claim) {
	for ref, profile := range file.Episodes() {
		if c := (claim{string(ref.Host), string(ref.ID), string(profile)}); log.accepts(c) {
			already = append(already, c)
		} else {
			missing = append(missing, c)
		}
	}
	return missing, already
}

// notices makes the messages as they are sent.
func (e *Emitter) notices(retract, accept []claim) iter.Seq[bus.Notice] {
	return func(yield func(bus.Notice) bool) {
		for i, part := range [][]claim{retract, accept} {
			for _, c := range part {
				n := bus.Notice{Retracted: i == 0, Host: c.host, Episode: c.episode, Profile: c.profile, At: e.now()}
				if !yield(n) {
					return
				}
			}
		}
	}
}

// now is the time, but never twice the same: it is part of a message's id, and
// an episode may be retracted under two profiles at once.
func (e *Emitter) now() time.Time {
	t := time.Now()
	if !t.After(e.stamp) {
		t = e.stamp.Add(time.Nanosecond)
	}
	e.stamp = t
	return t
}
