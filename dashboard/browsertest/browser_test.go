//go:build browser

// Package browsertest tests the dashboard's page in Chromium. Recorded episodes go
// through a worker, a streamer and a dashboard to the screen.
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

// chromium is the browser of all tests. Each tab has a browser context of its own.
var chromium context.Context

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	path := chromiumPath()
	if path == "" {
		fmt.Fprintln(os.Stderr, "these tests need Chromium: apt-get install chromium, or set CHROMIUM to its path")
		return 1
	}
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // the browser may still write when it ends
	allocator, endAll := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.DisableGPU,
		chromedp.NoSandbox, // it opens only our own page
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

// A tab shows one page. It records errors and the hosts of all requests, and checks
// them when the test ends.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	errors   []string
	broken   []string // errors of connections
	hosts    map[string]bool
	mayBreak bool // broken is not an error of the page
}

// open opens an address at 1440 by 900 px with a light system theme, in a new
// browser context, after the prepare steps.
func open(t *testing.T, address string, prepare ...chromedp.Action[chromedp.Void]) *tab {
	t.Helper()
	return openIn(t, chromium, address, prepare, chromedp.WithNewBrowserContext())
}

// another opens an address in another tab of the same browser context.
func (b *tab) another(address string, prepare ...chromedp.Action[chromedp.Void]) *tab {
	b.t.Helper()
	return openIn(b.t, b.ctx, address, prepare)
}

func openIn(t *testing.T, parent context.Context, address string, prepare []chromedp.Action[chromedp.Void], options ...chromedp.ContextOption) *tab {
	t.Helper()
	b := &tab{t: t, hosts: map[string]bool{}}
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithListener(b.record))...)
	b.ctx = ctx
	t.Cleanup(func() {
		b.check(address)
		cancel()
	})
	b.do(call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}))
	b.media("light", false)
	b.size(1440, 900)
	b.do(prepare...)
	b.do(chromedp.Navigate(address))
	return b
}

// allowBroken allows errors of connections, since the test breaks them.
func (b *tab) allowBroken() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mayBreak = true
}

func (b *tab) record(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "blob" && u.Scheme != "data" {
			b.hosts[u.Host] = true
		}
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, fmt.Sprintf("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description))
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		to := &b.errors
		if e.Entry.Source == log.EntrySourceNetwork {
			to = &b.broken
		}
		*to = append(*to, fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// check fails the test if the page had errors or sent requests to another host.
func (b *tab) check(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.mayBreak {
		b.errors = append(b.errors, b.broken...)
	}
	for _, e := range b.errors {
		b.t.Error(e)
	}
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	for host := range b.hosts {
		if host != u.Host {
			b.t.Errorf("the page sent a request to %s", host)
		}
	}
	if !b.hosts[u.Host] {
		b.t.Errorf("no request to %s was recorded: nothing was checked", u.Host)
	}
}

// call returns a step that sends a command of the browser's protocol.
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

// media sets the system's theme and whether it asks for no motion.
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

// run runs statements.
func (b *tab) run(statements string) {
	b.t.Helper()
	get[bool](b, "(() => {"+statements+"\nreturn true})()")
}

// until waits for an expression to be true.
func (b *tab) until(expression string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool]("!!("+expression+")", chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(30*time.Second)))
	if err != nil {
		b.t.Fatalf("waiting for %s: %v\nThe text of the page:\n%s", expression, err, get[string](b, "document.body.innerText"))
	}
}

// js returns a value as a JavaScript literal.
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

// press sends keys to the focused element.
func (b *tab) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// shootBoth takes screenshots in both themes, and leaves the page dark.
func (b *tab) shootBoth(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.media(scheme, true)
		b.shoot(name + "-" + scheme)
	}
}

// shoot takes a screenshot if SCREENSHOTS names a directory for it.
func (b *tab) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	b.waitStill()
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

// waitStill waits until no plot has changed and nothing was animated for five frames.
// A plot that is animated changes in each frame, and one whose size changes is drawn
// in the next. It does not wait for events: use until for these.
func (b *tab) waitStill() {
	b.t.Helper()
	b.run(`window.quietFrames = 0;
		const observer = new MutationObserver((all) => { if (all.some((m) => m.target.closest?.('svg'))) window.quietFrames = 0; });
		observer.observe(document.body, {subtree: true, childList: true, attributes: true});
		const next = () => {
			window.quietFrames = document.getAnimations().some((a) => a.playState === 'running') ? 0 : window.quietFrames + 1;
			if (window.quietFrames < 5) requestAnimationFrame(next);
			else observer.disconnect();
		};
		requestAnimationFrame(next);`)
	b.until("window.quietFrames >= 5")
}
