package episode

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// TestCounter compares the fates of a counter's samples with the oracle's.
func TestCounter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c counter
		var numbers []number
		var times []float64
		var astray []bool
		var want []oracleSample
		count, now := rapid.Int64Range(0, 3).Draw(t, "first"), 0.0
		base := rapid.SampledFrom([]int64{0, 0, 1 << 53}).Draw(t, "base")
		for i := range rapid.IntRange(0, 30).Draw(t, "samples") {
			count = max(0, count+rapid.SampledFrom([]int64{0, 1, 1, 2, 2, 3, 10, 11, 20, 100, -1, -1, -2, -5, -100}).Draw(t, "step"))
			now += rapid.SampledFrom([]float64{1, 1, 1, 1, 0.01, 0.5, 2, 11}).Draw(t, "time")
			n := number{uint64(base + count), positive}
			o := oracleNumber{integer: big.NewInt(base + count)}
			if rapid.IntRange(0, 9).Draw(t, "float") == 0 {
				x := float64(base + count)
				n, o = number{math.Float64bits(x), float}, oracleNumber{float: &x}
			}
			isAstray := i > 0 && rapid.IntRange(0, 9).Draw(t, "astray") == 0
			numbers, times, astray = append(numbers, n), append(times, now), append(astray, isAstray)
			want = append(want, oracleSample{oracleNumber: o, row: i, time: now, astray: isAstray})
		}
		c.load(numbers, times, astray)
		c.judge(func() float64 { return median(appendSteps(nil, times)) })
		restarted, dips, peaks, events := oracleCounter(want)
		if c.restarts != restarted || c.dips != dips || c.peaks != peaks || c.events != events {
			t.Fatalf("%d restarts, %d dips, %d peaks, %d events; want %d, %d, %d, %d", c.restarts, c.dips, c.peaks, c.events, restarted, dips, peaks, events)
		}
		first := true
		for i, w := range want {
			fate := counts
			switch {
			case w.isLeftOut:
				fate = leftOut
			case w.isUnknown && !first:
				fate = unknown
			case w.isRestart:
				fate = restarts
			}
			first = first && w.isLeftOut
			if have := c.fateOf(i); have != fate {
				t.Fatalf("sample %d of %v has fate %d, want %d", i, describe(want), have, fate)
			}
		}
	})
}

// describe returns the times and values of samples.
func describe(samples []oracleSample) (text []string) {
	for _, s := range samples {
		text = append(text, fmt.Sprintf("%v:%v", s.time, s.value()))
	}
	return text
}
