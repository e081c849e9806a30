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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/dashboard"
)

// A bridge is a running dashboard.
type bridge struct {
	t        testing.TB
	d        *dashboard.Dashboard
	addr     string
	url      string // with the base path
	registry *prometheus.Registry
	log      *bustest.Record
	client   *http.Client
	stop     func() // stops the dashboard and waits until it has ended
}

// startBridge starts a dashboard with a connection of its own on a free port. It
// stops at the end of the test at the latest.
func startBridge(t testing.TB, srv *bustest.Server, cfg dashboard.Config) *bridge {
	t.Helper()
	return startBridgeAt(t, srv.URL(), "127.0.0.1:0", cfg)
}

// startBridgeAt is startBridge with the URL of NATS and the address to listen at.
func startBridgeAt(t testing.TB, nats, listen string, cfg dashboard.Config) *bridge {
	t.Helper()
	return startBridgeWith(t, client.Config{URL: nats, Name: t.Name()}, listen, cfg)
}

// startBridgeWith is startBridgeAt with all settings of the connection.
func startBridgeWith(t testing.TB, nats client.Config, listen string, cfg dashboard.Config) *bridge {
	t.Helper()
	said := &bustest.Record{}
	log := said.Log(t)
	if _, ok := t.(*testing.T); !ok {
		log = slog.New(slog.DiscardHandler)
	}
	nc, err := bus.Connect(nats, log)
	if err != nil {
		t.Fatal(err)
	}
	b := &bridge{t: t, registry: prometheus.NewRegistry(), log: said, client: &http.Client{Transport: &http.Transport{}}}
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
	ctx, cancel := context.WithCancel(context.Background())
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
	b.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		b.client.CloseIdleConnections()
		nc.Close()
	})
	t.Cleanup(b.stop)
	return b
}

// ready waits until the bridge shows the events of the stream.
func (b *bridge) ready() *bridge {
	b.t.Helper()
	b.until("ready", func() bool { return b.d.Ready() == nil })
	return b
}

// until waits for a condition, which it tests again and again.
func (b *bridge) until(what string, is func() bool) {
	b.t.Helper()
	ctx := bustest.Context(b.t)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// says waits until the log has a line with all of the texts, and checks that there is only one.
func (b *bridge) says(texts ...string) {
	b.t.Helper()
	lines := func() (found []string) {
		for _, line := range b.log.Lines(texts[0]) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				found = append(found, line)
			}
		}
		return found
	}
	b.until(fmt.Sprintf("the log has %q", texts), func() bool { return len(lines()) > 0 })
	if all := lines(); len(all) != 1 {
		b.t.Errorf("the log has %d lines with %q", len(all), texts)
	}
}

// metric returns the value of a counter or gauge, or the count of a histogram. If
// label is not empty, it counts only the series whose first label has that value.
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

// An answer is a response without its body.
type answer struct {
	Status     string
	StatusCode int
	Header     http.Header
}

// do sends a request and returns the answer and its body. The headers are pairs of
// name and value.
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
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.Status, res.StatusCode, res.Header}, string(text)
}

// A receipt is the answer of /publish.
type receipt struct {
	Stored  bool
	Subject string
	Seq     uint64
	Because string
}

// post publishes a valid event: the status must be 200 if it was stored, else 409.
func (b *bridge) post(body string) receipt {
	b.t.Helper()
	res, text := b.do(http.MethodPost, "publish", body)
	var r receipt
	if err := json.Unmarshal([]byte(text), &r); err != nil || res.StatusCode != map[bool]int{true: http.StatusOK, false: http.StatusConflict}[r.Stored] {
		b.t.Fatalf("publish %.100s: %s: %s", body, res.Status, text)
	}
	return r
}

// A message is an event of the stream or of the bridge, as a browser receives it.
type message struct{ kind, id, data string }

// A browser reads the feed of a bridge.
type browser struct {
	t        testing.TB
	messages chan message // closed when the connection has ended
	comments chan string
	leave    func()
}

var errNoFeed = errors.New("no feed")

// browse connects a browser. The query is appended to the path.
func (b *bridge) browse(query string, header ...string) *browser {
	b.t.Helper()
	br, err := b.tryBrowse(query, header...)
	if err != nil {
		b.t.Fatal(err)
	}
	return br
}

// tryBrowse is browse, and returns errNoFeed if the bridge refuses.
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
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		cancel()
		transport.CloseIdleConnections()
		return nil, fmt.Errorf("%w: %s: %s", errNoFeed, res.Status, text)
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

// read parses the feed as the HTML standard specifies.
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

// next returns the next message.
func (br *browser) next() message {
	br.t.Helper()
	select {
	case m, ok := <-br.messages:
		if !ok {
			br.t.Fatal("the feed ended")
		}
		return m
	case <-bustest.Context(br.t).Done():
		br.t.Fatal("no message came")
	}
	panic("unreachable")
}

// catchUp returns the messages up to and including "caught-up".
func (br *browser) catchUp() []message {
	br.t.Helper()
	for all := []message(nil); ; {
		m := br.next()
		if all = append(all, m); m.kind == "caught-up" {
			return all
		}
	}
}

// until skips messages until one has that data, and returns it.
func (br *browser) until(data string) message {
	br.t.Helper()
	for {
		if m := br.next(); m.data == data {
			return m
		}
	}
}

// untilStatus skips messages until a bridge event has that state of NATS.
func (br *browser) untilStatus(nats string) status {
	br.t.Helper()
	for {
		if m := br.next(); m.kind == "bridge" {
			if s := parseStatus(br.t, m); s.NATS == nats {
				return s
			}
		}
	}
}

// A status is the data of a bridge event.
type status struct {
	NATS        string
	Since       time.Time
	Version     string
	Incarnation string `json:"life"`
	Full        bool
}

func parseStatus(t testing.TB, m message) (s status) {
	t.Helper()
	if err := json.Unmarshal([]byte(m.data), &s); err != nil || m.kind != "bridge" {
		t.Fatalf("%+v is not a bridge event: %v", m, err)
	}
	return s
}

// put publishes to the stream and returns the sequence.
func put(t testing.TB, js jetstream.JetStream, subject, data string) uint64 {
	t.Helper()
	ack, err := js.Publish(bustest.Context(t), subject, []byte(data))
	if err != nil {
		t.Fatalf("publish %s: %v", subject, err)
	}
	return ack.Sequence
}
