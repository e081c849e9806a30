package episode

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	et "github.com/cis490/profiles/episode/episodetest"
)

// newRowSet returns a set of rows of one cell.
func newRowSet(cells int) (*rowSet, *budget) {
	b := &budget{most: cells, big: new(bigArchive)}
	s := &rowSet{}
	s.start(b)
	s.reset(1)
	return s, b
}

// at returns a time of nanoseconds.
func at(ns int64) stamp {
	if ns < 0 {
		return exact(wide{}.minus(wide{lo: uint64(-ns)}))
	}
	return exact(wide{lo: uint64(ns)})
}

// orders are times of n rows that are hard to put in order.
func orders(n int) map[string]func(i int) int64 {
	shuffled := rand.New(rand.NewPCG(1, 2)).Perm(n)
	return map[string]func(i int) int64{
		"rising":            func(i int) int64 { return int64(i) },
		"falling":           func(i int) int64 { return int64(n - i) },
		"equal":             func(int) int64 { return 7 },
		"two times":         func(i int) int64 { return int64(i % 2) },
		"saw teeth":         func(i int) int64 { return int64(i%1000*1000 + i/1000) },
		"falling saw teeth": func(i int) int64 { return int64(i%1000*1000 - i/1000) },
		"long teeth":        func(i int) int64 { return int64(i % (n / 2)) },
		"shuffled":          func(i int) int64 { return int64(shuffled[i]) },
		"rise, then one falls": func(i int) int64 {
			if i == n-1 {
				return -1
			}
			return int64(i)
		},
	}
}

