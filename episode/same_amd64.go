package episode

// sameVectors is [sameWords] with the vectors of 16 bytes that every amd64 has; n is at least 16. It allocates nothing, keeps
// nothing, and reads n bytes of each. It is in assembly since this loop sees every byte of a telemetry: sameWords makes aligning
// a recorded episode cost 4 % more (BenchmarkCost).
//
//go:noescape
func sameVectors(row, like, may *byte, n int) int

// same returns how many bytes, from the first on, are as they must be. The slices are equally long.
func same(row, like, may []byte) int {
	n := len(row)
	if n < 16 {
		return sameWords(row, like, may)
	}
	like, may = like[:n], may[:n] // or it panics, here and not there
	return sameVectors(&row[0], &like[0], &may[0], n)
}
