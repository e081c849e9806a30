//go:build browser

package browsertest

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

// allFilled is true when each of the six cards shows an envelope of 7 episodes.
const allFilled = `[...document.querySelectorAll('.card[data-profile]')].slice(0, 6).every((c) => c.querySelector('.count').textContent.startsWith('7/100'))
	&& document.querySelectorAll('.card[data-profile]').length >= 6`

// isLive is true when the page is up to date.
const isLive = `document.querySelector('#connection').dataset.state === 'live' && document.querySelector('#connection').innerText === 'Live'`

// card is the selector of something inside a profile's card.
func card(name, inside string) string {
	return fmt.Sprintf(`.card[data-profile=%q] %s`, name, inside)
}

// TestCardsFill: cards wait for envelopes and show them as they arrive. A page that
// is opened later shows the same.
func TestCardsFill(t *testing.T) {
	s := start(t, dashboard.Config{})
	early := open(t, s.URL())
	early.until(isLive)
	s.fit()
	early.until(shownNames + " .join() === " + js(strings.Join(six, ",")))
	for _, name := range six {
		if got := early.text(card(name, ".waiting")); got != "Waiting for the first envelope of this profile." {
			t.Errorf("%s: %q", name, got)
		}
	}
	s.emit()
	early.until(allFilled)
	late := open(t, s.URL())
	late.until(isLive + " && " + allFilled)
	for _, name := range six {
		want := s.envelope(name)
		for _, b := range []*tab{early, late} {
			shows(b, want)
		}
	}
}

// shows compares a card with its event.
func shows(b *tab, want streamer.AttackProfile) {
	b.t.Helper()
	for inside, text := range map[string]string{
		"h3": want.Name, ".shape": want.Shape, ".axis-name": want.Channel + ", scaled · time by points", ".count": "7/1007 of 100 episodes",
	} {
		if got := b.text(card(want.Name, inside)); got != text {
			b.t.Errorf("%s %s is %q, want %q", want.Name, inside, got, text)
		}
	}
	if got := b.text(card(want.Name, ".updated time")); !strings.HasPrefix(got, "updated ") {
		b.t.Errorf("%s: %q", want.Name, got)
	}
	names := get[[]string](b, fmt.Sprintf("[...document.querySelectorAll(%s)].map((t) => t.textContent)", js(card(want.Name, ".plot svg > g:first-of-type text"))))
	if !slices.Equal(names, []string{"clean", "armed", "infecting", "running", "clean"}) {
		b.t.Errorf("%s: the phases are named %v", want.Name, names)
	}
	b.waitStill()
	checkCurve(b, want)
}

// checkCurve compares the drawn line and band with the event.
func checkCurve(b *tab, want streamer.AttackProfile) {
	b.t.Helper()
	median := pathOf(b, card(want.Name, ".median"))
	band := pathOf(b, card(want.Name, ".band"))
	if len(median) != len(want.Curve) || len(band) != 2*len(want.Curve) {
		b.t.Fatalf("%s: %d points in the line, %d in the band", want.Name, len(median), len(band))
	}
	// The line is drawn to the scale that its 0 and its 1 define.
	zero, one := median[slices.Index(want.Curve, 0)][1], median[slices.Index(want.Curve, 1)][1]
	if zero-one < 20 {
		b.t.Errorf("%s: the curve is %.1f px high", want.Name, zero-one)
	}
	for i, v := range want.Curve {
		for what, got := range map[string][2]float64{fmt.Sprint("median ", v): median[i], fmt.Sprint("p25 ", want.P25[i]): band[i], fmt.Sprint("p75 ", want.P75[i]): band[2*len(want.Curve)-1-i]} {
			value, _ := strconv.ParseFloat(what[strings.LastIndex(what, " ")+1:], 64)
			if y := zero - value*(zero-one); math.Abs(got[1]-y) > 0.02 {
				b.t.Errorf("%s, point %d: %s is drawn at %g, want %g", want.Name, i+1, what, got[1], y)
			}
		}
		if step := (median[79][0] - median[0][0]) / 79; math.Abs(median[i][0]-median[0][0]-float64(i)*step) > 0.02 {
			b.t.Errorf("%s, point %d is drawn at %g", want.Name, i+1, median[i][0])
		}
	}
}

var coordinates = regexp.MustCompile(`[ML]([-0-9.]+) ([-0-9.]+)`)

