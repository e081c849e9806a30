package model

import (
	"slices"
	"time"
)

// Latency describes measured times: order statistics and a histogram.
type Latency struct {
	N       int      `json:"n"`
	P50     float64  `json:"p50_us"` // µs; all are 0 without measurements
	P90     float64  `json:"p90_us"`
	P99     float64  `json:"p99_us"`
	Max     float64  `json:"max_us"`
	Buckets []Bucket `json:"buckets"` // from the first that counts any measurement to the last
}

// A Bucket counts the measurements that are above the bound of the bucket before it and not above its own.
type Bucket struct {
	UpTo float64 `json:"up_to_us"` // µs: 1, 2, 5, 10, ...
	N    int     `json:"n"`
}

// latencyOf describes the measurements, which it sorts in place. Quantile q is the ceil(q*n)-th value, so one that was measured.
func latencyOf(took []time.Duration) Latency {
	l := Latency{N: len(took), Buckets: []Bucket{}}
	if l.N == 0 {
		return l
	}
	slices.Sort(took)
	at := func(percent int) float64 { return micros(took[(percent*len(took)+99)/100-1]) }
	l.P50, l.P90, l.P99, l.Max = at(50), at(90), at(99), at(100)
	rest := took
	for decade := int64(time.Microsecond); len(rest) > 0; decade *= 10 {
		for _, step := range []int64{1, 2, 5} {
			bound := time.Duration(step * decade)
			n, _ := slices.BinarySearch(rest, bound+1)
			rest = rest[n:]
			if n > 0 || len(l.Buckets) > 0 && len(rest) > 0 {
				l.Buckets = append(l.Buckets, Bucket{micros(bound), n})
			}
		}
	}
	return l
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
