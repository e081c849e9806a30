package roster

import (
	"errors"
	"fmt"
	"iter"
	"slices"
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
	return dataset.ValidationRow{HostID: host, EpisodeID: id, Profile: profile, Status: status}
}

func TestRoster(t *testing.T) {
	const yes, no = dataset.StatusAccepted, "rejected"
	r, err := Read(rows(
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
	), 7)
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
	if got, want := names(r.AsListed("a")), []string{"h1/1", "h1/2", "h2/1", "-", "h2/2", "h12/1", "h1/21"}; !slices.Equal(got, want) {
		t.Errorf("as listed: %v, want %v", got, want)
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
	if r.AsListed("z") != nil || r.ByRank("z") != nil {
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
