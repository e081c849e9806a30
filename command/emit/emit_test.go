package emit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A sheet holds the rows of a validation file that the test changes.
type sheet []dataset.ValidationRow

func (s *sheet) rows() iter.Seq2[dataset.ValidationRow, error] {
	return func(yield func(dataset.ValidationRow, error) bool) {
		for _, r := range *s {
			r.Accepted = r.Status == dataset.StatusAccepted
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (s *sheet) add(host, id, profile, status string) {
	*s = append(*s, dataset.ValidationRow{HostID: host, EpisodeID: id, Profile: profile, Status: status})
}

// log returns the messages of the log: + accepts, - retracts.
func log(t *testing.T, ctx context.Context, b *bus.Bus) []string {
	t.Helper()
	var lines []string
	_, err := b.ReadLog(ctx, func(n bus.Notice) error {
		letter := "+"
		if n.Retracted {
			letter = "-"
		}
		lines = append(lines, letter+n.Key())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	var file sheet
	e := &Emitter{Bus: b, Rows: file.rows()}
	var wantLog []string
	expect := func(step string, want Summary, lines ...string) {
		t.Helper()
		got, err := e.Reconcile(ctx)
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		got.FirstMalformed = nil
		if !slices.Equal([]int{got.Accepted, got.Malformed, got.Already, got.Published, got.Retracted},
			[]int{want.Accepted, want.Malformed, want.Already, want.Published, want.Retracted}) {
			t.Errorf("%s: got %+v, want %+v", step, got, want)
		}
		wantLog = append(wantLog, lines...)
		if got := log(t, ctx, b); !slices.Equal(got, wantLog) {
			t.Errorf("%s: the log holds %q, want %q", step, got, wantLog)
		}
	}
	expect("nothing there", Summary{})

	file.add("h", "1", "a", "accepted")
	file.add("h", "2", "a", "accepted")
	file.add("h", "3", "a", "rejected")
	file.add("h", "2", "a", "accepted") // listed twice: one episode
	file.add("../h", "4", "a", "accepted")
	expect("first", Summary{Accepted: 2, Malformed: 1, Published: 2}, "+h/1/a", "+h/2/a")
	expect("again", Summary{Accepted: 2, Malformed: 1, Already: 2})

	file[0].Status = "quarantined"
	expect("taken back", Summary{Accepted: 1, Malformed: 1, Already: 1, Retracted: 1}, "-h/1/a")
	file[0].Status = "accepted"
	expect("accepted again", Summary{Accepted: 2, Malformed: 1, Already: 1, Published: 1}, "+h/1/a")

	file.add("h", "1", "b", "accepted") // the last row decides
	expect("under another profile", Summary{Accepted: 2, Malformed: 1, Already: 1, Published: 1, Retracted: 1}, "-h/1/a", "+h/1/b")

	file = nil
	expect("nothing is left", Summary{Retracted: 2}, "-h/1/b", "-h/2/a")
	expect("and stays so", Summary{})
}

// TestRetractUnderSeveralProfiles: an episode may be accepted under several
// profiles. Their retractions differ in message id, so none counts as a duplicate.
func TestRetractUnderSeveralProfiles(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	for _, p := range []string{"a", "b", "c"} {
		if _, err := b.Publish(ctx, bus.Notice{Host: "h", Episode: "1", Profile: p, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	var file sheet
	file.add("h", "1", "b", "accepted")
	s, err := (&Emitter{Bus: b, Rows: file.rows()}).Reconcile(ctx)
	if err != nil || s.Retracted != 2 || s.Published != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	want := []string{"+h/1/a", "+h/1/b", "+h/1/c", "-h/1/a", "-h/1/c"}
	if got := log(t, ctx, b); !slices.Equal(got, want) {
		t.Errorf("the log holds %q, want %q", got, want)
	}
}

// TestMalformedIsNotRetracted: another program's message may name no episode or
// profile. It counts nowhere, so it needs no retraction.
func TestMalformedIsNotRetracted(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	if _, err := b.Publish(ctx, bus.Notice{Host: "..", Episode: "1", Profile: "A b", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	var file sheet
	s, err := (&Emitter{Bus: b, Rows: file.rows()}).Reconcile(ctx)
	if err != nil || s.Retracted != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	var file sheet
	file.add("h", "1", "a", "accepted")
	s, err := (&Emitter{Bus: b, Rows: file.rows(), DryRun: true}).Reconcile(ctx)
	if err != nil || s.Published != 1 || !s.Changed() {
		t.Errorf("%+v, %v", s, err)
	}
	if lines := log(t, ctx, b); len(lines) > 0 {
		t.Errorf("the log holds %q", lines)
	}
}

// TestBrokenFilePublishesNothing: rows that were not read must not be taken for
// rows that are not there.
func TestBrokenFilePublishesNothing(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	if _, err := b.Publish(ctx, bus.Notice{Host: "h", Episode: "1", Profile: "a", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("page 2 is damaged")
	e := &Emitter{Bus: b, Rows: func(yield func(dataset.ValidationRow, error) bool) {
		_ = yield(dataset.ValidationRow{HostID: "h", EpisodeID: "2", Profile: "a", Accepted: true}, nil) && yield(dataset.ValidationRow{}, broken)
	}}
	if _, err := e.Reconcile(ctx); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if lines := log(t, ctx, b); len(lines) != 1 {
		t.Errorf("the log holds %q", lines)
	}
}

func TestManyAreAllPublished(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	const n = 2_000 // more than are published at once
	var file sheet
	for i := range n {
		file.add("h", fmt.Sprint("e", i), "a", "accepted")
	}
	calls := 0
	e := &Emitter{Bus: b, Rows: file.rows(), Progress: func(step Step, done, total int) {
		if step != Publishing {
			return
		}
		if calls++; done != calls || total != n {
			t.Fatalf("call %d says %d of %d", calls, done, total)
		}
	}}
	for _, want := range []int{n, 0} {
		if s, err := e.Reconcile(ctx); err != nil || s.Published != want {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if calls != n {
		t.Errorf("%d calls", calls)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	path := filepath.Join(t.TempDir(), "validation")
	// Each character of the file is an accepted episode.
	e := &Emitter{Bus: b, Rows: func(yield func(dataset.ValidationRow, error) bool) {
		text, err := os.ReadFile(path)
		if err != nil {
			yield(dataset.ValidationRow{}, err)
			return
		}
		for _, c := range string(text) {
			if !yield(dataset.ValidationRow{HostID: "h", EpisodeID: string(c), Profile: "a", Accepted: true}, nil) {
				return
			}
		}
	}}
	steps := []struct {
		text string // content of the file; empty: there is no file
		want Summary
	}{
		{"", Summary{}},
		{"1", Summary{Published: 1}},
		{"123", Summary{Published: 2}},
		{"12", Summary{Retracted: 1}},
	}
	step, failed := 0, 0
	err := e.Follow(ctx, path, time.Millisecond, func(s Summary, err error) error {
		if err != nil {
			failed++
			if step > 0 {
				return err
			}
		} else if s.Published != steps[step].want.Published || s.Retracted != steps[step].want.Retracted {
			t.Errorf("step %d: %+v", step, s)
		}
		step++
		if step == len(steps) {
			cancel()
			return nil
		}
		return os.WriteFile(path, []byte(steps[step].text), 0o644)
	})
	if err != nil || failed != 1 || step != len(steps) {
		t.Errorf("ended with %v at step %d after %d failures", err, step, failed)
	}
}

func TestFollowEndsWithTheErrorOfEach(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	enough := errors.New("enough")
	var file sheet
	e := &Emitter{Bus: b, Rows: file.rows()}
	if err := e.Follow(ctx, "nowhere", time.Millisecond, func(Summary, error) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func TestRepublish(t *testing.T) {
	t.Parallel()
	ctx, server := bustest.Context(t), bustest.Start(t)
	b := server.Topology()
	spec := fit.DefaultSpec()
	spec.Profiles = []fit.Profile{{Name: "a", Channel: "proc.x"}}
	gen := spec.Generation(episode.DefaultLimits(), 0)

	accept := func(id, profile string) {
		t.Helper()
		if _, err := b.Publish(ctx, bus.Notice{Host: "h", Episode: id, Profile: profile, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	reject := func(id, profile, reason string) {
		t.Helper()
		msg := nats.NewMsg("episode.rejected." + reason)
		msg.Header.Set(bus.HeaderReason, reason)
		msg.Header.Set(bus.HeaderSubject, bus.SubjectAccepted)
		msg.Data = []byte(`{"host_id":"h","episode_id":"` + id + `","profile":"` + profile + `"}`)
		if _, err := server.JetStream().PublishMsg(ctx, msg); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"came", "late", "gone"} {
		accept(id, "a")
	}
	if _, err := b.Publish(ctx, bus.Notice{Retracted: true, Host: "h", Episode: "gone", Profile: "a", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	reject("came", "a", "missing")
	reject("late", "a", "missing")
	reject("late", "a", "corrupt") // the same episode again: counts once
	reject("gone", "a", "missing")
	reject("never", "a", "missing") // not in the log
	reject("..", "a", "malformed")

	e := &Emitter{Bus: b, DryRun: true}
	expect := func(want RepublishSummary) {
		t.Helper()
		if got, err := e.Republish(ctx); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	// No generation is registered yet, so nothing has a curve.
	expect(RepublishSummary{Rejected: 6, Malformed: 1, Episodes: 4, Withdrawn: 2, Published: 2})

	if err := b.Register(ctx, bus.Generation{Spec: *spec, Limits: []byte("{}"), Base: gen, ID: gen}); err != nil {
		t.Fatal(err)
	}
	curves, err := b.ReadCurves(ctx, bus.Generation{Spec: *spec, ID: gen})
	if err != nil {
		t.Fatal(err)
	}
	put := func(entry fit.Entry) {
		t.Helper()
		if err := bustest.PutEntry(ctx, curves, bus.EntryID{Profile: "a", Rank: spec.Rank(entry.Host, entry.Episode)}, entry, 0, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	put(fit.Entry{Seq: 1, Host: "h", Episode: "came", State: fit.StateCurve, Curve: make(fit.Curve, spec.Points.Total())})
	put(fit.Entry{Seq: 2, Host: "h", Episode: "late", State: fit.StateReason, Reason: fit.ReasonMissing})
	before := log(t, ctx, b)
	expect(RepublishSummary{Rejected: 6, Malformed: 1, Episodes: 4, Withdrawn: 2, HaveCurve: 1, Published: 1})

	e.DryRun = false
	// Each call publishes anew; the second message does not count as a duplicate.
	for range 2 {
		expect(RepublishSummary{Rejected: 6, Malformed: 1, Episodes: 4, Withdrawn: 2, HaveCurve: 1, Published: 1})
	}
	if got, want := log(t, ctx, b), append(before, "+h/late/a", "+h/late/a"); !slices.Equal(got, want) {
		t.Errorf("the log holds %q, want %q", got, want)
	}
}

// TestSummaryNamesWhatTheFileHas: the statuses and profiles of all rows, and how they were read.
func TestSummaryNamesWhatTheFileHas(t *testing.T) {
	var file sheet
	file.add("h", "1", "a", "Accepted")
	file.add("h", "2", "b", "Accepted")
	file.add("h", "3", "b", "no")
	t.Parallel()
	e := &Emitter{Bus: bustest.Start(t).Topology(), Rows: file.rows(), DryRun: true}
	got, err := e.Reconcile(bustest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	if roster.Text(got.Statuses) != "2 Accepted, 1 no" || roster.Text(got.Profiles) != "2 b, 1 a" ||
		got.Why != "no row has status accepted; 2 have Accepted, 1 has no" || got.Columns != nil {
		t.Errorf("%+v", got)
	}
	e.Columns = fit.Validation{EpisodeID: "id", HostID: "host", Profile: "kind"}
	if got, err = e.Reconcile(bustest.Context(t)); err != nil || !reflect.DeepEqual(got.Columns, &e.Columns) || got.Statuses != nil {
		t.Errorf("%+v, %v", got, err)
	}
}
