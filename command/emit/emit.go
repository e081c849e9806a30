// Package emit brings the episode log in line with a validation file. It
// publishes an accept for each episode that the file accepts and the log does
// not, and a retraction for each one that the log accepts and the file does not.
//
// Both are sorted in temporary files and compared side by side, so memory does not grow with them.
//
// Start with [Emitter.Reconcile]. [Emitter.Follow] repeats it when the file
// changes, [Uploads] copies the archives first, and [Emitter.Republish] tries
// rejected episodes again.
package emit

import (
	"cmp"
	"context"
	"iter"
	"reflect"
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
	// Columns is the mapping that Rows are read with, for the summary; empty means the
	// default.
	Columns fit.Validation
	// DryRun counts what would be published and publishes nothing.
	DryRun bool
	// RetractAll publishes all retractions. Otherwise a list that would take back more than
	// a tenth of what the log accepts, and more than ten episodes, needs the consent of Confirm.
	RetractAll bool
	// Confirm, if set, is asked about such a list, and reports whether it is meant.
	Confirm func(Retractions) bool
	// Progress, if set, is called now and then while the log and the list are read, and after each
	// stored message; one call at a time. Where the total is not known it is negative.
	Progress func(step Step, done, total int)
	// Uploads, if set, copies the archive of each episode that the file accepts,
	// before its accept is published.
	Uploads *Uploads

	lastTime  time.Time
	log       logReader
	following bool // the log is remembered for the next reconciliation
}

// A Step is a part of a reconciliation, as words for people.
type Step string

// The steps, in their order.
const (
	ReadingLog  Step = "reading the log"
	ReadingList Step = "reading the list"
	Publishing  Step = "publishing"
)

const (
	progressStep = 1000 // so many messages or rows are read between two calls of Progress
	unknown      = -1
)

