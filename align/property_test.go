package align_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// A sample is a row of the source proc.
type sample struct {
	ns    int64 // since the first label
	count int64
}

// drawSamples draws a recording of 60 s in which no step is more than three times faster than
// another.
func drawSamples(t *rapid.T) []sample {
	var samples []sample
	ns, count := int64(50_000_000), rapid.Int64Range(10_000, 1<<60).Draw(t, "count")
	for range 120 {
		samples = append(samples, sample{ns, count})
		elapsed := rapid.Int64Range(450, 550).Draw(t, "ms")
		ns += elapsed * 1_000_000
		count += elapsed * rapid.Int64Range(20, 50).Draw(t, "speed")
	}
	return samples
}

func lineOf(s sample) string {
	return fmt.Sprintf(`{"t_wall_ns": %d, "cpu_user_jiffies": %d}`+"\n", episodetest.Start+s.ns, s.count)
}

func linesOf(samples []sample) string {
	var b strings.Builder
	for _, s := range samples {
		b.WriteString(lineOf(s))
	}
	return b.String()
}

// alignRows aligns an episode with some rows of the source proc.
func alignRows(t *rapid.T, rows string, resample fit.Resample) (*align.Alignment, error) {
	archive := episodetest.Archive{Members: []episodetest.Member{
		{Name: "meta.json", Body: episodetest.Meta("59")},
		{Name: "labels.jsonl", Body: episodetest.Labels("clean@0", "armed@10", "infecting@12", "infected_running@15", "clean@55")},
		{Name: "telemetry-proc.jsonl", Body: rows},
	}}
	spec := fit.DefaultSpec()
	spec.Resample = resample
	spec.Signature.Channels = nil
	f, err := align.New(spec, episode.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f.Read(bytes.NewReader(archive.Bytes()), "proc.cpu_user_jiffies")
}

// spread returns by how much the rates of the steps to samples from and to, and of those between,
// differ.
func spread(s []sample, from, to int) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for k := from; k <= to; k++ {
		rate := float64(s[k].count-s[k-1].count) / (float64(s[k].ns-s[k-1].ns) / 1e9)
		low, high = min(low, rate), max(high, rate)
	}
	return high - low
}

// TestOneWrongRow checks that one wrong row or reading, neither the first nor the last, moves no
// point by more than the rates of the steps around it differ, and that it is counted. A time that is
// out of order is not that of the next row: see TestMovedRow of package episode.
func TestOneWrongRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := drawSamples(t)
		i := rapid.IntRange(3, len(samples)-4).Draw(t, "row")
		first, last := i-1, i+2 // steps to these samples and those between are around the wrong row
		wrong := slices.Clone(samples)
		switch kind := rapid.SampledFrom([]string{"0", "negative", "one less", "too high", "ahead", "just ahead", "back", "just back"}).Draw(t, "kind"); kind {
		case "0":
			wrong[i].count = 0
		case "negative":
			wrong[i].count = -rapid.Int64Range(1, 1<<62).Draw(t, "by")
		case "one less":
			wrong[i].count = samples[i-1].count - 1
		case "too high":
			wrong[i].count = samples[i+1].count + rapid.Int64Range(1_000_000, 1<<61).Draw(t, "by")
		case "ahead":
			wrong[i].ns = samples[i+2].ns + rapid.Int64Range(0, 1<<60).Draw(t, "by")
		case "just ahead":
			// It could be the row behind that is wrong, so both are around.
			wrong[i].ns = samples[i+1].ns + rapid.Int64Range(1, samples[i+2].ns-samples[i+1].ns-1).Draw(t, "by")
			last++
		case "back":
			wrong[i].ns = samples[i-2].ns - rapid.Int64Range(0, 1<<60).Draw(t, "by")
		case "just back":
			// It could be the row before that is wrong, so both are around.
			wrong[i].ns = samples[i-1].ns - rapid.Int64Range(0, samples[i-1].ns-samples[i-2].ns-1).Draw(t, "by")
			first--
		}
		for _, resample := range []fit.Resample{fit.Linear, fit.Mean} {
			want, err := alignRows(t, linesOf(samples), resample)
			if err != nil {
				t.Fatal(err)
			}
			have, err := alignRows(t, linesOf(wrong), resample)
			if err != nil {
				t.Fatal(err)
			}
			if want.Quality != (fit.Quality{Empty: want.Quality.Empty, Longest: want.Quality.Longest}) {
				t.Fatalf("a good recording has %+v", want.Quality)
			}
			q := have.Quality
			if q.Gaps+q.RowsDropped+q.Unknown == 0 {
				t.Fatalf("nothing is counted: %+v", q)
			}
			most := spread(samples, first, last) + 1e-9*slices.Max(want.Curve)
			for k, v := range have.Curve {
				gap := math.IsNaN(v) && !math.IsNaN(want.Curve[k]) && !(resample == fit.Mean && q.Unknown > 0)
				if gap || math.Abs(v-want.Curve[k]) > most {
					t.Fatalf("%v: point %d is %v, want %v, at most %v apart; %+v", resample, k, v, want.Curve[k], most, q)
				}
			}
		}
	})
}

// TestRepeatedRows checks that rows that are delivered twice, or later, change nothing.
func TestRepeatedRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := drawSamples(t)
		rows := linesOf(samples)
		want, err := alignRows(t, rows, fit.Mean)
		if err != nil {
			t.Fatal(err)
		}
		var again strings.Builder
		for i, s := range samples {
			again.WriteString(lineOf(s))
			for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "times") {
				again.WriteString(lineOf(samples[rapid.IntRange(0, i).Draw(t, "which")]))
			}
		}
		have, err := alignRows(t, again.String(), fit.Mean)
		if err != nil {
			t.Fatal(err)
		}
		if curveID(have.Curve) != curveID(want.Curve) || have.Quality != want.Quality {
			t.Fatalf("the curve differs, or %+v is not %+v", have.Quality, want.Quality)
		}
	})
}

// TestTwoProcesses checks that rows of two processes in one file are refused, or give the curve of
// one of them.
func TestTwoProcesses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := drawSamples(t)
		other := rapid.Int64Range(0, 1<<61).Draw(t, "other count")
		late := rapid.Int64Range(1_000_000, 400_000_000).Draw(t, "late")
		var both strings.Builder
		for _, s := range samples {
			both.WriteString(lineOf(s))
			other += rapid.Int64Range(0, 100).Draw(t, "step")
			both.WriteString(lineOf(sample{s.ns + late, other}))
		}
		want, err := alignRows(t, linesOf(samples), fit.Linear)
		if err != nil {
			t.Fatal(err)
		}
		have, err := alignRows(t, both.String(), fit.Linear)
		var unusable *episode.UnusableError
		switch {
		case errors.As(err, &unusable) && unusable.Reason == episode.ReasonBadCounter:
		case err != nil:
			t.Fatal(err)
		default:
			q := have.Quality
			if curveID(have.Curve) != curveID(want.Curve) && q.Dips+q.Peaks+q.Restarts+q.Unknown+q.Jumps == 0 {
				t.Fatalf("the curve differs, and nothing is counted: %+v", q)
			}
		}
	})
}
