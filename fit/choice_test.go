package fit

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSeedSequence(t *testing.T) {
	want := [4]uint64{0x9f1e2e6dcd540ab7, 0xd57873dc79fb94b6, 0x7d282a1b64d420b7, 0x336579714692d5ff}
	if got := newSeedSequence([]uint32{42}).state(); got != want {
		t.Errorf("state of seed 42 = %x, want %x", got, want)
	}
	if got := newSeedSequence([]uint32{42, 0, 0, 0, 0, 0}).state(); got != want {
		t.Errorf("leading zeros make the state of seed 42 %x, want %x", got, want)
	}
	if newSeedSequence([]uint32{1, 2, 3, 4, 5}) == newSeedSequence([]uint32{1, 2, 3, 4, 6}) {
		t.Error("the fifth word does not matter")
	}
}

func TestPCG64(t *testing.T) {
	g := newPCG64(newSeedSequence([]uint32{42}))
	for i, want := range []uint64{0xc621fbcd16d92688, 0x705a5661a791ffc1, 0xdbcd12c26eda1624} {
		if got := g.next64(); got != want {
			t.Errorf("word %d = %#x, want %#x", i, got, want)
		}
	}
	g = newPCG64(newSeedSequence([]uint32{42}))
	for i, want := range []uint32{0x16d92688, 0xc621fbcd, 0xa791ffc1} {
		if got := g.next32(); got != want {
			t.Errorf("half word %d = %#x, want %#x", i, got, want)
		}
	}
}

func TestChoice(t *testing.T) {
	tests := []struct {
		seed  uint64
		n, k  int
		start []int
		sum   int
	}{
		{42, 1000, 10, []int{85, 767, 88, 649, 436, 430, 695, 94, 201, 855}, 4300},
		{42, 5, 5, []int{4, 1, 0, 3, 2}, 10},
		{0, 250, 100, []int{64, 4, 237, 169, 16, 115, 5, 136, 130, 90}, 13004},
		{1, 20000, 500, []int{12688, 10518, 14450}, 5096808},
		{7, 0, 0, nil, 0},
		{7, 1, 1, []int{0}, 0},
		{7, 1, 0, nil, 0},
	}
	for _, test := range tests {
		got := Choice(test.seed, test.n, test.k)
		if len(got) != test.k || !slices.Equal(got[:len(test.start)], test.start) {
			t.Errorf("choice(%d; %d, %d) = %v, want %v...", test.seed, test.n, test.k, got, test.start)
		}
		sum := 0
		for _, v := range got {
			sum += v
		}
		if sum != test.sum {
			t.Errorf("choice(%d; %d, %d) sums to %d, want %d", test.seed, test.n, test.k, sum, test.sum)
		}
	}
}

func TestChoiceIsASubset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.OneOf(rapid.IntRange(0, 50), rapid.IntRange(9_990, 10_500)).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		got := Choice(seed, n, k)
		slices.Sort(got)
		if len(got) != k || len(slices.Compact(got)) != k || k > 0 && (got[0] < 0 || got[k-1] >= n) {
			t.Fatalf("choice(%d; %d, %d) = %v", seed, n, k, got)
		}
		if again := Choice(seed, n, k); !slices.Equal(again, ChoiceWords([]uint32{uint32(seed), uint32(seed >> 32)}, n, k)) {
			t.Fatal("the same seed in words gives another choice")
		}
	})
}

func TestChoiceOfTooMany(t *testing.T) {
	tooMany := int64(1) << 32
	for _, test := range []struct{ n, k int }{{5, 6}, {5, -1}, {-1, 0}, {int(tooMany), 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("choice of %d from %d does not panic", test.k, test.n)
				}
			}()
			Choice(0, test.n, test.k)
		}()
	}
}

// For a small n, bounded hardly ever rejects a number. This compares with the definition for an n that makes it reject often.
func TestBoundedRejects(t *testing.T) {
	const most = 3 << 30 // rejects a quarter of all draws
	g, naive := newPCG64(newSeedSequence(nil)), newPCG64(newSeedSequence(nil))
	draws := 0
	for range 1_000 {
		want := -1
		for want < 0 {
			draws++
			m := uint64(naive.next32()) * (most + 1)
			if m%(1<<32) >= (1<<32)%(most+1) {
				want = int(m / (1 << 32))
			}
		}
		if got := g.bounded(most); got != want {
			t.Fatalf("bounded(%d) = %d, want %d", most, got, want)
		}
	}
	if draws < 1_100 {
		t.Errorf("%d draws for 1000 numbers: nothing was rejected", draws)
	}
}
