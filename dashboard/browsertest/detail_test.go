//go:build browser

package browsertest

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/streamer"
)

const overviewShown = "!document.querySelector('#overview').hidden && document.querySelector('#detail').hidden"

func TestDetail(t *testing.T) {
	s := filled(t)
	e, other := s.envelope("io-walk"), s.envelope("bursty-c2")
	b := open(t, s.URL())
	b.until(isLive + " && " + allFilled)

	// By keyboard from the overview.
	b.run(fmt.Sprintf("document.querySelector(%s).focus()", js(card("io-walk", "h3 a"))))
	b.press(kb.Enter)
	b.until("location.hash === '#/profile/io-walk' && document.querySelector('#overview').hidden && document.activeElement === document.querySelector('#detail h2')")
	if got := get[string](b, "document.title"); got != "io-walk · Attack profiles" {
		t.Errorf("the title is %q", got)
	}
	if got := get[string](b, "document.querySelector('#detail input:checked').value"); got != "raw" {
		t.Errorf("the scale is %q", got)
	}
	b.until(episodesReady) // the axis has room for their curves
	checkRawAxis(b, e)
	checkTable(b, e)
	b.shoot("detail-raw")
	checkDownloads(b, s, e)
	checkComparison(b, e, other)

	b.do(chromedp.NavigateBack())
	b.until(overviewShown + fmt.Sprintf(" && document.activeElement === document.querySelector(%s)", js(card("io-walk", "h3 a"))))
	b.do(chromedp.NavigateForward())
	b.until("!document.querySelector('#detail').hidden && document.querySelector('#detail select').value === 'bursty-c2'")
	b.do(chromedp.Reload())
	b.until(isLive + " && document.querySelector('#detail h2').textContent === 'io-walk' && document.querySelector('#detail select').value === 'bursty-c2' && document.querySelectorAll('.points tbody tr').length === 80")

	// A profile without an event, and an invalid address.
	b.run("location.hash = '#/profile/nothing%20such'")
	b.until("document.querySelector('#detail h2').textContent === 'nothing such' && document.querySelector('#detail .waiting').checkVisibility()")
	b.run("location.hash = '#/profile/%E0%A4%A'")
	b.until(overviewShown)
}

// checkRawAxis: the curve is drawn to the scale of the ticks.
func checkRawAxis(b *tab, e streamer.AttackProfile) {
	b.t.Helper()
	b.waitStill()
	ticks := get[[]float64](b, `[...document.querySelectorAll('#detail .plot svg > g:nth-of-type(2) text')].flatMap((t, i) => [+t.textContent, +document.querySelectorAll('#detail .plot svg > g:nth-of-type(2) line')[i].getAttribute('y1')])`)
	if len(ticks) < 8 {
		b.t.Fatalf("the ticks are %v", ticks)
	}
	n := len(ticks)
	scale := (ticks[n-1] - ticks[1]) / (ticks[n-2] - ticks[0])
	for i, p := range pathOf(b, "#detail .plot .median") {
		if want := ticks[1] + (e.MedianRaw[i]-ticks[0])*scale; abs(p[1]-want) > 0.02 {
			b.t.Errorf("point %d is drawn at %g, want %g", i+1, p[1], want)
		}
	}
	if got := get[[]string](b, "[...document.querySelectorAll('#detail .plot svg > g:first-of-type text')].map((t) => t.textContent)"); !slices.Equal(got, []string{"clean", "armed", "infecting", "running", "clean"}) {
		b.t.Errorf("the phases are named %v", got)
	}
}

// checkTable compares the table of points with the event.
func checkTable(b *tab, e streamer.AttackProfile) {
	b.t.Helper()
	rows := get[[][]string](b, "[...document.querySelectorAll('.points tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))")
	if len(rows) != 80 {
		b.t.Fatalf("the table has %d rows", len(rows))
	}
	for i, row := range rows {
		if row[0] != strconv.Itoa(i+1) || !near(row[5], e.MedianRaw[i]) || !near(row[6], e.P25Raw[i]) || !near(row[7], e.P75Raw[i]) || !within(row[2], e.Curve[i]) || !within(row[3], e.P25[i]) || !within(row[4], e.P75[i]) {
			b.t.Errorf("row %d is %q", i+1, row)
		}
	}
}

