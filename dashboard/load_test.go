package dashboard_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/dashboard"
)

// The load that the dashboard must bear.
const (
	loadBrowsers = 200
	loadRate     = 1000 // events a second
	loadProfiles = 6    // subjects with a whole envelope each
	loadModels   = 44   // subjects with a number each
	loadSubjects = loadProfiles + loadModels
	loadP99      = 250 * time.Millisecond
	loadGrowth   = 64 << 20 // bytes that the heap may grow after the first second
)

// loadTime is how long the load lasts; PROFILES_LOAD_TIME=30s is the full run.
func loadTime(b *testing.B) time.Duration {
	text := os.Getenv("PROFILES_LOAD_TIME")
	if text == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		b.Fatalf("PROFILES_LOAD_TIME is %q: it must be a duration such as 30s", text)
	}
	return d
}

// BenchmarkBrowsers connects 200 browsers and publishes 1,000 events a second. It
// reports the time from publishing to receiving. It fails if that time or the
// heap is above the limits, or a browser lacks the last event of a subject.
func BenchmarkBrowsers(b *testing.B) {
	for b.Loop() {
		load(b, loadTime(b))
	}
	b.ReportMetric(0, "ns/op") // an iteration always takes loadTime
}

func load(b *testing.B, lasts time.Duration) {
	srv := bustest.Start(b)
	srv.Topology()
	js := srv.JetStream()
	bridge := startBridge(b, srv, dashboard.Config{}).ready()
	l := &listeners{}
	ctx, stop := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	defer listening.Wait()
	defer stop()
	for range loadBrowsers {
		listening.Go(func() {
			if err := l.listen(ctx, bridge.addr); err != nil && ctx.Err() == nil {
				b.Errorf("a browser: %v", err)
			}
		})
	}
	bridge.until("all are connected", func() bool { return bridge.metric("profiles_dashboard_browsers", "") == loadBrowsers })

	var start, most int64
	published, began := 0, time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	lastRead := began
	for time.Since(began) < lasts {
		<-tick.C
		for due := int(time.Since(began).Seconds() * loadRate); published < due; published++ {
			publishLoad(b, js, published, l)
		}
		if time.Since(lastRead) > 250*time.Millisecond {
			lastRead = time.Now()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if start == 0 && time.Since(began) > time.Second {
				start = int64(m.HeapInuse)
			}
			most = max(most, int64(m.HeapInuse))
		}
	}
	took := time.Since(began)
	for i := range loadSubjects { // the last event of each subject
		publishLoad(b, js, published-published%loadSubjects+loadSubjects+i, l)
	}
	bridge.until("every browser has the last event of every subject", l.complete)

	out, merged := bridge.metric("profiles_dashboard_events_out_total", ""), bridge.metric("profiles_dashboard_events_merged_total", "")
	b.ReportMetric(float64(l.quantile(0.5).Microseconds())/1e3, "p50-ms")
	b.ReportMetric(float64(l.quantile(0.99).Microseconds())/1e3, "p99-ms")
	b.ReportMetric(float64(most)/(1<<20), "heap-MiB")
	b.Logf("%d events published in %s (%.0f/s), %.0f written to %d browsers, %.0f merged; p50 %s p99 %s most %s; heap %d MiB after a second, %d MiB at most",
		published, took.Round(time.Millisecond), float64(published)/took.Seconds(), out, loadBrowsers, merged,
		l.quantile(0.5), l.quantile(0.99), l.quantile(1), start>>20, most>>20)
	if p99 := l.quantile(0.99); p99 > loadP99 {
		b.Errorf("the 99th percentile is %s, more than %s", p99, loadP99)
	}
	if start > 0 && most-start > loadGrowth {
		b.Errorf("the heap grew from %d to %d MiB", start>>20, most>>20)
	}
	if n := bridge.metric("profiles_dashboard_browsers_dropped_total", ""); n != 0 {
		b.Errorf("%v browsers were dropped", n)
	}
}

// curves are the numbers of an attack_profile event, without the opening brace.
var curves = func() string {
	event := map[string][]float64{}
	for _, name := range []string{"curve", "p25", "p75", "median_raw", "p25_raw", "p75_raw"} {
		for range 80 {
			event[name] = append(event[name], float64(rand.Float32()))
		}
	}
	text, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	return string(text[1:])
}()

// publishLoad publishes the nth event. Its subject is n modulo loadSubjects.
func publishLoad(b *testing.B, js jetstream.JetStream, n int, l *listeners) {
	subject, kind, rest := n%loadSubjects, "model_metric", `"metric":0.762}`
	if subject < loadProfiles {
		kind, rest = "attack_profile", curves
	}
	data := fmt.Appendf(nil, `{"at":%d,"n":%d,"type":%q,"name":"s%d",%s`, time.Now().UnixNano(), n, kind, subject, rest)
	if _, err := js.PublishAsync(fmt.Sprintf("dashboard.%s.s%d", kind, subject), data); err != nil {
		b.Fatal(err)
	}
	l.last[subject].Store(int64(n))
}

// listeners are browsers; they count how late events arrive.
type listeners struct {
	last    [loadSubjects]atomic.Int64 // number of the last event published
	mu      sync.Mutex
	has     []*[loadSubjects]atomic.Int64 // number of the last event that each browser has
	late    [100_000]atomic.Int64         // counts by delay, in steps of lateStep
	arrived atomic.Int64
}

const lateStep = 100 * time.Microsecond

func (l *listeners) listen(ctx context.Context, addr string) error {
	has := new([loadSubjects]atomic.Int64)
	l.mu.Lock()
	l.has = append(l.has, has)
	l.mu.Unlock()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if _, err := io.WriteString(c, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(c, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return err
		}
		rest, isEvent := bytes.CutPrefix(line, []byte(`data: {"at":`))
		if !isEvent {
			continue
		}
		at, rest, _ := bytes.Cut(rest, []byte(`,"n":`))
		n, _, _ := bytes.Cut(rest, []byte(","))
		sent, err1 := strconv.ParseInt(string(at), 10, 64)
		number, err2 := strconv.ParseInt(string(n), 10, 64)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%.60s can't be read", line)
		}
		late := time.Since(time.Unix(0, sent)) / lateStep
		l.late[min(max(int(late), 0), len(l.late)-1)].Add(1)
		l.arrived.Add(1)
		has[number%loadSubjects].Store(number)
	}
}

// complete reports whether all browsers have the last event of every subject.
func (l *listeners) complete() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, has := range l.has {
		for s := range has {
			if has[s].Load() != l.last[s].Load() {
				return false
			}
		}
	}
	return len(l.has) == loadBrowsers
}

func (l *listeners) quantile(q float64) time.Duration {
	want := int64(q * float64(l.arrived.Load()))
	for i := range l.late {
		if want -= l.late[i].Load(); want <= 0 {
			return time.Duration(i+1) * lateStep
		}
	}
	return time.Duration(len(l.late)) * lateStep
}