// A Summary counts what one reconciliation found and published. In a dry run
// Published and Retracted count the messages that would have been published.
type Summary struct {
	Rows      int `json:"rows"`      // in the file
	Accepted  int `json:"accepted"`  // episodes that the file accepts
	Malformed int `json:"malformed"` // accepted rows that name no episode or profile; they are left out
	Already   int `json:"already"`   // of the accepted, those that the log accepted before
	Damaged   int `json:"damaged"`   // of these, those that are accepted again because their entries are damaged
	Published int `json:"published"` // accepts that were published
	Retracted int `json:"retracted"` // retractions that were published

	// Held is set if the list would take back so much that nothing was published. In a dry
	// run it is set if it would be so.
	Held *Retractions `json:"held,omitempty"`

	// Archives is set if archives were uploaded.
	Archives *UploadSummary `json:"archives,omitempty"`

	// Columns is the mapping that the file was read with; nil if it is the default.
	Columns *fit.Validation `json:"validation,omitempty"`
	// Statuses and Profiles are those of all rows, accepted or not. Statuses is empty if
	// the mapping names no column of it.
	Statuses []roster.Count `json:"statuses,omitempty"`
	Profiles []roster.Count `json:"profiles"`
	// Why says why no row is accepted; "" if some row is.
	Why string `json:"why,omitempty"`

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
// rest. After a [HeldError] nothing is published.
func (e *Emitter) Reconcile(ctx context.Context) (Summary, error) {
	// Read the log before the file. A receiver writes the row before it publishes, so
	// the file has a row for every episode that the log accepted earlier. In the other
	// order an episode that is accepted between the two readings would be retracted.
	losses, err := e.Bus.LogLosses(ctx)
	if err != nil {
		return Summary{}, err
	}
	e.log.bus, e.log.progress = e.Bus, func(read, total int) { e.report(ReadingLog, read, total) }
	log, err := e.log.read(ctx, losses)
	defer log.close()
	if err != nil {
		return Summary{}, err
	}
	list, census, err := e.readList(ctx)
	defer list.close()
	if err != nil {
		return Summary{}, err
	}
	d, err := e.compare(ctx, log, list)
	if err != nil {
		return Summary{}, err
	}
	defer d.close()
	e.log.remember(d.log)
	d.log = nil
	s := e.summary(&census, d)
	if held := e.held(d.retractions); held != nil {
		s.Held = held
		if !e.DryRun {
			return s, &HeldError{*held}
		}
	}
	if e.DryRun {
		s.Published, s.Retracted = d.accept.n, d.retract.n
		return s, nil
	}
	if e.Uploads != nil {
		s.Archives = &UploadSummary{}
		e.Uploads.begin(s.Accepted, !e.following)
	}
	if err := e.publish(ctx, d, &s); err != nil {
		return s, err
	}
	if err := e.makeUpFor(ctx, losses); err != nil {
		return s, err
	}
	return s, e.uploadRest(ctx, d, &s)
}

// summary returns what a file has, and what the log has of it.
func (e *Emitter) summary(file *roster.Census, d *differences) Summary {
	s := Summary{
		Rows: file.Rows(), Accepted: d.accepted, Already: d.alreadyAccepted, Damaged: d.damaged,
		ByProfile: d.byProfile, Profiles: file.Profiles(),
	}
	s.FirstMalformed, s.Malformed = file.Malformed()
	columns := e.columns()
	if !reflect.DeepEqual(columns, fit.DefaultValidation()) {
		s.Columns = &columns
	}
	s.Why = file.WhyNone(columns)
	if columns.Status != "" {
		s.Statuses = file.Statuses()
	}
	return s
}

// publish publishes retractions, then accepts in the order of the file, and counts them. In this
// order an episode whose profile changed never counts under both profiles.
func (e *Emitter) publish(ctx context.Context, d *differences, s *Summary) error {
	total := d.retract.n + d.accept.n
	var failed error
	notices := func(yield func(bus.Notice) bool) {
		for part, err := range parts(d.retract, 0) {
			if failed = err; failed != nil || !e.yield(part, true, yield) {
				return
			}
		}
		for part, err := range parts(d.accept, numberLen) {
			if failed = cmp.Or(err, e.uploadFirst(ctx, part, s)); failed != nil || !e.yield(part, false, yield) {
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
		e.report(Publishing, s.Retracted+s.Published, total)
	})
	return cmp.Or(err, failed)
}

// parts yields the assignments of a sorter, a few at once. Each text begins with skip bytes of
// something else.
func parts(all *sorter, skip int) iter.Seq2[[]assignment, error] {
	return func(yield func([]assignment, error) bool) {
		part := make([]assignment, 0, partLen)
		for text, err := range all.sorted() {
			if err != nil {
				yield(nil, err)
				return
			}
			part = append(part, assignmentIn(text[skip:]))
			if len(part) == partLen {
				if !yield(part, nil) {
					return
				}
				part = part[:0]
			}
		}
		if len(part) > 0 {
			yield(part, nil)
		}
	}
}

// partLen is how many assignments are published together. Their archives are uploaded before.
const partLen = 256

// uploadFirst copies the archives of episodes that are about to be accepted.
func (e *Emitter) uploadFirst(ctx context.Context, episodes []assignment, s *Summary) error {
	if e.Uploads == nil {
		return nil
	}
	return e.Uploads.upload(ctx, episodes, true, s.Archives)
}

// uploadRest copies the archives of episodes that were accepted earlier, where they are missing.
func (e *Emitter) uploadRest(ctx context.Context, d *differences, s *Summary) error {
	if e.Uploads == nil {
		return nil
	}
	for part, err := range parts(d.already, 0) {
		if err = cmp.Or(err, e.Uploads.upload(ctx, part, false, s.Archives)); err != nil {
			return err
		}
	}
	return nil
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

func (e *Emitter) report(step Step, done, total int) {
	if e.Progress != nil {
		e.Progress(step, done, total)
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
