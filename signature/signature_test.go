package signature

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cis490/profiles/fit"
)

var nan = math.NaN()

func smallSpec() *fit.Spec {
	spec := fit.DefaultSpec()
	spec.Points = fit.Points{CleanLead: 2, Armed: 1, Infecting: 2, InfectedRunning: 4, CleanTail: 3}
	spec.Signature.Channels = spec.Signature.Channels[:2]
	return spec
}

// drawMembers draws episodes with ties, gaps, both zeros, and without a signature.
func drawMembers(t *rapid.T, spec *fit.Spec) []Member {
	value := rapid.SampledFrom([]float64{0, math.Copysign(0, -1), nan, 1, 2, 2.5, 7, 100})
	points := spec.Points.Total()
	var members []Member
	for i := range rapid.IntRange(0, 14).Draw(t, "members") {
		m := Member{Host: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "host"), Episode: fmt.Sprint(i)}
		m.Curve = rapid.SliceOfN(value, points, points).Draw(t, "curve")
		for range rapid.SampledFrom([]int{2, 2, 2, 0}).Draw(t, "channels") {
			row := make([]float32, points)
			for k := range row {
				row[k] = float32(value.Draw(t, "value"))
			}
			m.Signature = append(m.Signature, row)
		}
		for k := range m.Seconds {
			m.Seconds[k] = rapid.SampledFrom([]float32{0, 0.1, 2, 25}).Draw(t, "seconds")
		}
		members = append(members, m)
	}
	return members
}

func text(t interface{ Fatal(...any) }, s Summary) string {
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// bits returns a text that differs if two summaries differ in the last bit, or in the sign of a zero.
func bits(s Summary) string {
	return fmt.Sprintf("%#v", s.Curve) + fmt.Sprintf("%#v", s.Channels) + fmt.Sprintf("%#v", s.Hosts)
}

func TestOrderDoesNotMatter(t *testing.T) {
	spec := smallSpec()
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, spec)
		want := Of(spec, members)
		shuffled := slices.Clone(members)
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		got := Of(spec, shuffled)
		if text(t, got) != text(t, want) {
			t.Fatalf("in another order\n%s\nwant\n%s", text(t, got), text(t, want))
		}
		for c := range got.Channels { // pointers print as addresses
			got.Channels[c].Trust.Deepest, want.Channels[c].Trust.Deepest = nil, nil
		}
		if bits(got) != bits(want) {
			t.Fatal("in another order the last bits differ")
		}
	})
}

func TestInputsAreNotChanged(t *testing.T) {
	spec := smallSpec()
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, spec)
		before := fmt.Sprint(members)
		Of(spec, members)
		if fmt.Sprint(members) != before {
			t.Fatal("an input was changed")
		}
	})
}

// TestDuplicatesAndGaps: if every episode is there twice, medians and phases stay. An episode of gaps changes nothing.
func TestDuplicatesAndGaps(t *testing.T) {
	spec := smallSpec()
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, spec)
		once := Of(spec, members)
		twice := Of(spec, append(slices.Clone(members), members...))
		withGaps := Of(spec, append(slices.Clone(members), Member{Host: "a", Episode: "gaps", Curve: make(fit.Curve, 0)}))
		for c := range once.Channels {
			for _, pair := range [][2]Row{
				{once.Channels[c].Bins.Median, twice.Channels[c].Bins.Median},
				{once.Channels[c].Levels.Median, twice.Channels[c].Levels.Median},
				{once.Channels[c].Levels.P25, withGaps.Channels[c].Levels.P25},
				{once.Channels[c].Bins.Mean, withGaps.Channels[c].Bins.Mean},
				{once.Channels[c].Levels.Low, withGaps.Channels[c].Levels.Low},
			} {
				if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
					t.Fatalf("%v became %v", pair[0], pair[1])
				}
			}
			if !reflect.DeepEqual(fmt.Sprint(once.Channels[c].Phases), fmt.Sprint(withGaps.Channels[c].Phases)) ||
				fmt.Sprint(once.Channels[c].Phases) != fmt.Sprint(twice.Channels[c].Phases) {
				t.Fatalf("%v, twice %v, with gaps %v", once.Channels[c].Phases, twice.Channels[c].Phases, withGaps.Channels[c].Phases)
			}
		}
	})
}

