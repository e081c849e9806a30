package emit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/dataset"
)

// filled returns a list of n accepted episodes of profile a.
func filled(n int) *sheet {
	var file sheet
	for i := range n {
		file.add("h", fmt.Sprint(i), "a", "accepted")
	}
	return &file
}

// TestTooManyRetractions: a list that takes back more than a tenth of the log, and more than
// ten episodes, publishes nothing unless somebody says that it is meant.
func TestTooManyRetractions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*sheet)
		says   string // "": not held
	}{
		{"another case", func(file *sheet) {
			for i := range *file {
				(*file)[i].Status = "Accepted"
			}
		}, "nothing was published: the list would take back 48 of the 48 episodes that the log accepts: by status 48 Accepted (only accepted counts). Give the right list, or name its statuses in the spec (validation.accepted); if it is right, use --retract-all"},
		{"empty", func(file *sheet) { *file = nil }, "nothing was published: the list would take back 48 of the 48 episodes that the log accepts: 48 not in the list. Give the right list, or name its statuses in the spec (validation.accepted); if it is right, use --retract-all"},
		{"of everything a part", func(file *sheet) {
			for i := range 5 {
				(*file)[i].Status, (*file)[5+i].Profile = "bad one", "b"
			}
			*file = (*file)[:40]
		}, "nothing was published: the list would take back 18 of the 48 episodes that the log accepts: by status 5 \"bad one\" (only accepted counts), 5 accepted under another profile, 8 not in the list. Give the right list, or name its statuses in the spec (validation.accepted); if it is right, use --retract-all"},
		{"ten", func(file *sheet) { *file = (*file)[10:] }, ""},
		{"eleven", func(file *sheet) { *file = (*file)[11:] }, "nothing was published: the list would take back 11 of the 48 episodes that the log accepts: 11 not in the list. Give the right list, or name its statuses in the spec (validation.accepted); if it is right, use --retract-all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, b := bustest.Context(t), bustest.Start(t).Topology()
			file := filled(48)
			e := &Emitter{Bus: b, Rows: file.rows()}
			if _, err := e.Reconcile(ctx); err != nil {
				t.Fatal(err)
			}
			c.change(file)
			e.DryRun = true
			would, err := e.Reconcile(ctx)
			if err != nil || (would.Held != nil) != (c.says != "") {
				t.Fatalf("a dry run: %+v, %v", would, err)
			}
			before := len(log(t, ctx, b))
			e.DryRun = false
			s, err := e.Reconcile(ctx)
			if c.says == "" {
				if err != nil || s.Retracted != would.Retracted {
					t.Errorf("%+v, %v", s, err)
				}
				return
			}
			var held *HeldError
			if !errors.As(err, &held) || err.Error() != c.says || s.Retracted+s.Published > 0 {
				t.Errorf("got %v\nwant %s; %+v", err, c.says, s)
			}
			asked := ""
			e.Confirm = func(r Retractions) bool { asked = r.String(); return false }
			if _, err := e.Reconcile(ctx); !errors.As(err, &held) || asked != held.String() {
				t.Errorf("asked %q, then %v", asked, err)
			}
			if after := len(log(t, ctx, b)); after != before {
				t.Fatalf("%d messages were published", after-before)
			}
			e.RetractAll = c.name != "eleven"
			e.Confirm = func(Retractions) bool { return true }
			if s, err := e.Reconcile(ctx); err != nil || s.Retracted != would.Retracted || s.Held != nil {
				t.Errorf("meant: %+v, %v", s, err)
			}
		})
	}
}

// TestATenthOfMany: of a large log a tenth may be taken back.
func TestATenthOfMany(t *testing.T) {
	for _, c := range []struct {
		r    Retractions
		many bool
	}{{Retractions{Of: 200, Count: 20}, false}, {Retractions{Of: 200, Count: 21}, true}, {Retractions{Of: 5, Count: 5}, false}} {
		if c.r.tooMany() != c.many {
			t.Errorf("%+v: %v", c.r, !c.many)
		}
	}
}

// readChars yields an accepted episode for each character of a file.
func readChars(path string) iter.Seq2[dataset.ValidationRow, error] {
	return func(yield func(dataset.ValidationRow, error) bool) {
		text, err := os.ReadFile(path)
		if err != nil {
			yield(dataset.ValidationRow{}, err)
			return
		}
		for _, c := range string(text) {
			if !yield(dataset.ValidationRow{HostID: "h", EpisodeID: string(c), Profile: "a", Status: "accepted", Accepted: true}, nil) {
				return
			}
		}
	}
}

// TestFollowHolds: while a list would take back too much, Follow waits; it goes on when the
// list recovers, and when another emitter was told to retract.
func TestFollowHolds(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	following, stop := context.WithCancel(ctx)
	path := filepath.Join(t.TempDir(), "list")
	write := func(text string) error { return os.WriteFile(path, []byte(text), 0o644) }
	if err := write("abcdefghijklmno"); err != nil {
		t.Fatal(err)
	}
	e := &Emitter{Bus: b, Rows: readChars(path)}
	step := 0
	err := e.Follow(following, path, time.Millisecond, func(s Summary, err error) error {
		var held *HeldError
		step++
		switch step {
		case 1:
			if err != nil || s.Published != 15 {
				t.Errorf("at first: %+v, %v", s, err)
			}
			return write("abc")
		case 2:
			if !errors.As(err, &held) || held.Count != 12 {
				t.Errorf("a shorter list: %v", err)
			}
			return write("abcdefghijklmnop")
		case 3:
			if err != nil || s.Published != 1 || s.Retracted != 0 {
				t.Errorf("the list recovered: %+v, %v", s, err)
			}
			return write("ab")
		case 4:
			if !errors.As(err, &held) || held.Count != 14 {
				t.Errorf("shorter again: %v", err)
			}
			told := &Emitter{Bus: b, Rows: readChars(path), RetractAll: true}
			if s, err := told.Reconcile(ctx); err != nil || s.Retracted != 14 {
				t.Errorf("told: %+v, %v", s, err)
			}
		default:
			if err != nil || s.Changed() {
				t.Errorf("after it was told: %+v, %v", s, err)
			}
			stop()
		}
		return nil
	})
	if err != nil || step != 5 {
		t.Errorf("%d steps, %v", step, err)
	}
}

// TestFollowSeesContent: a change in place is noticed though size and time of the content are
// as before.
func TestFollowSeesContent(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	ctx, stop := context.WithCancel(ctx)
	path := filepath.Join(t.TempDir(), "list")
	long := time.Now().Add(-time.Hour)
	write := func(text string) error {
		return errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, long, long))
	}
	if err := write("ab"); err != nil {
		t.Fatal(err)
	}
	e := &Emitter{Bus: b, Rows: readChars(path)}
	step := 0
	err := e.Follow(ctx, path, time.Millisecond, func(s Summary, err error) error {
		if step++; step == 2 {
			if s.Published != 1 || s.Retracted != 1 {
				t.Errorf("%+v", s)
			}
			stop()
		}
		return errors.Join(err, write("ac"))
	})
	if err != nil || step != 2 {
		t.Errorf("%d steps, %v", step, err)
	}
}
