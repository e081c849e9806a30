package signature

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"github.com/cis490/profiles/fit"
)

// Hosts has the envelope of each host, and whether hosts differ.
type Hosts struct {
	Tested      int          `json:"tested"`      // pairs of a channel and a slice that were compared; 0 if there are too few episodes
	Compared    []string     `json:"compared"`    // the hosts with at least five episodes, by name
	Differ      bool         `json:"differ"`      // there are differences
	Differences []Difference `json:"differences"` // the lowest P first
	// Envelopes are those of the hosts with most episodes, by name; as many as one message can hold.
	Envelopes []HostEnvelope `json:"envelopes"`
	LeftOut   int            `json:"left_out"` // how many hosts more there are
}

// HostEnvelope is the band of one host's curves.
type HostEnvelope struct {
	Host   string `json:"host"`
	Used   int    `json:"used"`
	Median Row    `json:"median"`
	P25    Row    `json:"p25"`
	P75    Row    `json:"p75"`
	N      []int  `json:"n"`
}

// Difference is a channel and a slice whose mean rates differ between hosts.
type Difference struct {
	Channel string `json:"channel"`
	Phase   string `json:"phase"`
	H       Value  `json:"h"` // the statistic of Kruskal and Wallis
	P       Value  `json:"p"` // adjusted for the number of tests, by Holm
}

const (
	// fewestOfHost is how many episodes a host needs to be compared. With fewer, the chi-squared distribution approximates badly.
	fewestOfHost = 5
	// hostsDiffer is the adjusted p below which hosts count as different.
	hostsDiffer = 0.01
	// maxHostValues bounds the numbers in Envelopes, so that they fit in one message.
	maxHostValues = 32_768
)

// KruskalWallis returns the statistic H, corrected for ties, and the probability p of an H at least as great if all groups have
// one distribution. p is of the chi-squared distribution with len(groups)-1 degrees of freedom. Both are NaN for fewer than two
// groups, an empty group, or values that are all equal. Values must be finite. (Kruskal and Wallis, 1952.)
//
//	H = [12/(N(N+1)) Σ R²/n - 3(N+1)] / [1 - Σ(t³-t)/(N³-N)]
//
// where R is the sum of a group's ranks (equal values share the mean of theirs), n its size, N the number of all values, and t
// the number of values in each set of equals.
func KruskalWallis(groups [][]float64) (h, p float64) {
	var all []float64
	for _, g := range groups {
		if len(g) == 0 {
			return math.NaN(), math.NaN()
		}
		all = append(all, g...)
	}
	sorted(all)
	n := float64(len(all))
	ranks, ties := map[float64]float64{}, 0.0
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && all[to] == all[from] {
			to++
		}
		ranks[all[from]] = float64(from+to+1) / 2
		t := float64(to - from)
		ties += float64(t*t*t) - t
		from = to
	}
	correction := 1 - ties/(float64(n*n*n)-n)
	if len(groups) < 2 || !(correction > 0) {
		return math.NaN(), math.NaN()
	}
	sums := make([]float64, len(groups))
	for i, g := range groups {
		sum := 0.0
		for _, v := range g {
			sum += ranks[v] // halves of integers: exact in any order
		}
		sums[i] = float64(sum*sum) / float64(len(g))
	}
	slices.Sort(sums)
	total := 0.0
	for _, s := range sums {
		total += s
	}
	h = (float64(12/(n*(n+1))*total) - float64(3*(n+1))) / correction
	return h, mathext.GammaIncRegComp(float64(len(groups)-1)/2, max(h, 0)/2)
}

// Holm adjusts the probabilities of m tests, so that the chance of a false alarm among all of them is that of one test. With p
// sorted and i from 0, the adjusted p[i] is the maximum over all j <= i of (m-j)p[j], and at most 1. A NaN counts as no test and
// stays. The result is new. (Holm, 1979.)
func Holm(p []float64) []float64 {
	adjusted := slices.Clone(p)
	var order []int
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	least := 0.0
	for k, i := range order {
		least = max(least, min(1, float64(len(order)-k)*p[i]))
		adjusted[i] = least
	}
	return adjusted
}

// hostsOf compares hosts by the mean rates, which are given by channel, member and slice, and makes their envelopes of the
// curves.
func hostsOf(members []Member, curves [][]float64, rates [][][5]float64, spec *fit.Spec) Hosts {
	byHost := map[string][]int{}
	for i, m := range members {
		byHost[m.Host] = append(byHost[m.Host], i)
	}
	h := Hosts{Compared: []string{}, Differences: []Difference{}}
	var names []string
	for name, of := range byHost {
		names = append(names, name)
		if len(of) >= fewestOfHost {
			h.Compared = append(h.Compared, name)
		}
	}
	slices.Sort(h.Compared)
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(byHost[b]), len(byHost[a])), cmp.Compare(a, b))
	})

	h.compare(byHost, rates, spec)
	points := spec.Points.Total()
	fits := max(maxHostValues/(4*points), 1)
	h.LeftOut = max(len(names)-fits, 0)
	names = names[:len(names)-h.LeftOut]
	slices.Sort(names)
	h.Envelopes = make([]HostEnvelope, len(names))
	for i, name := range names {
		of := make([]fit.Curve, 0, len(byHost[name]))
		for _, m := range byHost[name] {
			of = append(of, curves[m])
		}
		band := fit.Reduce(of, points)
		h.Envelopes[i] = HostEnvelope{Host: name, Used: len(of), Median: band.Median, P25: band.P25, P75: band.P75, N: band.N}
	}
	return h
}

// compare tests each channel and slice, and sets Tested, Differ and Differences.
func (h *Hosts) compare(byHost map[string][]int, rates [][][5]float64, spec *fit.Spec) {
	if len(h.Compared) < 2 {
		return
	}
	var tests []Difference
	var ps []float64
	for c, channel := range spec.Signature.Channels {
		for s, span := range spec.Points.Spans() {
			statistic, p := KruskalWallis(h.groups(byHost, func(member int) float64 { return rates[c][member][s] }))
			if !math.IsNaN(p) {
				h.Tested++
			}
			tests = append(tests, Difference{Channel: channel, Phase: span.Name, H: Value(statistic)})
			ps = append(ps, p)
		}
	}
	for i, p := range Holm(ps) {
		if p < hostsDiffer {
			tests[i].P = Value(p)
			h.Differences = append(h.Differences, tests[i])
		}
	}
	slices.SortStableFunc(h.Differences, func(a, b Difference) int { return cmp.Compare(a.P, b.P) })
	h.Differ = len(h.Differences) > 0
}

// groups returns the finite rates of each compared host; a host with too few is left out.
func (h *Hosts) groups(byHost map[string][]int, rateOf func(member int) float64) [][]float64 {
	var groups [][]float64
	for _, name := range h.Compared {
		var rates []float64
		for _, member := range byHost[name] {
			if v := rateOf(member); finite(v) {
				rates = append(rates, v)
			}
		}
		if len(rates) >= fewestOfHost {
			groups = append(groups, rates)
		}
	}
	return groups
}
