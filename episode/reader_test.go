package episode

import (
	"bytes"
	"runtime"
	"testing"

	et "github.com/cis490/profiles/episode/episodetest"
)

// TestReader reads good and bad archives of different lengths with one Reader, and compares the
// results with those of Read.
func TestReader(t *testing.T) {
	var reader Reader
	names := []Wanted{wanted("proc", "minflt"), wanted("host", "mem_free_kb"), wanted("proc", "rss_bytes"), wanted("proc", "cpu_user_jiffies")}
	for _, rows := range []int{100, 3, 0, 500, 2, 100, 1000, 10} {
		data := et.Episode(rows).Bytes()
		for range 2 {
			want, wantErr := Read(bytes.NewReader(data), names, Rules{})
			got, err := reader.Read(bytes.NewReader(data), names, Rules{})
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%d rows: %v, want %v", rows, err, wantErr)
			}
			if err != nil {
				continue
			}
			if got.Rows != want.Rows || len(got.Channels) != len(names) {
				t.Fatalf("%d rows: got %d, %d channels", rows, got.Rows, len(got.Channels))
			}
			for i := range names {
				if !sameChannel(got.Channels[i], want.Channels[i]) {
					t.Errorf("%d rows: channel %s is %v, want %v", rows, names[i].Name, got.Channels[i], want.Channels[i])
				}
			}
		}
		if _, err := reader.Read(bytes.NewReader(data[:len(data)-5]), names, Rules{}); err == nil {
			t.Error("an archive that is cut gives no error")
		}
	}
}

// TestReaderDoesNotAllocateByRow checks that ten times as many rows take no more allocations.
func TestReaderDoesNotAllocateByRow(t *testing.T) {
	const rows = 300
	allocations := func(rows int) float64 {
		data := et.Episode(rows).Bytes()
		var reader Reader
		return testing.AllocsPerRun(20, func() {
			if _, err := reader.Read(bytes.NewReader(data), user, Rules{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	// Making a decoder takes some dozens of allocations.
	if few, many := allocations(rows), allocations(10*rows); many > few+rows {
		t.Errorf("%d rows take %v allocations, %d take %v", rows, few, 10*rows, many)
	}
}

// TestReaderUsesMemoryAgain checks that a Reader allocates no buffers for each archive.
func TestReaderUsesMemoryAgain(t *testing.T) {
	if underRace {
		t.Skip("sync.Pool drops some of its buffers under the race detector")
	}
	const archives, most = 100, 16 << 10 // bytes for each: the labels, the channels, headers of the tar
	data := et.Episode(300).Bytes()
	var reader Reader
	read := func() {
		if _, err := reader.Read(bytes.NewReader(data), user, Rules{}); err != nil {
			t.Fatal(err)
		}
	}
	read()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range archives {
		read()
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / archives; each > most {
		t.Errorf("an archive takes %d bytes, more than %d", each, most)
	} else {
		t.Logf("an archive takes %d bytes", each)
	}
}