// naiveDepth counts the bands that contain the row, pair by pair.
func naiveDepth(rows [][]float64, i, points int) float64 {
	sum, n := 0.0, 0
	for at := range points {
		if !finite(rows[i][at]) {
			continue
		}
		holds, all := 0, 0
		for a := range rows {
			for b := range a {
				if finite(rows[a][at]) && finite(rows[b][at]) {
					all++
					if min(rows[a][at], rows[b][at]) <= rows[i][at] && rows[i][at] <= max(rows[a][at], rows[b][at]) {
						holds++
					}
				}
			}
		}
		if all > 0 {
			sum += float64(holds) / float64(all)
			n++
		}
	}
	return sum / float64(n)
}

func TestDepths(t *testing.T) {
	spec := smallSpec()
	points := spec.Points.Total()
	rapid.Check(t, func(t *rapid.T) {
		var rows [][]float64
		for _, m := range drawMembers(t, spec) {
			rows = append(rows, m.Curve)
		}
		for i, got := range Depths(rows, points) {
			want := naiveDepth(rows, i, points)
			if math.Abs(got-want) > 1e-12 || math.IsNaN(got) != math.IsNaN(want) {
				t.Fatalf("depth %v, want %v of row %d in %v", got, want, i, rows)
			}
			if got < 0 || got > 1 {
				t.Fatalf("depth %v", got)
			}
		}
	})
}

func TestFewEpisodes(t *testing.T) {
	spec := smallSpec()
	points := spec.Points.Total()
	member := func(id string, v float32) Member {
		m := Member{Host: "h", Episode: id, Seconds: fit.Seconds{10, 2, 3, 25, 5}}
		for range spec.Signature.Channels {
			m.Signature = append(m.Signature, slices.Repeat([]float32{v}, points))
		}
		m.Curve = slices.Repeat([]float64{float64(v)}, points)
		return m
	}
	none := Of(spec, nil)
	if none.Used != 0 || none.Trust.Deepest != nil || len(none.Channels) != 2 || !none.Channels[0].Phases[0].Total.IsGap() || !math.IsNaN(none.Curve.Median[0]) {
		t.Errorf("of none %+v", none)
	}
	one := Of(spec, []Member{member("a", 3)})
	if one.Trust.Deepest != nil || one.Channels[1].Levels.Median[5] != 3 || one.Channels[1].Levels.N[5] != 1 || !math.IsNaN(one.Curve.Low[0]) {
		t.Errorf("of one %+v", one)
	}
	// 25 s at 3 a second; the whole slice is above half of its greatest value, so it is one burst.
	if p := one.Channels[0].Phases[3]; p.Total != 75 || p.PerMinute != 60.0/25 || p.Length != 25 || p.Height != 3 || math.Abs(float64(p.Share)-25.0/45) > 1e-15 {
		t.Errorf("phase of one %+v", p)
	}
	two := Of(spec, []Member{member("b", 3), member("a", 5)})
	if two.Trust.Deepest == nil || two.Trust.Deepest.Episode != "a" || two.Trust.Deepest.Depth != 1 || len(two.Trust.Outliers) != 0 || two.Curve.Median[0] != 4 {
		t.Errorf("of two %+v", two.Trust)
	}
	three := Of(spec, []Member{member("c", 3), member("b", 5), member("a", 900)})
	if three.Trust.Deepest.Episode != "b" || three.Curve.Median[0] != 5 {
		t.Errorf("of three %+v", three.Trust)
	}
	// The rows of 3 and 900 are equally deep, so the central half has all three, and nothing lies outside.
	if len(three.Trust.Outliers) != 0 {
		t.Errorf("outliers of three %+v", three.Trust.Outliers)
	}
	many := []Member{member("odd", 900)}
	for i := range 9 {
		many = append(many, member(fmt.Sprint(i), 10+float32(i)))
	}
	if out := Of(spec, many).Trust.Outliers; len(out) != 1 || out[0].Episode.Episode != "odd" || out[0].Outside != points ||
		out[0].String() != "h/odd is outside at 12 points, farthest at point 0: 900, above 24.5" {
		t.Errorf("outliers %v", out)
	}
}

