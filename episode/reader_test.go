package episode

import (
	"bytes"
	"testing"

	et "github.com/cis490/profiles/episode/episodetest"
)

// TestReader reads good and bad archives of different lengths with one Reader, and compares the
// results with those of Read.
func TestReader(t *testing.T) {
	var reader Reader
	names := []ChannelName{{"proc", "minflt"}, {"host", "mem_free_kb"}, {"proc", "rss_bytes"}, {"proc", "cpu_user_jiffies"}}
	for _, rows := range []int{100, 3, 0, 500, 2, 100, 1000, 10} {
		data := et.Episode(rows).Bytes()
		for range 2 {
			want, wantErr := Read(bytes.NewReader(data), names, Limits{})
			got, err := reader.Read(bytes.NewReader(data), names, Limits{})
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
					t.Errorf("%d rows: channel %s is %v, want %v", rows, names[i], got.Channels[i], want.Channels[i])
				}
			}
		}
		if _, err := reader.Read(bytes.NewReader(data[:len(data)-5]), names, Limits{}); err == nil {
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
			if _, err := reader.Read(bytes.NewReader(data), user, Limits{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	// Making a decoder takes some dozens of allocations.
	if few, many := allocations(rows), allocations(10*rows); many > few+rows {
		t.Errorf("%d rows take %v allocations, %d take %v", rows, few, 10*rows, many)
	}
}
