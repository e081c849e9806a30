//go:build browser

// Package browsertest looks at the dashboard's page in a real browser: real
// episodes through the real worker, streamer and bridge, to what stands on the
// screen.
package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// chromium is the browser of all tests; each page is of a profile of its own.
var chromium context.Context

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	path := chromiumPath()
	if path == "" {
		fmt.Fprintln(os.Stderr, "these tests look at the page in Chromium, which is not installed: apt-get install chromium, or say with CHROMIUM where it is")
		return 1
	}
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // what a dying browser still writes may stay
	allocator, endAll := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.DisableGPU,
		chromedp.NoSandbox, // it shows no page but ours
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.CombinedOutput(discard{}),
	)...)
	ctx, end := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "start %s: %v\n", path, err)
		return 1
	}
	chromium = ctx
	code := m.Run()
	if err := chromedp.Cancel(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	end()
	endAll()
	chromedp.FromContext(ctx).Allocator.Wait()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func chromiumPath() string {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// A tab shows one page. What it complains of and whom it asks is written down,
// and checked when the test ends.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	broken     []string // complaints of connections
	hosts      map[string]bool
	breaks     bool // connections are meant to break
}

// open shows an address at 1440 by 900 in the light theme, in a browser that has
// never been here.
func open(t *testing.T, address string, prepare ...chromedp.Action[chromedp.Void]) *tab {
	t.Helper()
	b := &tab{t: t, hosts: map[string]bool{}}
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.note))
	b.ctx = ctx
	t.Cleanup(func() {
		b.clean(address)
		cancel()
	})
	b.do(call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}))
	b.media("light", false)
	b.size(1440, 900)
	b.do(prepare...)
	b.do(chromedp.Navigate(address))
	return b
}

// breaking says that the test breaks connections, which a browser complains of.
func (b *tab) breaking() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.breaks = true
}

func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "blob" && u.Scheme != "data" {
			b.hosts[u.Host] = true
		}
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprintf("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description))
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		to := &b.complaints
		if e.Entry.Source == log.EntrySourceNetwork {
			to = &b.broken
		}
		*to = append(*to, fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// clean fails the test where the page complained or asked another host.
func (b *tab) clean(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.breaks {
		b.complaints = append(b.complaints, b.broken...)
	}
	for _, c := range b.complaints {
		b.t.Error(c)
	}
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	for host := range b.hosts {
		if host != u.Host {
			b.t.Errorf("the page asked %s", host)
		}
	}
	if !b.hosts[u.Host] {
		b.t.Errorf("no request to %s was seen: nothing was checked", u.Host)
	}
}

// call is a command of the browser's protocol, as a step.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, command, params)
		return err
	})
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// media sets what the reader's system wishes.
func (b *tab) media(scheme string, still bool) {
	b.t.Helper()
	motion := "no-preference"
	if still {
		motion = "reduce"
	}
	b.do(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
	}}))
}

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// get evaluates an expression.
func get[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// run is get for what has no result.
func (b *tab) run(statements string) {
	b.t.Helper()
	get[bool](b, "(() => {"+statements+"\nreturn true})()")
}

// until waits for an expression to be true.
func (b *tab) until(expression string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool]("!!("+expression+")", chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(30*time.Second)))
	if err != nil {
		b.t.Fatalf("waiting for %s: %v\nThe page says:\n%s", expression, err, get[string](b, "document.body.innerText"))
	}
}

// js writes a value as JavaScript has it.
func js(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// text returns the text of the first element that a selector finds.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return get[string](b, fmt.Sprintf("document.querySelector(%s)?.textContent ?? 'nothing'", js(selector)))
}

// press sends keys to what has the focus.
func (b *tab) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// shootBoth shows the page in both colour schemes, and leaves it dark.
func (b *tab) shootBoth(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.media(scheme, true)
		b.shoot(name + "-" + scheme)
	}
}

// shoot keeps a picture where SCREENSHOTS names a directory.
func (b *tab) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	b.settle()
	data, err := chromedp.Run(b.ctx, func(ctx context.Context, _ *chromedp.Target) ([]byte, error) {
		r, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
		return r.Data, err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		b.t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, picture); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), small.Bytes(), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// settle waits until nothing moves any more.
func (b *tab) settle() {
	b.t.Helper()
	b.run(`window.lastMoved = performance.now();
		window.settling ??= new MutationObserver((all) => { if (all.some((m) => m.target.closest?.('svg'))) window.lastMoved = performance.now(); });
		window.settling.observe(document.body, {subtree: true, childList: true, attributes: true});`)
	b.until("performance.now() - window.lastMoved > 500 && document.getAnimations().every((a) => a.playState !== 'running')")
}