func TestBursts(t *testing.T) {
	tests := []struct {
		name    string
		values  []float64
		seconds float64
		want    Activity
	}{
		{"two", []float64{0, 8, 9, 1, 0, 6, 0, 0}, 4, Activity{PerMinute: 30, Length: 0.75, Height: 7.5, Total: 12}},
		{"half of the greatest is no burst", []float64{5, 10, 5, 0}, 4, Activity{PerMinute: 15, Length: 1, Height: 10, Total: 20}},
		{"nothing", []float64{0, 0, 0}, 3, Activity{PerMinute: 0, Length: nan, Height: nan, Total: 0}},
		{"a gap ends one", []float64{4, nan, 4, 0}, 4, Activity{PerMinute: 40, Length: 1, Height: 4, Total: 8}},
		{"nothing but gaps", []float64{nan, nan}, 4, Activity{nan, nan, nan, nan}},
		{"no length", []float64{1, 2}, 0, Activity{nan, nan, nan, nan}},
		{"below zero", []float64{-1, -3}, 2, Activity{PerMinute: 0, Length: nan, Height: nan, Total: -4}},
	}
	for _, test := range tests {
		if got := ActivityOf(test.values, test.seconds); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// TestLevelsIgnoreTheMoment shuffles the values within each slice, which must not change the levels.
func TestLevelsIgnoreTheMoment(t *testing.T) {
	points := fit.DefaultPoints()
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1, 5, nan}), 80, 80).Draw(t, "row")
		moved := slices.Clone(row)
		for _, span := range points.Spans() {
			part := moved[span.Start : span.Start+span.Points]
			rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
			rnd.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
		}
		levels := LevelsOf(row, points)
		if fmt.Sprint(levels) != fmt.Sprint(LevelsOf(moved, points)) {
			t.Fatal("shuffling a slice changed its levels")
		}
		for _, span := range points.Spans() {
			for k := span.Start + 1; k < span.Start+span.Points; k++ {
				if levels[k] > levels[k-1] {
					t.Fatalf("levels rise at %d: %v", k, levels)
				}
			}
		}
	})
}

// TestMedianInterval compares with sums of exact integers.
func TestMedianInterval(t *testing.T) {
	coverage := func(n, lower int) float64 {
		sum := new(big.Int)
		for j := lower; j <= n-lower; j++ {
			sum.Add(sum, new(big.Int).Binomial(int64(n), int64(j)))
		}
		part, _ := new(big.Rat).SetFrac(sum, new(big.Int).Lsh(big.NewInt(1), uint(n))).Float64()
		return part
	}
	for n := range 300 {
		lower, got := MedianInterval(n)
		if lower == 0 {
			if n >= 6 || !math.IsNaN(got) {
				t.Errorf("no interval of %d (%v)", n, got)
			}
			continue
		}
		if want := coverage(n, lower); math.Abs(got-want) > 1e-12 || want < Confidence || lower < n/2 && coverage(n, lower+1) >= Confidence {
			t.Errorf("interval of %d: %d with %v, want %v", n, lower, got, want)
		}
	}
	if lower, c := MedianInterval(100); lower != 40 || math.Abs(c-0.9648) > 5e-5 {
		t.Errorf("of 100: %d, %v", lower, c)
	}
	if lower, c := MedianInterval(100_000); lower < 49_680 || lower > 49_700 || math.Abs(c-Confidence) > 1e-3 {
		t.Errorf("of 100000: %d, %v", lower, c)
	}
}

// TestManyOutliers has more outliers than fit: those outside at most points are listed, the others counted.
func TestManyOutliers(t *testing.T) {
	const central, out = 1_300, maxOutliers + 7
	rows, ids := make([][]float64, 0, central+out), make([]Episode, 0, central+out)
	for i := range cap(rows) {
		row := []float64{0, 0}
		if i >= central {
			row[0] = 1
		}
		if i == central {
			row[1] = 1
		}
		rows, ids = append(rows, row), append(ids, Episode{Host: "h", Episode: fmt.Sprint(i)})
	}
	if got := trustOf(rows, 2, ids); len(got.Outliers) != maxOutliers || got.LeftOut != out-maxOutliers || got.Outliers[0].Episode.Episode != fmt.Sprint(central) {
		t.Errorf("%d outliers, %d left out, first %+v", len(got.Outliers), got.LeftOut, got.Outliers[0])
	}
}

