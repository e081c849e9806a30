package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const user = "proc.cpu_user_jiffies"

// A memoryStore keeps archives in memory and the names that were asked for.
type memoryStore struct {
	archives map[string][]byte
	fail     error // what Open returns, if set

	mu    sync.Mutex
	asked []string
}

func (s *memoryStore) Open(_ context.Context, ref episode.Ref) (io.ReadCloser, error) {
	s.mu.Lock()
	s.asked = append(s.asked, ref.String())
	s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	archive, ok := s.archives[ref.String()]
	if !ok {
		return nil, fmt.Errorf("%w: %s", episode.ErrNotFound, ref)
	}
	return io.NopCloser(bytes.NewReader(archive)), nil
}

// archive returns an archive whose counter grows by about speed in each row.
func archive(speed int) []byte {
	return episodetest.Episode(80).With("telemetry-proc.jsonl",
		episodetest.Rows(80, func(i int) string { return fmt.Sprintf(`"cpu_user_jiffies": %d`, i*(speed+7)+i*i%7) })).Bytes()
}

func specOf(target int, profiles ...string) *fit.Spec {
	spec := fit.DefaultSpec()
	spec.Target, spec.Profiles = target, nil
	for _, p := range profiles {
		spec.Profiles = append(spec.Profiles, fit.Profile{Name: fit.ProfileName(p), Channel: user})
	}
	return spec
}

func accepted(host, id, profile string) [4]string { return [4]string{host, id, profile, "accepted"} }

func mustFit(t rapid.TB, cfg Config, store episode.Store, rows [][4]string) []Fitted {
	t.Helper()
	r, err := roster.Read(listed(rows), cfg.Spec.Seed)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Rows = listed(rows)
	fitted, err := Fit(context.Background(), cfg, store, r)
	if err != nil {
		t.Fatal(err)
	}
	return fitted
}

// TestBottomKDependsOnTheSetOnly: neither the concurrency nor the order of the rows
// changes the result, as long as each episode has one row.
func TestBottomKDependsOnTheSetOnly(t *testing.T) {
	store := &memoryStore{archives: map[string][]byte{}}
	var all [][4]string
	for i := range 40 {
		id := fmt.Sprintf("e%d", i)
		switch i % 7 {
		case 3: // missing
		case 5:
			store.archives["h/"+id] = []byte("no archive")
		default:
			store.archives["h/"+id] = archive(i + 1)
		}
		all = append(all, accepted("h", id, []string{"a", "b"}[i%2]))
	}
	rapid.Check(t, func(t *rapid.T) {
		spec := specOf(rapid.IntRange(1, 30).Draw(t, "target"), "a", "b")
		spec.Seed = rapid.Uint64().Draw(t, "seed")
		rows := all[:rapid.IntRange(0, len(all)).Draw(t, "rows")]
		one := mustFit(t, Config{Spec: spec, Concurrency: 1, Signatures: true}, store, rows)

		shuffled := slices.Clone(rows)
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		two := mustFit(t, Config{Spec: spec, Concurrency: rapid.IntRange(2, 16).Draw(t, "at once"), Signatures: true}, store, shuffled)
		if text(t, one) != text(t, two) {
			t.Fatalf("one at a time: %+v\nmany: %+v", one, two)
		}
		for i, bare := range mustFit(t, Config{Spec: spec}, store, rows) {
			want := one[i].Envelope
			want.Digest = ""
			same := reflect.DeepEqual(bare.Envelope, want) && reflect.DeepEqual(bare.Without, one[i].Without)
			if !same || bare.Signature.Channels != nil || slices.ContainsFunc(bare.Members, func(m signature.Member) bool { return m.Signature != nil }) {
				t.Fatalf("with signatures: %+v\nwithout: %+v", one[i].Envelope, bare.Envelope)
			}
		}
		for i, f := range one {
			if f.Signature.Used != f.Envelope.Used || len(f.Signature.Channels) != len(spec.Signature.Channels) {
				t.Fatalf("a signature of %d episodes, an envelope of %d", f.Signature.Used, f.Envelope.Used)
			}
			if want := naive(spec, store, rows, i); !reflect.DeepEqual(f.Envelope, want) {
				t.Fatalf("got %+v, want %+v", f.Envelope, want)
			}
		}
	})
}

