package model

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// A limit says which distances from a class are too great for its episodes. It comes from the distances that the class has from
// its own examples, each measured in a model without the example's host. The zero value has no limit.
type limit struct {
	fence     float64   // beyond it an episode does not have the profile; 0 for none
	distances []float64 // sorted, of a class with p-values: it has no fence
}

const (
	// minConformal and minHosts are how many examples and hosts of a profile p-values need. The least p of 19 examples is 1/20.
	minConformal = 19
	minHosts     = 8
	// refusedP is the p up to which a profile is refused.
	refusedP = 0.05
	// fenceQuantile is the quantile of the distances of an episode not among the examples at which the fence is.
	fenceQuantile = 0.99
	// minDistance is what a lesser distance counts as, since its logarithm is needed.
	minDistance = 1e-6
)

// p returns the share of the class's distances, and of this one, that are not below this one; false if the class has no p-values.
func (l limit) p(distance float64) (float64, bool) {
	if len(l.distances) == 0 {
		return 0, false
	}
	below, _ := slices.BinarySearch(l.distances, distance)
	return float64(1+len(l.distances)-below) / float64(1+len(l.distances)), true
}

// limitsOf returns the limit of each class. With u = ln d of the n distances of all K classes that have any, s their pooled
// standard deviation and n_c the number of a class, the fence of the class is
//
//	exp(mean_c + t(0.99, n-K) s sqrt(1 + 1/n_c))
//
// A class has no fence if n_c < 2 or n <= K. Classes of at least 19 distances and 8 hosts have p-values instead. Fences are
// rounded to float32, so that the last digits of a processor's logarithms do not matter.
func limitsOf(distances [][]float64, hosts []int) []limit {
	fences := fencesOf(distances)
	limits := make([]limit, len(distances))
	for c, own := range distances {
		if len(own) >= minConformal && hosts[c] >= minHosts {
			limits[c].distances = slices.Sorted(slices.Values(own))
		} else {
			limits[c].fence = float64(float32(fences[c]))
		}
	}
	return limits
}

// fencesOf returns the fences of [limitsOf], 0 for none.
func fencesOf(distances [][]float64) []float64 {
	logs, n, classes := logsOf(distances)
	centres, squares := make([]float64, len(logs)), 0.0
	for c, own := range logs {
		for _, u := range own {
			centres[c] += u / float64(len(own))
		}
		for _, u := range own {
			squares += float64((u - centres[c]) * (u - centres[c]))
		}
	}
	return fencesAround(logs, centres, math.Sqrt(squares/float64(max(1, n-classes))), n-classes)
}

// fencesAround returns exp(centre_c + t(0.99, freedom) spread sqrt(1 + 1/n_c)) for the logarithms of each class; 0 for none.
func fencesAround(logs [][]float64, centres []float64, spread float64, freedom int) []float64 {
	fences := make([]float64, len(logs))
	if freedom <= 0 {
		return fences
	}
	spread *= studentQuantile(fenceQuantile, freedom)
	for c, own := range logs {
		if len(own) >= 2 {
			fences[c] = math.Exp(centres[c] + float64(spread*math.Sqrt(1+1/float64(len(own)))))
		}
	}
	return fences
}

// logsOf returns the logarithms of the distances of each class, how many there are, and how many classes have any.
func logsOf(distances [][]float64) (logs [][]float64, n, classes int) {
	logs = make([][]float64, len(distances))
	for c, own := range distances {
		for _, d := range own {
			logs[c] = append(logs[c], math.Log(max(d, minDistance)))
		}
		if n += len(own); len(own) > 0 {
			classes++
		}
	}
	return logs, n, classes
}

// studentQuantile returns the quantile of Student's distribution.
func studentQuantile(q float64, freedom int) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(freedom)}.Quantile(q)
}

// ownDistances returns, for each class, the distances of its vectors from its mean, by host and episode. Each is measured in a
// model without the vector's host, or without the vector alone if the class has no other host. A class with one vector has none.
func ownDistances(features Features, classes []*class, dim int) [][]float64 {
	all := make([]moments, len(classes))
	var hosts []string
	for c, of := range classes {
		all[c] = of.moments
		for _, g := range of.groups {
			hosts = append(hosts, g.host)
		}
	}
	slices.Sort(hosts)
	distances := make([][]float64, len(classes))
	rest := make([]moments, len(classes))
	for _, host := range slices.Compact(hosts) {
		for c, of := range classes {
			rest[c] = of.withoutHost(host)
		}
		space := newSpace(features, rest, dim)
		for c, of := range classes {
			i, has := of.findHost(host)
			switch {
			case !has:
			case rest[c].n > 0:
				for _, v := range of.groups[i].vectors {
					distances[c] = append(distances[c], space.length(difference(v, rest[c].mean)))
				}
			default:
				distances[c] = distancesOnOneHost(features, all, c, of.groups[i].vectors, dim)
			}
		}
	}
	return distances
}

// distancesOnOneHost returns the distances of a class's vectors, all of one host, each without itself.
func distancesOnOneHost(features Features, all []moments, class int, vectors [][]float32, dim int) []float64 {
	if len(vectors) < 2 {
		return nil
	}
	rest := slices.Clone(all)
	distances := make([]float64, len(vectors))
	for i, v := range vectors {
		rest[class] = all[class].without(v)
		distances[i] = newSpace(features, rest, dim).length(difference(v, rest[class].mean))
	}
	return distances
}