func TestHosts(t *testing.T) {
	spec := smallSpec()
	rnd := rand.New(rand.NewPCG(1, 2))
	sample := func(shift float32, hosts ...string) []Member {
		var members []Member
		for i := range 60 {
			m := Member{Host: hosts[i%len(hosts)], Episode: fmt.Sprint(i), Seconds: fit.Seconds{10, 2, 3, 25, 5}, Curve: make(fit.Curve, spec.Points.Total())}
			for c := range spec.Signature.Channels {
				row := make([]float32, spec.Points.Total())
				for k := range row {
					row[k] = rnd.Float32()
					if c == 1 && m.Host == "b" {
						row[k] += shift
					}
				}
				m.Signature = append(m.Signature, row)
			}
			members = append(members, m)
		}
		return members
	}
	if h := Of(spec, sample(0, "a", "b", "c")).Hosts; h.Differ || h.Tested != 10 || len(h.Compared) != 3 || len(h.Envelopes) != 3 || h.Envelopes[2].Host != "c" || h.Envelopes[2].Used != 20 {
		t.Errorf("equal hosts: %+v", h)
	}
	h := Of(spec, sample(1, "a", "b", "c")).Hosts
	if !h.Differ || len(h.Differences) != 5 || h.Differences[0].Channel != spec.Signature.Channels[1] || h.Differences[0].P > h.Differences[4].P {
		t.Errorf("another level: %+v", h)
	}
	if h := Of(spec, sample(1, "b")).Hosts; h.Differ || h.Tested != 0 || len(h.Compared) != 1 {
		t.Errorf("one host: %+v", h)
	}
	// More hosts than fit in a message: those with most episodes stay.
	spec.Points = fit.Points{CleanLead: 1000, Armed: 1000, Infecting: 1000, InfectedRunning: 1000, CleanTail: 96}
	var members []Member
	for i := range 12 {
		members = append(members, Member{Host: fmt.Sprint(i % 5), Episode: fmt.Sprint(i)})
	}
	h = Of(spec, members).Hosts
	if len(h.Envelopes) != 2 || h.LeftOut != 3 || h.Envelopes[0].Host != "0" || h.Envelopes[1].Host != "1" {
		t.Errorf("%d envelopes, %d left out", len(h.Envelopes), h.LeftOut)
	}
}

func TestKruskalWallisOfFewValues(t *testing.T) {
	for name, groups := range map[string][][]float64{
		"none": nil, "one": {{1, 2}}, "an empty one": {{1, 2}, {}}, "equal": {{1, 1}, {1}}, "single": {{1}},
	} {
		if h, p := KruskalWallis(groups); !math.IsNaN(h) || !math.IsNaN(p) {
			t.Errorf("%s: %v, %v", name, h, p)
		}
	}
	if h, p := KruskalWallis([][]float64{{1}, {2}}); h != 1 || math.Abs(p-0.31731050786291415) > 1e-12 {
		t.Errorf("two values: %v, %v", h, p)
	}
}

func TestDrift(t *testing.T) {
	spec := smallSpec()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var members []Member
	for i := range 8 {
		m := Member{Host: "h", Episode: fmt.Sprint(i), Seconds: fit.Seconds{10, 2, 3, 25, 5}, Curve: slices.Repeat([]float64{float64(i)}, spec.Points.Total())}
		m.Signature = fit.Signature{slices.Repeat([]float32{float32(i)}, spec.Points.Total()), slices.Repeat([]float32{5}, spec.Points.Total())}
		members = append(members, m)
	}
	s := Of(spec, members)
	if d := s.DriftFrom(s.Snapshot(at, 8)); d.Distance != 0 || d.Outside != 0 || d.At != at || d.Accepted != 8 {
		t.Errorf("from itself: %+v", d)
	}
	then := s.Snapshot(at, 8)
	then.Median = slices.Repeat(Row{100}, len(then.Median))
	then.Levels = []Row{then.Levels[0], slices.Repeat(Row{2}, len(then.Median))}
	if d := s.DriftFrom(then); math.Abs(float64(d.Distance)-math.Ln2/2) > 1e-12 || d.Outside != 1 {
		t.Errorf("from twice: %+v", d)
	}
	if d := s.DriftFrom(Snapshot{}); !d.Distance.IsGap() || !d.Outside.IsGap() {
		t.Errorf("from nothing: %+v", d)
	}

	snap := func(hours int, accepted float64) Snapshot {
		return Snapshot{At: at.Add(time.Duration(hours) * time.Hour), Accepted: Value(accepted)}
	}
	for _, c := range []struct {
		earlier  []Snapshot
		hours    int
		accepted float64
		want     bool
	}{
		{nil, 0, 1, true}, {[]Snapshot{snap(0, 100)}, 23, 199, false}, {[]Snapshot{snap(0, 100)}, 1, 200, true},
		{[]Snapshot{snap(0, 100)}, 24, 100, true}, {[]Snapshot{snap(0, 100), snap(20, 150)}, 30, 200, false},
		// The last one was dated by a clock that is ahead: by hours, by years.
		{[]Snapshot{snap(0, 100)}, -23, 199, false}, {[]Snapshot{snap(0, 100)}, -24, 100, true}, {[]Snapshot{snap(0, 100), snap(30*365*24, 100)}, 24, 100, true},
		{[]Snapshot{{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}}, 0, 0, true},
	} {
		if Due(c.earlier, at.Add(time.Duration(c.hours)*time.Hour), c.accepted) != c.want {
			t.Errorf("%+v: want due %v", c, c.want)
		}
	}
	var kept []Snapshot
	for day := range 200 {
		kept = Keep(kept, snap(24*day, math.Pow(2, float64(day/20))))
	}
	doublings := 0
	for i, s := range kept {
		if i > 0 && s.Accepted >= 2*kept[i-1].Accepted {
			doublings++
		}
	}
	if len(kept) != maxSnapshots || kept[0].At != at || doublings != 9 || kept[63].At != at.Add(199*24*time.Hour) {
		t.Errorf("%d kept, %d doublings, from %v to %v", len(kept), doublings, kept[0].At, kept[len(kept)-1].At)
	}
}

