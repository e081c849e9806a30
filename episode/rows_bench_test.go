package episode

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// benchRows returns rows of the same numbers in a format: 12 fields, of which some grow and one is
// a text.
func benchRows(n int, format string) []byte {
	var b strings.Builder
	at := time.Date(2026, 1, 1, 0, 0, 0, 50_000_000, time.UTC)
	if format == "csv" {
		b.WriteString("t_wall_ns,pid,state,cpu_user_jiffies,cpu_sys_jiffies,rss_bytes,minflt,majflt,io_read_bytes,io_write_bytes,threads,fds\n")
	}
	for i := range n {
		now := at.Add(time.Duration(i) * 50 * time.Millisecond)
		values := []any{now.UnixNano(), 28526, "RSD"[i%3 : i%3+1], 412 + i*i/7, 77 + i, 123456789 + 4096*(i%50), 1000 + i*13, i / 40, i * 4096, i * 8192, 12, 30 + i%4}
		layout := `{"t_wall_ns": %d, "pid": %d, "state": "%s", "cpu_user_jiffies": %d, "cpu_sys_jiffies": %d, "rss_bytes": %d, "minflt": %d, "majflt": %d, "io_read_bytes": %d, "io_write_bytes": %d, "threads": %d, "fds": %d}`
		switch format {
		case "strings":
			layout = strings.ReplaceAll(layout, "%d", `"%d"`)
		case "rfc3339":
			layout, values[0] = strings.Replace(layout, "%d", `"%s"`, 1), now.Format("2006-01-02T15:04:05.000000Z07:00")
		case "seconds":
			layout, values[0] = strings.Replace(layout, "%d", `%s`, 1), fmt.Sprintf("%d.%06d", now.Unix(), now.Nanosecond()/1000)
		case "nested":
			layout = `{"t_wall_ns": %d, "pid": %d, "state": "%s", "cpu": {"user": %d, "sys": %d}, "mem": {"rss": %d, "faults": {"min": %d, "maj": %d}}, "io": {"read": %d, "write": %d}, "threads": %d, "fds": %d}`
		case "csv":
			layout = `%d,%d,%s,%d,%d,%d,%d,%d,%d,%d,%d,%d`
		}
		fmt.Fprintf(&b, layout+"\n", values...)
	}
	return []byte(b.String())
}

// A benchTable reads rows of a format.
type benchTable struct {
	table table
	lines lines
	scan  scanner
	rows  []byte
	lim   Limits
}

func newBenchTable(n int, format string) *benchTable {
	t := &benchTable{rows: benchRows(n, format), lim: DefaultLimits()}
	source, paths := DefaultFormat().source("proc"), []string{"cpu_user_jiffies", "cpu_sys_jiffies", "minflt"}
	switch format {
	case "rfc3339":
		source.Unit = RFC3339
	case "seconds":
		source.Unit = Seconds
	case "nested":
		paths = []string{"cpu.user", "cpu.sys", "mem.faults.min"}
	case "csv":
		source.Rows = CSV
	}
	t.table.reset(source, new(budget))
	for _, path := range paths {
		t.table.addChannel(Wanted{Field: path})
	}
	return t
}

// read reads all rows.
func (t *benchTable) read(tb testing.TB) time.Duration {
	start := time.Now()
	t.table.rows.start(&budget{most: t.lim.Cells})
	t.lines = lines{lim: t.lim, buf: t.rows, to: len(t.rows), eof: true, most: t.lim.Rows}
	if err := t.table.read(&t.lines, &t.scan); err != nil {
		tb.Fatal(err)
	}
	return time.Since(start)
}

// readWithoutTemplate scans every row, without keeping it.
func (t *benchTable) readWithoutTemplate(tb testing.TB) time.Duration {
	start := time.Now()
	t.lines = lines{lim: t.lim, buf: t.rows, to: len(t.rows), eof: true, most: t.lim.Rows}
	for line, ok := t.lines.row(); ok; line, ok = t.lines.row() {
		if t.table.json.scan(line, &t.scan, t.lim.Depth); t.scan.err != nil {
			tb.Fatal(t.scan.err)
		}
	}
	return time.Since(start)
}

// BenchmarkRows reads rows of several formats, each in turn with the plain format. It reports the
// ratio of the shortest times, which other load on the machine hardly changes, and for CSV that to
// rows of JSON that are scanned, of each byte.
func BenchmarkRows(b *testing.B) {
	const rows = 2000
	plain := newBenchTable(rows, "plain")
	for _, format := range []string{"strings", "rfc3339", "seconds", "nested", "csv"} {
		t := newBenchTable(rows, format)
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(t.rows)))
			plainTime, formatTime, scanTime := time.Hour, time.Hour, time.Hour
			for b.Loop() {
				plainTime = min(plainTime, plain.read(b))
				formatTime = min(formatTime, t.read(b))
				if format == "csv" {
					scanTime = min(scanTime, plain.readWithoutTemplate(b))
				}
			}
			b.ReportMetric(float64(plainTime.Nanoseconds())/rows, "ns/plain-row")
			b.ReportMetric(float64(formatTime)/float64(plainTime), "x-plain")
			if format == "csv" {
				b.ReportMetric(float64(formatTime)*float64(len(plain.rows))/float64(scanTime)/float64(len(t.rows)), "x-scan-per-byte")
			}
		})
	}
}
