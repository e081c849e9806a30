package signature

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"github.com/cis490/profiles/fit"
)

// Hosts says what each host's envelope is, and whether hosts differ.
type Hosts struct {
	Tested      int          `json:"tested"`      // channels and slices that were compared; 0: there are too few episodes
	Compared    []string     `json:"compared"`    // the hosts that have five episodes or more, by name
	Differ      bool         `json:"differ"`      // any of the tests says so
	Differences []Difference `json:"differences"` // those that do, the clearest first
	// Envelopes are of the hosts with most episodes, by name. Those beyond what one message can hold are left out.
	Envelopes []HostEnvelope `json:"envelopes"`
	LeftOut   int            `json:"left_out"`
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

// Difference is one channel in one slice whose mean rates differ between hosts.
type Difference struct {
	Channel string `json:"channel"`
	Phase   string `json:"phase"`
	H       Value  `json:"h"` // Kruskal and Wallis'
	P       Value  `json:"p"` // adjusted by Holm for the number of tests
}

const (
	// fewestOfHost is how many episodes a host must have to be compared: below it the chi-squared distribution is no good
	// approximation.
	fewestOfHost = 5
	// hostsDiffer is the p below which hosts differ.
	hostsDiffer = 0.01
	// maxHostValues bounds the numbers in Envelopes, so that they fit one message.
	maxHostValues = 32_768
)

// KruskalWallis returns the statistic H with the correction for ties, and the probability of one as great where all groups are alike, by
// the chi-squared distribution with one degree of freedom less than groups. Both are NaN for fewer than two groups, an empty group, or
// values that are all equal. Values must be finite. (Kruskal and Wallis, 1952.)
//
//	H = [12/(N(N+1)) Σ R²/n - 3(N+1)] / [1 - Σ(t³-t)/(N³-N)]
//
// with R the sum of a group's ranks, ties sharing theirs, n its size, N all, and t the sizes of the groups of equals.
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
	h = (float64(12/(n*(n+1))*total) - 3*(n+1)) / correction
	return h, mathext.GammaIncRegComp(float64(len(groups)-1)/2, max(h, 0)/2)
}

// Holm adjusts the probabilities of several tests, NaN for one that was none, so that the chance of any false alarm among them stays
// that of one: with p sorted, each is max over those up to it of (m-i)p[i], at most 1, m being the number of tests. (Holm, 1979.)
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

// hostsOf compares hosts by the mean rates of each channel in each slice (rates, by channel and member), and makes their envelopes of
// the curves.
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

func (h *Hosts) compare(byHost map[string][]int, rates [][][5]float64, spec *fit.Spec) {
	if len(h.Compared) < 2 {
		return
	}
	var tests []Difference
	var ps []float64
	for c, channel := range spec.Signature.Channels {
		for s, span := range spec.Points.Spans() {
			var groups [][]float64
			for _, name := range h.Compared {
				var values []float64
				for _, m := range byHost[name] {
					if v := rates[c][m][s]; finite(v) {
						values = append(values, v)
					}
				}
				if len(values) >= fewestOfHost {
					groups = append(groups, values)
				}
			}
			statistic, p := KruskalWallis(groups)
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
