package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/cis490/profiles/fit"
)

// madeRow returns row i of the validation files that testdata/make.py writes.
func madeRow(i int) ValidationRow {
	status := "accepted"
	if i%7 == 0 {
		status = []string{"rejected", "quarantined"}[i/7%2]
	}
	return ValidationRow{
		EpisodeID: fmt.Sprintf("ep-%05d", i),
		HostID:    fmt.Sprintf("host-%d", i%3),
		Profile:   []string{"cpu-saturate", "io-walk"}[i%2],
		Status:    status,
		Accepted:  status == StatusAccepted,
	}
}

func readAll(r io.ReaderAt, size int64) (rows []ValidationRow, err error) {
	for row, err := range Validation(r, size, fit.DefaultValidation()) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func readBytes(b []byte) ([]ValidationRow, error) { return readAll(bytes.NewReader(b), int64(len(b))) }

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestValidationReadsWhatOthersWrite(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "validation-*.parquet"))
	if err != nil || len(paths) < 18 {
		t.Fatalf("found %d files (%v), want at least 18", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".parquet"), func(t *testing.T) {
			want := 300
			if strings.HasSuffix(path, "validation-empty.parquet") {
				want = 0
			}
			n := 0
			for row, err := range OpenValidation(path, fit.DefaultValidation()) {
				if err != nil {
					t.Fatal(err)
				}
				if row != madeRow(n) {
					t.Fatalf("row %d is %+v, want %+v", n, row, madeRow(n))
				}
				n++
			}
			if n != want {
				t.Fatalf("read %d rows, want %d", n, want)
			}
		})
	}
}

