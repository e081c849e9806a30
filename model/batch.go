package model

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// batchRows is how many vectors are multiplied with all queries at a time.
const batchRows = 4096

// NearestOfEach returns what [Nearest] returns for each query, to the last bit, and its errors. It is faster for many queries: a
// product of matrices in float32, |x-y|² = |x|² + |y|² - 2xy, leaves out vectors that cannot be among the nearest, given how much
// such a product can be wrong in any order of its sums. The others are measured in float64.
func NearestOfEach(queries, vectors [][]float32, k int) ([][]Neighbour, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	dim := len(queries[0])
	if err := checkSearch(dim, vectors, k); err != nil {
		return nil, err
	}
	screens := make([]screen, len(queries))
	for i, q := range queries {
		if len(q) != dim {
			return nil, fmt.Errorf("find the nearest: query %d has %d features, the first %d", i, len(q), dim)
		}
		screens[i] = screen{k: k, norm: norm(q), bound: boundOf(dim)}
	}
	if dim > 0 && len(vectors) > 0 {
		screenAll(screens, pack(queries), vectors)
	}
	found := make([][]Neighbour, len(queries))
	inParallel(len(queries), func(i int) {
		if dim == 0 {
			found[i], _ = Nearest(queries[i], vectors, k)
			return
		}
		for _, c := range screens[i].pruned() {
			found[i] = insert(found[i], Neighbour{c.number, distance(queries[i], vectors[c.number])}, k)
		}
	})
	return found, nil
}

// screenAll multiplies the queries with all vectors, a block of them at a time.
func screenAll(screens []screen, queries blas32.General, vectors [][]float32) {
	products := make([]float32, queries.Rows*min(batchRows, len(vectors)))
	for from := 0; from < len(vectors); from += batchRows {
		rows := vectors[from:min(from+batchRows, len(vectors))]
		norms := make([]float64, len(rows))
		for i, v := range rows {
			norms[i] = norm(v)
		}
		n := len(rows)
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, queries, pack(rows), 0, blas32.General{Rows: queries.Rows, Cols: n, Stride: n, Data: products[:queries.Rows*n]})
		inParallel(len(screens), func(i int) { screens[i].add(from, norms, products[i*n:(i+1)*n]) })
	}
}

// A screen keeps the numbers of the vectors that can be among the k nearest to a query.
type screen struct {
	k     int
	norm  float64 // |x| of the query
	bound bound
	highs []float64   // the k least upper bounds of squared distances so far, sorted
	kept  []candidate // by number
}

// A candidate is a vector whose squared distance is at least low.
type candidate struct {
	number int
	low    float64
}

// add screens vectors, given their numbers, norms and products with the query.
func (s *screen) add(from int, norms []float64, products []float32) {
	for i, product := range products {
		y := norms[i]
		squares := float64(s.norm*s.norm) + float64(y*y)
		about, wrong := squares-float64(2*float64(product)), s.bound.of(squares, s.norm*y)
		low, high := about-wrong, about+wrong
		if about-about != 0 { // an overflow or a gap: nothing is known about the distance
			low, high = math.Inf(-1), math.Inf(1)
		}
		if low > s.limit() {
			continue
		}
		s.kept = append(s.kept, candidate{from + i, low})
		if high < s.limit() {
			at, _ := slices.BinarySearch(s.highs, high)
			s.highs = slices.Insert(s.highs, at, high)
			s.highs = s.highs[:min(len(s.highs), s.k)]
		}
	}
}

// limit returns the squared distance that k vectors are within for sure.
func (s *screen) limit() float64 {
	if len(s.highs) < s.k {
		return math.Inf(1)
	}
	return s.highs[s.k-1]
}

// pruned returns the vectors that are left, by number.
func (s *screen) pruned() []candidate {
	limit := s.limit()
	return slices.DeleteFunc(s.kept, func(c candidate) bool { return c.low > limit })
}

// A bound says how wrong |x|² + |y|² - 2xy can be as a float32 product of p features, and the distance in float64 with it.
type bound struct{ product, squares, least float64 }

func boundOf(p int) bound {
	const u32, u64 = 1.0 / (1 << 24), 1.0 / (1 << 53) // half the distance of 1 from the next number
	n := float64(p + 4)
	return bound{
		product: 2 * n * u32 / (1 - float64(n*u32)), // Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 3.1; p is below 2^23
		squares: 8 * n * u64,
		least:   4 * n * math.SmallestNonzeroFloat32, // of products that are too small for a float32
	}
}

// of returns the bound, given |x|² + |y|² and |x||y|.
func (b bound) of(squares, product float64) float64 {
	return float64(b.product*product) + float64(b.squares*squares) + b.least
}

func norm(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	return math.Sqrt(sum)
}

// pack copies vectors into a matrix, one a row.
func pack(vectors [][]float32) blas32.General {
	m := blas32.General{Rows: len(vectors), Cols: len(vectors[0]), Stride: len(vectors[0])}
	m.Data = make([]float32, 0, m.Rows*m.Cols)
	for _, v := range vectors {
		m.Data = append(m.Data, v...)
	}
	return m
}

// inParallel calls do with each number below n, on all cores.
func inParallel(n int, do func(int)) {
	var all sync.WaitGroup
	parts := min(n, runtime.GOMAXPROCS(0))
	for part := range parts {
		all.Go(func() {
			for i := part; i < n; i += parts {
				do(i)
			}
		})
	}
	all.Wait()
}