// pathOf returns the points of an SVG path.
func pathOf(b *tab, selector string) [][2]float64 {
	b.t.Helper()
	d := get[string](b, fmt.Sprintf("document.querySelector(%s)?.getAttribute('d') ?? ''", js(selector)))
	var points [][2]float64
	for _, m := range coordinates.FindAllStringSubmatch(d, -1) {
		x, _ := strconv.ParseFloat(m[1], 64)
		y, _ := strconv.ParseFloat(m[2], 64)
		points = append(points, [2]float64{x, y})
	}
	return points
}

// readout returns where the readout is, and its first row: a name and three numbers.
func readout(b *tab, selector string) (where string, values []string) {
	b.t.Helper()
	all := get[[]string](b, fmt.Sprintf("[...document.querySelectorAll(%s)].map((c) => c.textContent)", js(selector+" .readout th:first-child, "+selector+" .readout td")))
	if len(all) < 5 {
		b.t.Fatalf("the readout is %q", all)
	}
	return all[0], all[1:5]
}

// near reports whether a text is the number, rounded to four digits.
func near(text string, want float64) bool {
	got, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
	return err == nil && math.Abs(got-want) <= 0.0006*math.Abs(want)
}

// through says how far point i is through its phase.
func through(phases []streamer.PhaseShown, i int) string {
	for _, p := range phases {
		if i >= p.Start && i < p.Start+p.Points {
			return fmt.Sprintf("%.0f%% through", 100*(float64(i-p.Start)+0.5)/float64(p.Points))
		}
	}
	return ""
}

// checkPoint compares the readout and the text for screen readers with point i. Both say how many
// episodes have a value there if that is fewer than the sample has.
func checkPoint(b *tab, e streamer.AttackProfile, i int, phase string) {
	b.t.Helper()
	where, got := readout(b, card(e.Name, ""))
	fewer := ""
	if e.N[i] < e.Used {
		fewer = fmt.Sprintf(", n=%d", e.N[i])
	}
	if want := through(e.Phases, i) + fewer; where != want || got[0] != phase {
		b.t.Errorf("%s: the readout is at %q, %q; want %q, %q", e.Name, where, got[0], want, phase)
	}
	for k, want := range []float64{e.MedianRaw[i], e.P25Raw[i], e.P75Raw[i]} {
		if !near(got[k+1], want) {
			b.t.Errorf("%s, point %d: %v, want %v, %v, %v", e.Name, i+1, got[1:], e.MedianRaw[i], e.P25Raw[i], e.P75Raw[i])
			return
		}
	}
	spoken := get[[]string](b, fmt.Sprintf("['aria-valuenow', 'aria-valuetext'].map((a) => document.querySelector(%s).getAttribute(a))", js(card(e.Name, ".plot"))))
	want := fmt.Sprintf("%s %s: median %s, quartiles %s to %s %s%s", through(e.Phases, i), phase, got[1], got[2], got[3], e.Unit, fewer)
	if spoken[0] != strconv.Itoa(i+1) || spoken[1] != want {
		b.t.Errorf("%s: the text for screen readers is %q, want %q", e.Name, spoken, want)
	}
}