func TestValidationReadsTheRecordedFile(t *testing.T) {
	rows, err := readBytes(testdata(t, "recorded-validation.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	accepted := map[string]int{}
	for _, row := range rows {
		if row.Status == StatusAccepted {
			accepted[row.Profile]++
		}
		if !strings.HasPrefix(row.HostID, "lab-") || !strings.HasPrefix(row.EpisodeID, "ep-") {
			t.Errorf("row %+v", row)
		}
	}
	if len(rows) != 58 || len(accepted) != 7 {
		t.Errorf("read %d rows, accepted %v, want 58 rows, six profiles and an unknown one", len(rows), accepted)
	}
	total := 0
	for _, n := range accepted {
		total += n
	}
	if total != 48 {
		t.Errorf("%d rows are accepted, want 48", total)
	}
}

func TestValidationRefuses(t *testing.T) {
	for _, test := range []struct {
		file string
		rows int
		says []string
	}{
		{"bad-no-host", 0, []string{"no column host_id", "episode_id, profile, status"}},
		{"bad-status-int", 0, []string{"column status", "optional int64", "want string"}},
		{"bad-profile-list", 0, []string{"column profile", "group of list", "want string"}},
		{"bad-host-null-type", 0, []string{"column host_id", "null", "want string"}},
		{"bad-null", 123, []string{"row 123", "column profile", "null"}},
		{"bad-null-plain", 123, []string{"row 123", "column host_id", "null"}},
		{"bad-all-null", 0, []string{"row 0", "column status", "null"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			rows, err := readBytes(testdata(t, test.file+".parquet"))
			if !errors.Is(err, ErrShape) || errors.Is(err, ErrDamaged) {
				t.Fatalf("error %v, want ErrShape", err)
			}
			for _, want := range test.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if len(rows) != test.rows {
				t.Errorf("%d rows came before the error, want %d", len(rows), test.rows)
			}
		})
	}
}

func TestValidationRefusesWhatIsNoParquet(t *testing.T) {
	good := testdata(t, "validation-snappy.parquet")
	for name, test := range map[string]struct {
		bytes []byte
		says  string
	}{
		"empty":          {nil, "empty"},
		"short":          {[]byte("PAR1PAR1"), "8 bytes"},
		"cut":            {good[:len(good)-1], "cut off"},
		"half":           {good[:len(good)/2], "cut off"},
		"footer too big": {append(bytes.Clone(good[:len(good)-8]), 0xff, 0xff, 0xff, 0xff, 'P', 'A', 'R', '1'), "footer of 4294967295 bytes"},
		"encrypted":      {append([]byte("PARE"), good[4:]...), "PARE"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := readBytes(test.bytes)
			if !errors.Is(err, ErrDamaged) || len(rows) > 0 {
				t.Fatalf("%d rows, error %v, want ErrDamaged", len(rows), err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q does not say %q", err, test.says)
			}
		})
	}
}

// TestValidationSurvivesDamage goes through the bytes of files (in short tests every seventh): in turn it changes one, cuts the
// file at the next, and removes as many bytes at the start. Each gives an error or the right number of rows.
func TestValidationSurvivesDamage(t *testing.T) {
	for _, name := range []string{"validation-duckdb", "validation-lz4", "validation-v2-plain", "validation-brotli", "validation-delta", "validation-gzip"} {
		t.Run(name, func(t *testing.T) {
			good := testdata(t, name+".parquet")
			step := 1
			if testing.Short() {
				step = 7
			}
			for i := 0; i < len(good); i += step {
				switch i % 3 {
				case 0:
					b := bytes.Clone(good)
					b[i] ^= []byte{0xff, 0x01, 0x80}[i/3%3]
					if rows, err := readBytes(b); err == nil && len(rows) != 300 {
						t.Fatalf("byte %d: %d rows and no error", i, len(rows))
					} else if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrShape) {
						t.Fatalf("byte %d: error %v matches neither ErrDamaged nor ErrShape", i, err)
					}
				case 1: // a part of the word PAR1 could be CSV
					if _, err := readBytes(good[:i]); !errors.Is(err, ErrDamaged) && (i > 3 || !errors.Is(err, ErrShape)) {
						t.Fatalf("cut at %d: error %v, want ErrDamaged", i, err)
					}
				case 2: // without bytes in the middle, the footer's offsets point to other places
					b := append(bytes.Clone(good[:4]), good[min(4+i, len(good)):]...)
					if rows, err := readBytes(b); err == nil && len(rows) != 300 {
						t.Fatalf("without %d bytes: %d rows and no error", i, len(rows))
					}
				}
			}
		})
	}
}

type brokenDisk struct {
	*bytes.Reader
	from int64
}

var errDisk = errors.New("the disk fails")

func (d brokenDisk) ReadAt(p []byte, off int64) (int, error) {
	if off < d.from && off+int64(len(p)) > 4 && off+int64(len(p)) < d.Size()/2 {
		return 0, errDisk
	}
	return d.Reader.ReadAt(p, off)
}

func TestValidationPassesReadErrorsOn(t *testing.T) {
	b := testdata(t, "validation-row-groups.parquet")
	_, err := readAll(brokenDisk{bytes.NewReader(b), int64(len(b))}, int64(len(b)))
	if !errors.Is(err, errDisk) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrShape) {
		t.Fatalf("error %v, want the disk's alone", err)
	}
}

func TestOpenValidationNamesThePath(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.parquet")
	for row, err := range OpenValidation(missing, fit.DefaultValidation()) {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) || row != (ValidationRow{}) {
			t.Errorf("row %+v, error %v", row, err)
		}
	}
	for _, err := range OpenValidation(dir, fit.DefaultValidation()) {
		if err == nil || !strings.Contains(err.Error(), "directory") {
			t.Errorf("a directory: error %v", err)
		}
	}
	path := filepath.Join("testdata", "bad-null.parquet")
	var last error
	for _, err := range OpenValidation(path, fit.DefaultValidation()) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), path) {
		t.Errorf("error %v does not name %s", last, path)
	}
}