// text returns a result as JSON, to compare: NaN, a gap, does not equal itself.
func text(t *rapid.T, fitted []Fitted) string {
	text, err := json.Marshal(fitted)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// naive computes the envelope of a profile from every archive, in the order of the rows.
func naive(spec *fit.Spec, store episode.Store, rows [][4]string, profile int) fit.Envelope {
	f, err := align.New(spec, episode.Limits{})
	if err != nil {
		panic(err)
	}
	sample := fit.NewSample(spec.Target)
	for _, row := range rows {
		if row[2] != string(spec.Profiles[profile].Name) {
			continue
		}
		ref, _ := episode.ParseRef(row[0], row[1])
		entry, err := f.Entry(context.Background(), store, ref, user)
		if err != nil {
			entry = fit.Entry{Host: row[0], Episode: row[1], State: fit.StateReason, Reason: fit.ReasonMissing}
		}
		sample.Put(spec.Rank(row[0], row[1]), entry)
	}
	return sample.Envelope(spec.Points.Total())
}

// TestLastRowDecides: with BottomK the last row about an episode decides, and an
// episode counts once.
func TestLastRowDecides(t *testing.T) {
	store := &memoryStore{archives: map[string][]byte{"h/1": archive(1), "h/2": archive(2), "h/3": archive(3)}}
	rows := [][4]string{
		accepted("h", "1", "a"), accepted("h", "1", "a"), // listed twice
		accepted("h", "2", "a"), {"h", "2", "a", "rejected"}, // accepted no more
		{"h", "3", "a", "quarantined"}, accepted("h", "3", "b"), // accepted by now, under b
		accepted("h", "4", "a"), // missing
	}
	fitted := mustFit(t, Config{Spec: specOf(10, "a", "b")}, store, rows)
	want := [][2]int{{1, 2}, {1, 1}}
	for i, f := range fitted {
		if got := [2]int{f.Envelope.Used, f.Envelope.Attempted}; got != want[i] {
			t.Errorf("%s: used and attempted %v, want %v", f.Profile.Name, got, want[i])
		}
	}
	// The Python program takes every accepted row of the file.
	fitted = mustFit(t, Config{Spec: specOf(10, "a", "b"), Sampler: Numpy}, store, rows)
	want = [][2]int{{3, 4}, {1, 1}}
	for i, f := range fitted {
		if got := [2]int{f.Envelope.Used, f.Envelope.Attempted}; got != want[i] {
			t.Errorf("numpy, %s: used and attempted %v, want %v", f.Profile.Name, got, want[i])
		}
	}
}

// TestReadsNoMoreThanNeeded: with any concurrency only the archives that the sample
// needs are opened.
func TestReadsNoMoreThanNeeded(t *testing.T) {
	const n, target = 60, 10
	store := &memoryStore{archives: map[string][]byte{}}
	var rows [][4]string
	for i := range n {
		id := fmt.Sprint(i)
		if i%3 > 0 {
			store.archives["h/"+id] = archive(i)
		}
		rows = append(rows, accepted("h", id, "a"))
	}
	spec := specOf(target, "a")
	slices.SortFunc(rows, func(a, b [4]string) int { return spec.Rank(a[0], a[1]).Compare(spec.Rank(b[0], b[1])) })
	needed, have := 0, 0
	for have < target {
		if _, ok := store.archives["h/"+rows[needed][1]]; ok {
			have++
		}
		needed++
	}
	for _, atOnce := range []int{1, 3, 16} {
		store.asked = nil
		fitted := mustFit(t, Config{Spec: spec, Concurrency: atOnce}, store, rows)
		if len(store.asked) != needed || fitted[0].Without[fit.ReasonMissing].Count != needed-target {
			t.Errorf("%d at once: opened %d, want %d, without a curve %v", atOnce, len(store.asked), needed, fitted[0].Without)
		}
		if e := fitted[0].Envelope; e.Attempted != needed || !e.Complete {
			t.Errorf("%d at once: attempted %d, complete %t", atOnce, e.Attempted, e.Complete)
		}
	}
}

// TestMalformedRowsAreNeverOpened: an id like ".." could lead out of the store.
// BottomK leaves such rows out; Numpy may draw them, as the Python program does.
func TestMalformedRowsAreNeverOpened(t *testing.T) {
	store := &memoryStore{archives: map[string][]byte{"h/1": archive(1)}}
	rows := [][4]string{accepted("..", "1", "a"), accepted("h", "../../etc/passwd", "a"), accepted("h", "1", "a"), accepted("", "", "a")}
	for sampler, attempted := range map[Sampler]int{BottomK: 1, Numpy: 4} {
		store.asked = nil
		e := mustFit(t, Config{Spec: specOf(10, "a"), Sampler: sampler}, store, rows)[0].Envelope
		if e.Used != 1 || e.Attempted != attempted {
			t.Errorf("%s: used %d, attempted %d, want 1 and %d", sampler, e.Used, e.Attempted, attempted)
		}
		if !slices.Equal(store.asked, []string{"h/1"}) {
			t.Errorf("%s: opened %q", sampler, store.asked)
		}
	}
}

// TestStoreThatFails: a store that does not answer ends the fit with an error.
func TestStoreThatFails(t *testing.T) {
	denied := errors.New("permission denied")
	for _, sampler := range []Sampler{BottomK, Numpy} {
		var rows [][4]string
		for i := range 50 {
			rows = append(rows, accepted("h", fmt.Sprint(i), "a"))
		}
		r, err := roster.Read(listed(rows), 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Fit(t.Context(), Config{Spec: specOf(100, "a"), Sampler: sampler, Rows: listed(rows), Concurrency: 8}, &memoryStore{fail: denied}, r)
		if !errors.Is(err, denied) {
			t.Errorf("%s: got %v", sampler, err)
		}
	}
}

func TestContextEndsFit(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	r, err := roster.Read(listed([][4]string{accepted("h", "1", "a")}), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Fit(ctx, Config{Spec: specOf(1, "a")}, &memoryStore{}, r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestProgress(t *testing.T) {
	store := &memoryStore{archives: map[string][]byte{"h/1": archive(1), "h/2": archive(2), "h/3": archive(3)}}
	rows := [][4]string{accepted("h", "1", "a"), accepted("h", "2", "a"), accepted("h", "3", "b"), accepted("h", "4", "b")}
	var last Progress
	calls := 0
	mustFit(t, Config{Spec: specOf(2, "a", "b"), Concurrency: 4, Progress: func(p Progress) {
		calls++
		if p.Read != calls {
			t.Errorf("call %d says %+v", calls, p)
		}
		last = p
	}}, store, rows)
	if want := (Progress{Read: 4, Used: 3}); last != want {
		t.Errorf("ends with %+v, want %+v", last, want)
	}
}

func TestParseSampler(t *testing.T) {
	for text, ok := range map[string]bool{"bottomk": true, "numpy": true, "": false, "Numpy": false} {
		if _, err := ParseSampler(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestWithout: each reason has a count, the episode of lowest rank as its example, and a detail without repetitions.
func TestWithout(t *testing.T) {
	store := &memoryStore{archives: map[string][]byte{}}
	var rows [][4]string
	spec := specOf(100, "a", "b", "c")
	lowest := map[fit.Reason]string{}
	for i := range 30 {
		id := fmt.Sprintf("e%d", i)
		reason := []fit.Reason{fit.ReasonMissing, fit.ReasonCorrupt, fit.ReasonNoSource}[i%3]
		switch reason {
		case fit.ReasonCorrupt:
			store.archives["h/"+id] = []byte("no archive")
		case fit.ReasonNoSource:
			store.archives["h/"+id] = episodetest.Episode(80).Without("telemetry-proc.jsonl").Bytes()
		}
		rows = append(rows, accepted("h", id, "a"))
		if old := lowest[reason]; old == "" || spec.Rank("h", id).Compare(spec.Rank("h", old)) < 0 {
			lowest[reason] = id
		}
	}
	rows = append(rows, [4]string{"h", "x", "b", "Accepted"}, accepted("h", "y", "strange"))
	for _, atOnce := range []int{1, 8} {
		fitted := mustFit(t, Config{Spec: spec, Concurrency: atOnce}, store, rows)
		if got := fitted[0]; len(got.Without) != 3 || got.Unlisted != "" {
			t.Fatalf("%+v", got)
		}
		for reason, id := range lowest {
			w := fitted[0].Without[reason]
			if w.Count != 10 || w.Example.String() != "h/"+id || w.Detail == "" {
				t.Errorf("%s: %+v, want the example %s", reason, w, id)
			}
			for _, needless := range []string{"unusable episode", "corrupt archive", "open the archive", "archive not found"} {
				if strings.Contains(w.Detail, needless) {
					t.Errorf("%s: detail %q", reason, w.Detail)
				}
			}
		}
		if fitted[1].Unlisted != "no row of it has status accepted; 1 has Accepted" || fitted[2].Unlisted != "the list has no profile c; it has strange (1)" {
			t.Errorf("%q, %q", fitted[1].Unlisted, fitted[2].Unlisted)
		}
	}
}

// TestWarnings: a gauge that looks like a counter is named once for each profile, with the episode of lowest rank.
func TestWarnings(t *testing.T) {
	store := &memoryStore{archives: map[string][]byte{}}
	spec := specOf(100, "a", "b")
	spec.Profiles[0].Channel = "net.rx"
	var rows [][4]string
	lowest := ""
	for i := range 12 {
		id := fmt.Sprintf("e%d", i)
		store.archives["h/"+id] = episodetest.Episode(80).With("telemetry-net.jsonl",
			episodetest.Rows(80, func(k int) string { return fmt.Sprintf(`"rx": %d`, 5+k-k*(i%2)) })).Bytes()
		rows = append(rows, accepted("h", id, string(spec.Profiles[i/6].Name)))
		if i < 6 && i%2 == 0 && (lowest == "" || spec.Rank("h", id).Compare(spec.Rank("h", lowest)) < 0) {
			lowest = id
		}
	}
	fitted := mustFit(t, Config{Spec: spec}, store, rows)
	w := fitted[0].Warnings
	if len(w) != 1 || w[0].Kind != episode.WarnLooksLikeCounter || w[0].Channel.String() != "net.rx" || w[0].Count != 3 ||
		w[0].Example.String() != "h/"+lowest || !strings.Contains(w[0].Detail, "net.rx is read as a gauge") {
		t.Errorf("%+v, want three episodes, with the example %s", w, lowest)
	}
	if len(fitted[1].Warnings) != 0 {
		t.Errorf("%+v", fitted[1].Warnings)
	}
}