func TestReadout(t *testing.T) {
	s := filled(t)
	e := s.envelope("io-walk")
	b := open(t, s.URL())
	b.until(isLive + " && " + allFilled)
	b.waitStill()

	peak := slices.Index(e.Curve, 1)
	if where, got := readout(b, card("io-walk", "")); where != "peak, "+through(e.Phases, peak) || !near(got[1], e.MedianRaw[peak]) {
		t.Errorf("without a choice the readout is %q, %q", where, got)
	}
	// The mouse, in the middle of a point's cell.
	points := pathOf(b, card("io-walk", ".median"))
	corner := get[[]float64](b, fmt.Sprintf("(({x, y}) => [x, y])(document.querySelector(%s).getBoundingClientRect())", js(card("io-walk", ".plot"))))
	for i, phase := range map[int]string{0: "clean lead", 12: "armed", 20: "infecting", 44: "infected, running", 79: "clean tail"} {
		b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, corner[0]+points[i][0], corner[1]+30))
		checkPoint(b, e, i, phase)
	}
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 5, 5))
	b.until(fmt.Sprintf("!document.querySelector(%s).classList.contains('chosen')", js(card("io-walk", ".readout"))))

	// A finger: its choice stays.
	b.do(chromedp.TapXY(corner[0]+points[33][0], corner[1]+30))
	checkPoint(b, e, 33, "infected, running")
	b.run("document.activeElement.blur()")

	// The keyboard. The switch is there once the signature is.
	b.until(fmt.Sprintf("!document.querySelector(%s).hidden", js(card("io-walk", ".switch"))))
	b.run(fmt.Sprintf("document.querySelector(%s).focus()", js(card("io-walk", "h3 a"))))
	for _, next := range []string{".switch", ".save", ".plot"} {
		b.press(kb.Tab)
		if !get[bool](b, fmt.Sprintf("document.activeElement === document.querySelector(%s)", js(card("io-walk", next)))) {
			t.Errorf("%s does not follow in the order of tabs, but %s", next, get[string](b, "document.activeElement.outerHTML.slice(0, 200)"))
		}
	}
	for _, step := range []struct {
		key   string
		point int
		phase string
	}{
		{kb.Home, 0, "clean lead"}, {kb.ArrowLeft, 0, "clean lead"}, {kb.ArrowRight, 1, "clean lead"},
		{kb.PageDown, 10, "armed"}, {kb.PageDown, 15, "infecting"}, {kb.ArrowUp, 16, "infecting"}, {kb.PageUp, 15, "infecting"},
		{kb.End, 79, "clean tail"}, {kb.ArrowRight, 79, "clean tail"}, {kb.ArrowDown, 78, "clean tail"},
	} {
		b.press(step.key)
		checkPoint(b, e, step.point, step.phase)
	}
	b.press(kb.Escape)
	if where, _ := readout(b, card("io-walk", "")); !strings.HasPrefix(where, "peak, ") {
		t.Errorf("after Escape the readout is at %q", where)
	}
}

// TestMotion: the plot animates to a new envelope, unless the system asks for no
// motion.
func TestMotion(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	for round, still := range []bool{false, true} {
		b.media("light", still)
		for k := range 2 {
			curve := make([]float64, 80)
			curve[10*(k+1)+round] = 1
			s.publish(map[string]any{"type": "attack_profile", "name": "io-walk", "shape": "", "curve": curve})
			b.until(fmt.Sprintf("document.querySelector(%s)?.textContent.startsWith('peak, %smedian')", js(card("io-walk", ".readout")), through(streamer.ShowPhases(fit.DefaultPoints(), nil), 10*(k+1)+round)))
			b.waitStill()
			if k == 0 {
				b.run(fmt.Sprintf(`window.watching?.disconnect(); window.drawn = new Set(); window.watching = new MutationObserver(() => window.drawn.add(document.querySelector(%s).getAttribute('d')));
					window.watching.observe(document.querySelector(%s), {subtree: true, childList: true})`,
					js(card("io-walk", ".median")), js(card("io-walk", ".plot"))))
			}
		}
		if n := get[int](b, "window.drawn.size"); still && n != 1 || !still && n < 3 {
			t.Errorf("no motion is %v: drawn %d times", still, n)
		}
	}
}

