package roster

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

func rows(all ...dataset.ValidationRow) iter.Seq2[dataset.ValidationRow, error] {
	return func(yield func(dataset.ValidationRow, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func row(host, id, profile, status string) dataset.ValidationRow {
	return dataset.ValidationRow{HostID: host, EpisodeID: id, Profile: profile, Status: status, Accepted: status == dataset.StatusAccepted}
}

func TestRoster(t *testing.T) {
	const yes, no = dataset.StatusAccepted, "rejected"
	listed := rows(
		row("h1", "1", "a", yes),
		row("h1", "2", "a", yes),
		row("h1", "1", "b", yes), // under another profile now
		row("h1", "2", "a", no),  // no longer accepted
		row("h2", "1", "a", yes), // another episode: the host differs
		row("..", "1", "a", yes),
		row("h1", "3", "No Profile", yes),
		row("../..", "1", "a", no), // not accepted: not counted as malformed
		row("h2", "2", "a", no),
		row("h2", "2", "a", yes), // accepted again
		row("h12", "1", "a", yes),
		row("h1", "21", "a", yes),
	)
	r, err := Read(listed, 7)
	if err != nil {
		t.Fatal(err)
	}
	if r.Rows() != 12 || r.AcceptedRows() != 9 {
		t.Errorf("%d rows, %d accepted", r.Rows(), r.AcceptedRows())
	}
	first, all := r.Malformed()
	if all != 2 || len(first) != 2 || first[0].Row != 5 || first[1].Row != 6 {
		t.Errorf("malformed: %v, %d in all", first, all)
	}
	names := func(rows []Row) []string {
		var names []string
		for _, n := range rows {
			if ref, ok := r.Ref(n); ok {
				names = append(names, ref.String())
			} else {
				names = append(names, "-")
			}
		}
		return names
	}
	if r.Listed("a") != 7 || r.Listed("b") != 1 || r.Listed("z") != 0 {
		t.Errorf("%d rows of a, %d of b", r.Listed("a"), r.Listed("b"))
	}
	drawn, err := r.Draw(listed, map[fit.ProfileName][]int{"a": {0, 1, 2, 3, 4, 5, 6}, "b": {0}, "z": {}})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(drawn["b"]); !slices.Equal(got, []string{"h1/1"}) {
		t.Errorf("drawn of b: %v", got)
	}
	if got, want := names(drawn["a"]), []string{"h1/1", "h1/2", "h2/1", "-", "h2/2", "h12/1", "h1/21"}; !slices.Equal(got, want) {
		t.Errorf("as listed: %v, want %v", got, want)
	}
	if drawn, err = r.Draw(listed, map[fit.ProfileName][]int{"a": {6, 3, 0}}); err != nil || !slices.Equal(names(drawn["a"]), []string{"h1/21", "-", "h1/1"}) {
		t.Errorf("drawn in another order: %v, %v", names(drawn["a"]), err)
	}
	for _, other := range []iter.Seq2[dataset.ValidationRow, error]{rows(), rows(row("new", "1", "a", yes))} {
		if _, err := r.Draw(other, map[fit.ProfileName][]int{"a": {0}}); err == nil || !strings.Contains(err.Error(), "the list of episodes changed while it was read: try again") {
			t.Errorf("drawn from another list: %v", err)
		}
	}
	ranked := r.ByRank("a")
	if !slices.IsSortedFunc(ranked, func(a, b Row) int { return r.Rank(a).Compare(r.Rank(b)) }) {
		t.Error("not by rank")
	}
	for _, n := range ranked {
		ref, _ := r.Ref(n)
		if r.Rank(n) != fit.RankOf(7, string(ref.Host), string(ref.ID)) {
			t.Errorf("%s has the rank of another episode", ref)
		}
	}
	got := names(ranked)
	slices.Sort(got)
	if want := []string{"h1/21", "h12/1", "h2/1", "h2/2"}; !slices.Equal(got, want) {
		t.Errorf("by rank: %v, want %v", got, want)
	}
	var episodes []string
	for ref, profile := range r.Episodes() {
		episodes = append(episodes, ref.String()+" "+string(profile))
		if !r.Accepts(ref, profile) || r.Accepts(ref, "c") {
			t.Errorf("accepts %s: %t, under c: %t", ref, r.Accepts(ref, profile), r.Accepts(ref, "c"))
		}
	}
	if want := []string{"h1/1 b", "h2/1 a", "h2/2 a", "h12/1 a", "h1/21 a"}; !slices.Equal(episodes, want) {
		t.Errorf("episodes: %v, want %v", episodes, want)
	}
	for _, ref := range []episode.Ref{{Host: "h1", ID: "1"}, {Host: "h1", ID: "2"}, {Host: "h9", ID: "9"}} {
		if r.Accepts(ref, "a") {
			t.Errorf("accepts %s under a", ref)
		}
	}
	if r.ByRank("z") != nil {
		t.Error("returns rows of a profile that no row names")
	}
}

func TestReadReturnsTheErrorOfRows(t *testing.T) {
	broken := errors.New("page 3 is damaged")
	_, err := Read(func(yield func(dataset.ValidationRow, error) bool) {
		_ = yield(row("h", "1", "a", "accepted"), nil) && yield(dataset.ValidationRow{}, broken)
	}, 0)
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestMalformedAreLimited(t *testing.T) {
	r, err := Read(rows(slices.Repeat([]dataset.ValidationRow{row("", "", "a", "accepted")}, 50)...), 0)
	if err != nil {
		t.Fatal(err)
	}
	if first, all := r.Malformed(); all != 50 || len(first) != maxMalformed {
		t.Errorf("%d kept of %d", len(first), all)
	}
}

// TestMemoryGrowsWithEpisodes: rows that name the same episodes, rows that are not accepted and names of profiles that are
// not well-formed take no memory.
func TestMemoryGrowsWithEpisodes(t *testing.T) {
	const most = 1 << 20 // bytes, for a million rows
	for name, of := range map[string]func(i int) dataset.ValidationRow{
		"equal rows":   func(int) dataset.ValidationRow { return row("h", "e", "a", "accepted") },
		"not accepted": func(i int) dataset.ValidationRow { return row("h", strconv.Itoa(i), "a", "rejected") },
		"bad profiles": func(i int) dataset.ValidationRow { return row("h", "e", " "+strconv.Itoa(i), "accepted") },
		"two profiles": func(i int) dataset.ValidationRow { return row("h", "e", []string{"a", "b"}[i%2], "accepted") },
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		const n = 1_000_000
		r, err := Read(func(yield func(dataset.ValidationRow, error) bool) {
			for i := range n {
				if !yield(of(i), nil) {
					return
				}
			}
		}, 0)
		if err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if took := int64(after.HeapAlloc) - int64(before.HeapAlloc); took > most || r.Rows() != n {
			t.Errorf("%s: %d rows take %d bytes", name, r.Rows(), took)
		}
		runtime.KeepAlive(r)
	}
}

// BenchmarkRead shows time and memory for a large file.
func BenchmarkRead(b *testing.B) {
	const n = 100_000
	many := func(yield func(dataset.ValidationRow, error) bool) {
		for i := range n {
			if !yield(row("host-7", fmt.Sprintf("episode-%07d", i), "cpu-saturate", "accepted"), nil) {
				return
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(many, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}