func TestValidationStopsWhereTheLoopStops(t *testing.T) {
	b := testdata(t, "validation-row-groups.parquet")
	seq := Validation(bytes.NewReader(b), int64(len(b)), fit.DefaultValidation())
	for _, stop := range []int{0, 1, 40, 299} {
		n := 0
		for row, err := range seq { // each use reads the file again
			if err != nil || row != madeRow(n) {
				t.Fatalf("row %d: %+v, %v", n, row, err)
			}
			if n == stop {
				break
			}
			n++
		}
		if n != stop {
			t.Fatalf("stopped at %d, want %d", n, stop)
		}
	}
}

// TestValidationLetsTheCallersPanicThrough: a panic in the body of the loop must not be taken for a damaged file.
func TestValidationLetsTheCallersPanicThrough(t *testing.T) {
	b := testdata(t, "validation-snappy.parquet")
	defer func() {
		if p := recover(); p != "mine" {
			t.Fatalf("recovered %v, want mine", p)
		}
	}()
	for _, err := range Validation(bytes.NewReader(b), int64(len(b)), fit.DefaultValidation()) {
		if err == nil {
			panic("mine")
		}
	}
	t.Fatal("the panic was swallowed")
}

// writeMany writes a validation file of n rows as a receiver does over a long time: one large row group with many pages, then
// smaller ones.
func writeMany(t testing.TB, path string, n int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	type record struct {
		Note    string `parquet:"note,zstd"`
		Episode string `parquet:"episode_id,zstd"`
		Host    string `parquet:"host_id,dict,snappy"`
		Profile string `parquet:"profile,dict,zstd,optional"`
		Status  string `parquet:"status,delta,gzip"`
	}
	w := parquet.NewGenericWriter[record](f, parquet.PageBufferSize(64<<10), parquet.MaxRowsPerRowGroup(int64(n)*3/5))
	batch := make([]record, 0, 1000)
	for i := range n {
		row := madeRow(i)
		batch = append(batch, record{"a column that is not read", row.EpisodeID, row.HostID, row.Profile, row.Status})
		if len(batch) == cap(batch) || i == n-1 {
			if _, err := w.Write(batch); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestValidationStreamsAMillionRows(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 300_000 // still more than twice the bound of the heap
	}
	path := filepath.Join(t.TempDir(), "validation.parquet")
	writeMany(t, path, n)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := heap(), uint64(0)
	i := 0
	for row, err := range OpenValidation(path, fit.DefaultValidation()) {
		if err != nil {
			t.Fatal(err)
		}
		if row != madeRow(i) {
			t.Fatalf("row %d is %+v, want %+v", i, row, madeRow(i))
		}
		if i++; i%100_000 == 0 {
			most = max(most, heap())
		}
	}
	if i != n {
		t.Fatalf("read %d rows, want %d", i, n)
	}
	const bound = 16 << 20
	if most > before+bound {
		t.Errorf("the heap grew by %d bytes, want at most %d", most-before, bound)
	}
	t.Logf("the heap grew by %d KiB", (int64(most)-int64(before))/1024)
}

func BenchmarkValidation(b *testing.B) {
	const n = 100_000
	path := filepath.Join(b.TempDir(), "validation.parquet")
	writeMany(b, path, n)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range OpenValidation(path, fit.DefaultValidation()) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// FuzzValidation reads any bytes: rows, or an error that matches ErrDamaged or ErrShape.
func FuzzValidation(f *testing.F) {
	for _, text := range append(listTexts(), packed(listTexts()[0]), packed(string(testdata(f, "validation-empty.parquet")))) {
		f.Add([]byte(text))
	}
	for _, pattern := range []string{"validation-*.parquet", "bad-[!p]*.parquet", "recorded-*.parquet"} {
		paths, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds for %s: %v", pattern, err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		for row, err := range Validation(bytes.NewReader(b), int64(len(b)), fit.DefaultValidation()) {
			if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrShape) {
				t.Fatalf("error %v matches neither ErrDamaged nor ErrShape", err)
			}
			if err != nil && row != (ValidationRow{}) {
				t.Fatalf("row %+v with error %v", row, err)
			}
			if n++; n > 1<<20 { // a few bytes of repeated runs may hold very many rows
				break
			}
		}
	})
}