func TestJSON(t *testing.T) {
	spec := smallSpec()
	rapid.Check(t, func(t *rapid.T) {
		s := Of(spec, drawMembers(t, spec))
		first := text(t, s)
		var back Summary
		if err := json.Unmarshal([]byte(first), &back); err != nil {
			t.Fatal(err)
		}
		if again := text(t, back); again != first {
			t.Fatalf("%s\nread back\n%s", first, again)
		}
	})
	if text, err := json.Marshal(Row{nan, 1e300, 0.1}); err != nil || string(text) != "[null,3.4028235e+38,0.1]" {
		t.Errorf("%s, %v", text, err)
	}
}

func BenchmarkOf(b *testing.B) {
	spec := fit.DefaultSpec()
	rnd := rand.New(rand.NewPCG(1, 2))
	members := make([]Member, 100)
	for i := range members {
		m := Member{Host: fmt.Sprint(i % 5), Episode: fmt.Sprint(i), Seconds: fit.Seconds{10, 2, 3, 25, 5}}
		for range 80 {
			m.Curve = append(m.Curve, rnd.ExpFloat64())
		}
		for range spec.Signature.Channels {
			row := make([]float32, 80)
			for k := range row {
				row[k] = max(0, rnd.Float32()-0.7)
			}
			m.Signature = append(m.Signature, row)
		}
		members[i] = m
	}
	b.ReportAllocs()
	for b.Loop() {
		Of(spec, members)
	}
}

// TestSlicesLeftOut: a slice without points has no figures, and the others have theirs. Units are those of the spec.
func TestSlicesLeftOut(t *testing.T) {
	spec := smallSpec()
	spec.Points = fit.Points{CleanLead: 2, InfectedRunning: 4}
	spec.Format.Channels = map[string]fit.Channel{spec.Signature.Channels[0]: {Unit: "cores"}}
	row := []float32{1, 1, 2, 8, 8, 2}
	var members []Member
	for i := range 12 {
		members = append(members, Member{
			Host: string(rune('a' + i%2)), Episode: fmt.Sprint(i), Curve: fit.Curve{1, 2, 3, 4, 5, float64(i)},
			Signature: fit.Signature{row, row}, Seconds: fit.Seconds{10, 0, 0, 40, 0},
		})
	}
	s := Of(spec, members)
	if raw := text(t, s); strings.Contains(raw, "Inf") {
		t.Error(raw)
	}
	for i, phase := range s.Channels[0].Phases {
		if left := i != 0 && i != 3; math.IsNaN(float64(phase.Total)) != left || math.IsNaN(float64(phase.PerMinute)) != left {
			t.Errorf("%s: %+v", phase.Name, phase)
		}
	}
	if running := s.Channels[0].Phases[3]; running.Total != 200 || running.PerMinute != 1.5 || running.Share != 200.0/210 {
		t.Errorf("%+v", running)
	}
	if s.Channels[0].Unit != "cores" || s.Channels[1].Unit != fit.Unit(spec.Signature.Channels[1]) {
		t.Errorf("units %q, %q", s.Channels[0].Unit, s.Channels[1].Unit)
	}
}
