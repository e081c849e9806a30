package model

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

// TestSameBits: distances have the same bits on all machines. `make fma-test` runs this where the compiler may fuse products with
// sums.
func TestSameBits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	l := NewLayout(Running, "mean", []string{"x.a", "x.b", "x.c"}, small.Points)
	var examples []Example
	for i := range 90 {
		e := example(string(rune('a'+i%3)), i, make([]float32, 9)...)
		for f := range e.Vector {
			e.Vector[f] = float32(4*(i%3)) + float32(rnd.Float32()*float32(f+1))
		}
		examples = append(examples, e)
	}
	m := mustNew(t, l, examples)
	sum := sha256.New()
	for _, e := range examples {
		for _, c := range m.classes {
			_ = binary.Write(sum, binary.LittleEndian, m.space.length(difference(e.Vector, c.mean)))
		}
	}
	_ = binary.Write(sum, binary.LittleEndian, m.space.l.values)
	if got := hex.EncodeToString(sum.Sum(nil)[:8]); got != "2c8727c9eef6982a" {
		t.Errorf("the distances hash to %s", got)
	}
}