// TestPlainEvent: the page shows events with only the fields of the Python program.
func TestPlainEvent(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	curve := make([]float64, 80)
	curve[40] = 1
	s.publish(map[string]any{"type": "attack_profile", "name": "low-and-slow", "shape": "minimal CPU", "curve": curve})
	s.publish(map[string]any{"type": "attack_profile", "name": "a-new-one", "shape": "", "curve": curve})
	for _, name := range []string{"low-and-slow", "a-new-one"} {
		b.until(fmt.Sprintf("document.querySelector(%s)", js(card(name, ".median"))))
		if got := b.text(card(name, ".note")); got != "The event has no quartiles and no raw values. Values are scaled from 0 to 1." {
			t.Errorf("%s: %q", name, got)
		}
		if where, got := readout(b, card(name, "")); where != "peak, 39% through" || !slices.Equal(got, []string{"infected, running", "1", "–", "–"}) {
			t.Errorf("%s: %q %q", name, where, got)
		}
		if got := b.text(card(name, ".updated time")); !strings.HasPrefix(got, "received ") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestComplete: the ring is full when the sample is complete. A band far beyond the
// median is cut off, and the plot says so.
func TestComplete(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	curve, p25, p75 := make([]float64, 80), make([]float64, 80), make([]float64, 80)
	curve[40], p75[40] = 1, 7.5
	event := map[string]any{"type": "attack_profile", "name": "io-walk", "shape": "", "curve": curve, "p25": p25, "p75": p75, "n_used": 50, "target": 100}
	count := js(card("io-walk", ".count"))
	s.publish(event)
	b.until(fmt.Sprintf("document.querySelector(%s)?.textContent === '50/10050 of 100 episodes'", count))
	if got := get[string](b, fmt.Sprintf("document.querySelector(%s).querySelector('.done').getAttribute('stroke-dasharray')", count)); got != "50 100" {
		t.Errorf("the ring is %q", got)
	}
	if got := b.text(card("io-walk", ".plot svg > text")); got != "the band reaches 7.5" {
		t.Errorf("the text of the plot is %q", got)
	}
	event["n_used"], event["complete"] = 100, true
	s.publish(event)
	b.until(fmt.Sprintf("document.querySelector(%s).innerText.startsWith('n=100') && !document.querySelector(%[1]s).querySelector('svg').checkVisibility()", count))
}

func TestModels(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	for _, chart := range []string{"#accuracy", "#speed"} {
		if got := b.text(chart + " .waiting"); !strings.HasPrefix(got, "Waiting for the ") {
			t.Errorf("%s: %q", chart, got)
		}
	}
	models := []struct {
		name              string
		metric, us, score float64
	}{
		{"gru-64", 0.957, 412, 0.951}, {"xgboost", 0.944, 21.5, 0.944}, {"random-forest", 0.9312, 38.2, 0.94}, {"1-NN DTW", 0.903, 9800, 0.9},
		{"logistic", 0.812, 1.9, 0.812}, {"naive Bayes", 0.79, 2.1, 0.811}, {"svm-rbf", 0.925, 36, 0.938}, {"mlp", 0.93, 40, 0.939},
	}
	for _, m := range models {
		s.publish(streamer.ModelMetric{Type: events.TypeModelMetric, Model: m.name, Metric: m.metric})
		s.publish(streamer.ModelPerf{Type: events.TypeModelPerf, Model: m.name, Latency: m.us, Accuracy: m.score})
	}
	b.until(fmt.Sprintf("document.querySelectorAll('#accuracy li').length === %d && document.querySelectorAll('#speed circle.model').length === %[1]d", len(models)))
	bars := get[[]string](b, "[...document.querySelectorAll('#accuracy li')].map((li) => li.querySelector('.model').textContent + ' ' + li.querySelector('.value').textContent + ' ' + li.querySelector('.bar').style.width)")
	if want := []string{"gru-64 0.957 95.7%", "xgboost 0.944 94.4%", "random-forest 0.931 93.12%", "mlp 0.930 93%", "svm-rbf 0.925 92.5%", "1-NN DTW 0.903 90.3%", "logistic 0.812 81.2%", "naive Bayes 0.790 79%"}; !slices.Equal(bars, want) {
		t.Errorf("the bars are %q", bars)
	}
	if got := get[[]string](b, "[...document.querySelectorAll('#accuracy .bars-axis text')].map((t) => t.textContent)"); !slices.Equal(got, []string{"0", "0.25", "0.5", "0.75", "1"}) {
		t.Errorf("the axis of the accuracies is %v", got)
	}
	const boxes = `[...document.querySelectorAll('#speed .label, #speed circle.model')].map((n) => n.getBBox())`
	if n := get[int](b, "document.querySelectorAll('#speed .label').length"); n != len(models) {
		t.Errorf("%d labels", n)
	}
	if n := get[int](b, `((boxes) => boxes.filter((a, i) => boxes.some((b, k) => k > i && a.width > 15 | b.width > 15
		&& a.x < b.x + b.width && b.x < a.x + a.width && a.y + 2 < b.y + b.height && b.y + 2 < a.y + a.height)).length)(`+boxes+`)`); n != 0 {
		t.Errorf("%d labels overlap", n)
	}
	// On a logarithmic axis, equal factors are equal distances.
	x := get[map[string]float64](b, `Object.fromEntries([...document.querySelectorAll('#speed circle.model')].map((c, i) => [i, +c.getAttribute('cx')]))`)
	if got, want := (x["7"]-x["0"])/(x["6"]-x["0"]), math.Log(9800/1.9)/math.Log(412/1.9); math.Abs(got-want) > 1e-3 {
		t.Errorf("the cost axis is not logarithmic: %g, want %g", got, want)
	}
	b.run("document.querySelector('#speed .plot').focus()")
	b.press(kb.Home)
	if got := b.text("#speed .readout tbody"); got != "logistic1.90.812" {
		t.Errorf("the readout of the speeds is %q", got)
	}
	s.publish(streamer.ModelMetric{Type: events.TypeModelMetric, Model: "logistic", Metric: 0.99})
	b.until("document.querySelector('#accuracy li').textContent === 'logistic0.990'")
}