// TestManyRows checks that many rows in any order take little time, and not more memory than is
// counted.
func TestManyRows(t *testing.T) {
	const n = 100_000
	for name, order := range orders(n) {
		s, b := newRowSet(2 * n)
		line := make([]byte, 0, 40)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		for i := range n {
			line = fmt.Appendf(line[:0], "row %d", order(i))
			if err := s.add(at(order(i)), []number{{uint64(i), positive}}, line); err != nil {
				t.Fatalf("%s: row %d: %v", name, i, err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		s.selectRows(at(0), math.Inf(1), &floats{})
		took := time.Since(start)
		t.Logf("%s: %v, %d MiB, %d cells, %d rows", name, took, held>>20, b.cells, len(s.slots))
		if took > 20*time.Second { // a quadratic one would take minutes
			t.Errorf("%s: %v", name, took)
		}
		if most := int64(b.bytes) + 1<<20; held > most {
			t.Errorf("%s: %d bytes are held, more than the %d that are counted", name, held, most)
		}
		if len(s.slots)+s.lost > n || len(s.slots) != len(s.times) {
			t.Errorf("%s: %d selected, %d lost", name, len(s.slots), s.lost)
		}
		if *b.big {
			b.big.end()
		}
	}
}

// TestEqualRows checks that a million equal rows take next to no memory.
func TestEqualRows(t *testing.T) {
	s, b := newRowSet(10)
	for range 1_000_000 {
		if err := s.add(at(7), []number{{}}, []byte("row")); err != nil {
			t.Fatal(err)
		}
	}
	s.selectRows(at(0), 1, &floats{})
	if b.bytes > 1<<16 || len(s.slots) != 1 || s.lost != 0 {
		t.Errorf("%d bytes, %d rows, %d lost", b.bytes, len(s.slots), s.lost)
	}
}

// TestManyCounts checks that a million samples of a counter that falls in every way take little
// time.
func TestManyCounts(t *testing.T) {
	const n = 200_000
	times := make([]float64, n)
	for i := range times {
		times[i] = float64(i)
	}
	for name, order := range orders(n) {
		numbers := make([]number, n)
		for i := range numbers {
			numbers[i] = number{uint64(order(i) + n), positive}
		}
		start := time.Now()
		var c counter
		c.load(numbers, times, nil)
		c.judge(func() float64 { return 1 })
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

// TestMovedRow gives one row of a short series every other time that is out of order. Either the row
// is dropped, or nothing counts on its time: the clock went astray on both sides. If its time is that
// of the next row, it counts: recorders with a coarse clock write such rows.
func TestMovedRow(t *testing.T) {
	const n, step = 7, 10
	for moved := 1; moved < n-1; moved++ {
		for time := int64(-3 * step); time <= (n+3)*step; time++ {
			if int64(moved-1)*step < time && time <= int64(moved+1)*step {
				continue
			}
			s, _ := newRowSet(100)
			for i := range n {
				now := int64(i * step)
				if i == moved {
					now = time
				}
				if err := s.add(at(now), []number{{uint64(i), positive}}, fmt.Append(nil, i)); err != nil {
					t.Fatal(err)
				}
			}
			s.selectRows(at(0), math.Inf(1), &floats{})
			if len(s.slots) != n-1 || s.lost != 1 {
				t.Fatalf("row %d at %d: %d rows are selected, %d lost", moved, time, len(s.slots), s.lost)
			}
			rows := s.column(nil, 0)
			for k, row := range rows {
				last := k == len(rows)-1
				if row.bits == uint64(moved) && (k > 0 && !s.astray[k] || !last && !s.astray[k+1]) {
					t.Errorf("row %d at %d counts: astray %v", moved, time, s.astray)
				}
			}
		}
	}
}

// TestCells reads an archive with exactly as many cells as are allowed, and with one less. Two of its
// channels have one column.
func TestCells(t *testing.T) {
	many := []Wanted{wanted("proc", "minflt"), wanted("proc", "rss_bytes"), wanted("host", "load"), wanted("proc", "minflt")}
	archive := et.Episode(10)
	proc := et.ProcRows(10)
	first, _, _ := strings.Cut(proc, "\n")
	late := strings.Replace(first, fmt.Sprint(et.Start+50_000_000), fmt.Sprint(et.Start+1), 1)
	for name, c := range map[string]struct {
		proc  string
		cells int
	}{
		"in order":         {proc, 10*3 + 10*2},
		"a repeat":         {proc + first, 10*3 + 10*2 + 1},
		"the same repeats": {proc + strings.Repeat(first+"\n", 9), 10*3 + 10*2 + 1},
		"two dropped":      {proc + first + "\n" + strings.Replace(first, `"pid": `, `"pid": 1`, 1), 10*3 + 10*2 + 2},
		"one is replaced":  {proc + late, 10*3 + 3 + 10*2}, // the first row is still the one before the second
		"without a time":   {proc + "{}\n{}\n", 10*3 + 10*2},
	} {
		data := archive.With("telemetry-proc.jsonl", c.proc).Bytes()
		rules := lenient
		rules.Limits.Cells = c.cells
		if _, err := Read(bytes.NewReader(data), many, rules); err != nil {
			t.Errorf("%s: at the limit: %v", name, err)
		}
		rules.Limits.Cells--
		if _, err := Read(bytes.NewReader(data), many, rules); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "EPISODE_MAX_CELLS") {
			t.Errorf("%s: beyond the limit: %v", name, err)
		}
	}
}

// TestSelectRows compares the selection of rows whose times are in no order with the oracle's.
func TestSelectRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := strings.Builder{}
		clock := int64(0)
		for range rapid.IntRange(0, 40).Draw(t, "rows") {
			clock += 100
			step := rapid.SampledFrom([]int64{0, 0, 0, 0, -100, -200, -5000, 3000, 100}).Draw(t, "step")
			if rapid.Bool().Draw(t, "for good") {
				clock += step
				step = 0
			}
			fmt.Fprintf(&rows, `{"t_wall_ns": %s, "minflt": %d}`+"\n", drawNanoseconds(t, clock+step), rapid.IntRange(0, 1).Draw(t, "cell"))
		}
		for range rapid.IntRange(0, 3).Draw(t, "repeats") {
			lines := strings.SplitAfter(rows.String(), "\n")
			from := rapid.IntRange(0, len(lines)-1).Draw(t, "from")
			rows.WriteString(strings.Join(lines[from:], ""))
		}
		checkSelection(t, rows.String(), rapid.SampledFrom([]float64{1e-6, 2.5e-6, 1}).Draw(t, "span"))
	})
}

// drawTime draws how a time in nanoseconds is written.
func drawNanoseconds(t *rapid.T, ns int64) string {
	return fmt.Sprintf(rapid.SampledFrom([]string{"%d", "%d", "%d", "%d.0", "%d.5", "%de0"}).Draw(t, "time"), ns)
}

// checkSelection compares the selection of the rows of a member with the oracle's.
func checkSelection(t fataler, member string, span float64) {
	all, _ := oracleRows([]byte(member))
	want := oracleSelect(all, oracleNumberOf("0"), span)
	s, _ := newRowSet(1000)
	for _, row := range all {
		time := unitOf(Nanoseconds).parse(fmt.Append(nil, row.values["t_wall_ns"]))
		if time.missing() {
			s.untimed++
		} else if err := s.add(time, []number{{}}, []byte(row.text)); err != nil {
			t.Fatalf("%v", err)
		}
	}
	s.selectRows(at(0), span, &floats{})
	astray := s.astray
	if len(astray) == 0 {
		astray = make([]bool, len(s.slots))
	}
	if !sameFloats(s.times, want.times) || s.lost != want.dropped || s.timed != want.timed || s.untimed != want.untimed || !slices.Equal(astray, want.astray) {
		t.Fatalf("%s: times %v, %d lost, astray %v; want %v, %d, %v", member, s.times, s.lost, astray, want.times, want.dropped, want.astray)
	}
	// Rows without cells leave their slots to others.
	if live := (s.taken - s.dropped.n) / leastCost; live < len(s.slots) || live > s.rows.n {
		t.Fatalf("%s: %d rows hold cells, %d are selected", member, live, len(s.slots))
	}
}
