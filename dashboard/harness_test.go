package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/dashboard"
)

// A bridge is a dashboard that runs on a listener of its own.
type bridge struct {
	t        testing.TB
	d        *dashboard.Dashboard
	addr     string
	url      string // with the base path
	registry *prometheus.Registry
	client   *http.Client
	end      func() // ends it and waits
}

// startBridge starts a dashboard with a connection of its own; it ends with the
// test at the latest.
func startBridge(t testing.TB, srv *bustest.Server, cfg dashboard.Config) *bridge {
	t.Helper()
	return bridgeAt(t, srv.URL(), "127.0.0.1:0", cfg)
}

func bridgeAt(t testing.TB, nats, listen string, cfg dashboard.Config) *bridge {
	t.Helper()
	return bridgeOf(t, bus.Config{URL: nats, Name: t.Name()}, listen, cfg)
}

func bridgeOf(t testing.TB, nats bus.Config, listen string, cfg dashboard.Config) *bridge {
	t.Helper()
	log := bustest.Log(t)
	if _, ok := t.(*testing.T); !ok {
		log = slog.New(slog.DiscardHandler)
	}
	nc, err := bus.Connect(nats, log)
	if err != nil {
		t.Fatal(err)
	}
	b := &bridge{t: t, registry: prometheus.NewRegistry(), client: &http.Client{Transport: &http.Transport{}}}
	if b.d, err = dashboard.New(cfg, dashboard.Deps{Bus: nc, Log: log, Registry: b.registry}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	base := "/" + strings.Trim(cfg.BasePath, "/") + "/"
	b.addr = l.Addr().String()
	b.url = "http://" + b.addr + strings.Replace(base, "//", "/", 1)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.d.ServeListener(ctx, l); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	running.Go(func() {
		if err := b.d.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	b.end = sync.OnceFunc(func() {
		stop()
		running.Wait()
		b.client.CloseIdleConnections()
		nc.Close()
	})
	t.Cleanup(b.end)
	return b
}

// ready waits until the bridge shows what the stream holds.
func (b *bridge) ready() *bridge {
	b.t.Helper()
	b.until("ready", func() bool { return b.d.Ready() == nil })
	return b
}

// until asks again and again, which only an answer of the system itself ends.
func (b *bridge) until(what string, is func() bool) {
	b.t.Helper()
	ctx := bustest.Context(b.t)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("not %s in time", what)
		}
	}
}

// metric is a counter's or gauge's value, summed over labels that contain label.
func (b *bridge) metric(name, label string) (sum float64) {
	b.t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label != "" && (len(m.GetLabel()) == 0 || m.GetLabel()[0].GetValue() != label) {
				continue
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// An answer is one whose body has been read.
type answer struct {
	Status     string
	StatusCode int
	Header     http.Header
}

// do makes a request and returns the answer and its body.
func (b *bridge) do(method, path, body string, header ...string) (answer, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(bustest.Context(b.t), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.Status, res.StatusCode, res.Header}, string(said)
}

// A receipt is what /publish answers.
type receipt struct {
	Stored  bool
	Subject string
	Seq     uint64
	Because string
}

// post publishes an event, which must be answered with 200, or 409 where it was not stored.
func (b *bridge) post(body string) receipt {
	b.t.Helper()
	res, said := b.do(http.MethodPost, "publish", body)
	var r receipt
	if err := json.Unmarshal([]byte(said), &r); err != nil || res.StatusCode != map[bool]int{true: http.StatusOK, false: http.StatusConflict}[r.Stored] {
		b.t.Fatalf("publish %.100s: %s: %s", body, res.Status, said)
	}
	return r
}

// A message is one that a browser got: an event, or of the bridge itself.
type message struct{ kind, id, data string }

// A browser listens to a bridge.
type browser struct {
	t        testing.TB
	messages chan message // closed when the connection ended
	comments chan string
	leave    func()
}

var errNoFeed = errors.New("no feed")

// browse connects a browser. Query is added to the path.
func (b *bridge) browse(query string, header ...string) *browser {
	b.t.Helper()
	br, err := b.tryBrowse(query, header...)
	if err != nil {
		b.t.Fatal(err)
	}
	return br
}

func (b *bridge) tryBrowse(query string, header ...string) (*browser, error) {
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"events"+query, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{}
	res, err := transport.RoundTrip(req)
	if err != nil {
		cancel()
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		cancel()
		transport.CloseIdleConnections()
		return nil, fmt.Errorf("%w: %s: %s", errNoFeed, res.Status, said)
	}
	if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		b.t.Errorf("Content-Type is %q", got)
	}
	br := &browser{t: b.t, messages: make(chan message, 1024), comments: make(chan string, 16)}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(br.messages)
		br.read(ctx, res.Body)
	})
	br.leave = sync.OnceFunc(func() {
		cancel()
		_ = res.Body.Close()
		reading.Wait()
		transport.CloseIdleConnections()
	})
	b.t.Cleanup(br.leave)
	return br, nil
}

// read takes the feed apart as the HTML standard says.
func (br *browser) read(ctx context.Context, from io.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 64<<10), 4<<20)
	var m message
	var data []string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if data != nil {
				m.data = strings.Join(data, "\n")
				select {
				case br.messages <- m:
				case <-ctx.Done():
					return
				}
			}
			m.kind, data = "", nil
		case field == "":
			select {
			case br.comments <- value:
			default:
			}
		case field == "event":
			m.kind = value
		case field == "id":
			m.id = value
		case field == "data":
			data = append(data, value)
		}
	}
}

// next is the next message.
func (br *browser) next() message {
	br.t.Helper()
	select {
	case m, ok := <-br.messages:
		if !ok {
			br.t.Fatal("the feed ended")
		}
		return m
	case <-bustest.Context(br.t).Done():
		br.t.Fatal("nothing came")
	}
	panic("unreachable")
}

// catchUp returns what comes up to and with "caught-up".
func (br *browser) catchUp() []message {
	br.t.Helper()
	for all := []message(nil); ; {
		m := br.next()
		if all = append(all, m); m.kind == "caught-up" {
			return all
		}
	}
}

// until skips messages until one has that data.
func (br *browser) until(data string) message {
	br.t.Helper()
	for {
		if m := br.next(); m.data == data {
			return m
		}
	}
}

// untilBridge skips until the bridge says that it stands so.
func (br *browser) untilBridge(nats string) said {
	br.t.Helper()
	for {
		if m := br.next(); m.kind == "bridge" {
			if s := parseBridge(br.t, m); s.NATS == nats {
				return s
			}
		}
	}
}

// said is the data of a bridge event.
type said struct {
	NATS    string
	Since   time.Time
	Version string
	Life    string
	Full    bool
}

func parseBridge(t testing.TB, m message) (s said) {
	t.Helper()
	if err := json.Unmarshal([]byte(m.data), &s); err != nil || m.kind != "bridge" {
		t.Fatalf("%+v is no bridge event: %v", m, err)
	}
	return s
}

// put publishes to the bus and returns the sequence.
func put(t testing.TB, js jetstream.JetStream, subject, data string) uint64 {
	t.Helper()
	ack, err := js.Publish(bustest.Context(t), subject, []byte(data))
	if err != nil {
		t.Fatalf("publish %s: %v", subject, err)
	}
	return ack.Sequence
}