// checkDownloads compares the CSV and the JSON file with the event.
func checkDownloads(b *tab, s *system, e streamer.AttackProfile) {
	b.t.Helper()
	dir := b.t.TempDir()
	table := save(b, dir, "CSV", "io-walk.csv")
	records, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil || len(records) != 81 {
		b.t.Fatalf("%d records, %v", len(records), err)
	}
	if want := []string{"point", "phase", "median", "p25", "p75", "median_raw", "p25_raw", "p75_raw", "n"}; !slices.Equal(records[0], want) {
		b.t.Errorf("the columns are %q", records[0])
	}
	for i, r := range records[1:] {
		want := []float64{float64(i + 1), e.Curve[i], e.P25[i], e.P75[i], e.MedianRaw[i], e.P25Raw[i], e.P75Raw[i]}
		for k, text := range slices.Delete(slices.Clone(r[:8]), 1, 2) {
			if v, err := strconv.ParseFloat(text, 64); err != nil || v != want[k] {
				b.t.Errorf("record %d has %q, want %v to the last bit", i+1, r, want)
				break
			}
		}
		if r[8] != strconv.Itoa(e.N[i]) {
			b.t.Errorf("record %d is of %s episodes, want %d", i+1, r[8], e.N[i])
		}
	}
	if records[11][1] != "armed" || records[10][1] != "clean_lead" {
		b.t.Errorf("%q, %q", records[10], records[11])
	}
	var saved streamer.AttackProfile
	if err := json.Unmarshal([]byte(save(b, dir, "JSON", "io-walk.json")), &saved); err != nil || !reflect.DeepEqual(saved, s.envelope("io-walk")) {
		b.t.Errorf("the saved event differs: %v", err)
	}

}

// checkComparison chooses bursty-c2 to compare with.
func checkComparison(b *tab, e, other streamer.AttackProfile) {
	b.t.Helper()
	b.do(chromedp.Focus(chromedp.CSS("#detail select")))
	b.press("bursty")
	b.press(kb.Enter)
	b.until("location.hash === '#/profile/io-walk?with=bursty-c2' && document.querySelectorAll('#detail .median').length === 4")
	if got := get[[]string](b, "[...document.querySelectorAll('#detail .pane > .legend > span')].map((n) => n.textContent)"); !slices.Equal(got, []string{"io-walk: median, p25 to p75", "bursty-c2: median, p25 to p75"}) {
		b.t.Errorf("the legend is %q", got)
	}
	if tones := get[[]string](b, "[...document.querySelectorAll('#detail .plot .median')].map((p) => getComputedStyle(p).stroke)"); len(tones) != 2 || tones[0] == tones[1] {
		b.t.Errorf("the two are drawn in %v", tones)
	}
	if !get[bool](b, "document.querySelector('#detail input[value=scaled]').checked && !document.querySelector('#detail input[value=raw]').disabled") {
		b.t.Error("two profiles are not shown scaled at first, or raw is disabled")
	}
	b.run("document.querySelector('#detail .plot').focus()")
	b.press(kb.Home)
	for range 17 {
		b.press(kb.ArrowRight)
	}
	where, got := readout(b, "#detail")
	all := append(got, get[[]string](b, "[...document.querySelectorAll('#detail .readout tbody tr:nth-child(2) td')].map((c) => c.textContent)")...)
	if where != "25% through infecting" || all[0] != "io-walk" || all[4] != "bursty-c2" || !near(all[1], e.Curve[17]) || !near(all[5], other.Curve[17]) || !near(all[7], other.P75[17]) {
		b.t.Errorf("the readout is at %q: %q", where, all)
	}
	b.run("document.querySelector('#detail input[value=raw]').click()")
	b.until("location.hash === '#/profile/io-walk?with=bursty-c2&scale=raw'")
	b.shoot("detail-both-raw")
	b.run("document.querySelector('#detail input[value=scaled]').click()")
	b.shoot("detail-read")
}

func abs(x float64) float64 { return max(x, -x) }

// within reports whether a text is the number, rounded to three decimals.
func within(text string, want float64) bool {
	got, err := strconv.ParseFloat(text, 64)
	return err == nil && abs(got-want) <= 0.0006
}

// save presses a button that downloads a file, and returns the file.
func save(b *tab, dir, button, name string) string {
	b.t.Helper()
	contextID := chromedp.FromContext(b.ctx).BrowserContextID
	done := make(chan string, 1)
	if err := chromedp.ListenBrowser(b.ctx, func(event any) {
		if e, ok := event.(*browser.EventDownloadProgress); ok && e.State == browser.DownloadProgressStateCompleted {
			select {
			case done <- e.FilePath:
			default:
			}
		}
	}); err != nil {
		b.t.Fatal(err)
	}
	yes := true
	if _, err := chromedp.CallBrowser(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: contextID, DownloadPath: dir, EventsEnabled: &yes,
	}); err != nil {
		b.t.Fatal(err)
	}
	b.run(fmt.Sprintf("[...document.querySelectorAll('#detail button')].find((n) => n.textContent === %s).click()", js(button)))
	select {
	case <-done:
	case <-b.t.Context().Done():
		b.t.Fatal("nothing was saved")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}
