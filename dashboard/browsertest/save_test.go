//go:build browser

package browsertest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/streamer"
)

// saveFrom opens the menu with a button, presses one of its buttons and returns the file.
func saveFrom(b *tab, opener, choice, file string) []byte {
	b.t.Helper()
	b.run(fmt.Sprintf("document.querySelector(%s).click()", js(opener)))
	b.until("document.querySelector('.save-menu').matches(':popover-open')")
	data := download(b, fmt.Sprintf("[...document.querySelectorAll('.save-menu button')].find((n) => n.textContent === %s).click()", js(choice)), file)
	b.until("!document.querySelector('.save-menu').matches(':popover-open')")
	return data
}

// download runs statements that save a file, and returns it.
func download(b *tab, statements, file string) []byte {
	b.t.Helper()
	dir := b.t.TempDir()
	done := make(chan struct{}, 1)
	if err := chromedp.ListenBrowser(b.ctx, func(event any) {
		if e, ok := event.(*browser.EventDownloadProgress); ok && e.State == browser.DownloadProgressStateCompleted && strings.HasPrefix(e.FilePath, dir) {
			select {
			case done <- struct{}{}:
			default:
			}
		}
	}); err != nil {
		b.t.Fatal(err)
	}
	yes := true
	if _, err := chromedp.CallBrowser(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID, DownloadPath: dir, EventsEnabled: &yes,
	}); err != nil {
		b.t.Fatal(err)
	}
	b.run(statements)
	select {
	case <-done:
	case <-b.t.Context().Done():
		b.t.Fatal("nothing was saved")
	}
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		b.t.Fatal(err)
	}
	if to := os.Getenv("SCREENSHOTS"); to != "" && !strings.HasSuffix(file, ".csv") {
		if err := os.WriteFile(filepath.Join(to, "saved-"+file), data, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	return data
}

// textsOf returns the texts of an SVG, which must be well-formed and need no style sheet.
func textsOf(t *testing.T, svg []byte) []string {
	t.Helper()
	var texts []string
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.CharData:
			if s := strings.TrimSpace(string(token)); s != "" {
				texts = append(texts, s)
			}
		case xml.StartElement:
			for _, a := range token.Attr {
				if slices.Contains([]string{"class", "style", "href"}, a.Name.Local) || strings.Contains(a.Value, "var(") || strings.Contains(a.Value, "light-dark(") {
					t.Errorf("<%s %s=%q> needs the page", token.Name.Local, a.Name.Local, a.Value)
				}
			}
		}
	}
	return texts
}

// TestSaveCard: a card is saved as a figure on white with title and n, in the dark theme, too, and as
// numbers. The menu has its address.
func TestSaveCard(t *testing.T) {
	s := filled(t)
	models(s)
	e := s.envelope("io-walk")
	b := open(t, s.URL()+"?token=secret#/?scale=raw")
	b.until(isLive + " && " + allFilled + " && " + modelsShown)
	b.media("dark", true)
	saveCard := card("io-walk", ".save")
	svg := saveFrom(b, saveCard, "SVG", "io-walk.svg")
	texts := textsOf(t, svg)
	for _, want := range []string{"io-walk", "n = 7", e.Shape, e.Channel + ", jiffies/s, time by points", "median", "p25 to p75", "fewer episodes", "infecting", "running"} {
		if !slices.Contains(texts, want) {
			t.Errorf("the figure does not have %q: %q", want, texts)
		}
	}
	for _, dark := range []string{"#0c0f12", "rgb(20, 24, 28)", "rgb(233, 231, 225)"} {
		if bytes.Contains(svg, []byte(dark)) {
			t.Errorf("the figure has the colour %s of the dark theme", dark)
		}
	}
	picture, err := png.Decode(bytes.NewReader(saveFrom(b, saveCard, "PNG", "io-walk.png")))
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size.X != 3*640 || size.Y < 1000 {
		t.Errorf("the picture is %v", size)
	}
	if white, blue := shares(picture); white < 0.6 || blue < 0.001 {
		t.Errorf("%.3f of the picture is white, %.5f in the profile's colour", white, blue)
	}
	records, err := csv.NewReader(bytes.NewReader(saveFrom(b, saveCard, "CSV", "io-walk.csv"))).ReadAll()
	if err != nil || len(records) != 81 || records[0][0] != "profile" || records[1][0] != "io-walk" {
		t.Errorf("%d records, %v", len(records), err)
	}
	var saved []streamer.AttackProfile
	if err := json.Unmarshal(saveFrom(b, saveCard, "JSON", "io-walk.json"), &saved); err != nil || len(saved) != 1 || saved[0].Digest != e.Digest {
		t.Errorf("%d events, %v", len(saved), err)
	}
	b.run(fmt.Sprintf("document.querySelector(%s).click()", js(saveCard)))
	if got := get[string](b, "document.querySelector('.save-menu input').value"); got != s.URL()+"#/profile/io-walk?scale=raw" {
		t.Errorf("the address is %q", got)
	}
	b.audit("the menu")
	b.shootBoth("save-menu")
	b.press(kb.Escape)
	b.until("!document.querySelector('.save-menu').matches(':popover-open')")
}

// shares returns which share of a picture is white, and which is the blue of io-walk.
func shares(picture image.Image) (white, blue float64) {
	size := picture.Bounds().Size()
	for x := range size.X {
		for y := range size.Y {
			switch c := color.NRGBAModel.Convert(picture.At(x, y)).(color.NRGBA); c {
			case color.NRGBA{R: 0xff, G: 0xff, B: 0xff, A: 0xff}:
				white++
			case color.NRGBA{R: 0x00, G: 0x5c, B: 0x91, A: 0xff}:
				blue++
			}
		}
	}
	all := float64(size.X * size.Y)
	return white / all, blue / all
}

// TestSaveAll: what the page shows is saved as one figure: the profiles, as curves and as levels,
// two that are compared, and the models.
func TestSaveAll(t *testing.T) {
	s := filled(t)
	models(s)
	for _, name := range six {
		s.signature(name)
	}
	b := open(t, s.URL())
	b.until(isLive + " && " + allFilled + " && " + modelsShown)
	has := func(texts []string, all ...string) {
		t.Helper()
		for _, want := range all {
			if !slices.Contains(texts, want) {
				t.Errorf("the figure does not have %q: %q", want, texts)
			}
		}
	}
	has(textsOf(t, saveFrom(b, "#save", "SVG", "profiles.svg")), append(six, "6 attack profiles", "median and quartiles of n episodes, scaled: medians from 0 to 1")...)
	saveFrom(b, "#save", "PNG", "profiles.png")
	records, err := csv.NewReader(bytes.NewReader(saveFrom(b, "#save", "CSV", "profiles.csv"))).ReadAll()
	if err != nil || len(records) != 6*80+1 {
		t.Errorf("%d records, %v", len(records), err)
	}
	b.run("location.hash = '#/?view=levels'")
	b.until(levelsOf("io-walk"))
	has(textsOf(t, saveFrom(b, "#save", "SVG", "profiles.svg")), append(six, "dark: median", "light: upper quartile", "sorted from high to low, no longer time · logarithmic", "page faults")...)
	saveFrom(b, "#save", "PNG", "profiles.png")
	b.run("location.hash = '#/profile/io-walk?with=bursty-c2'")
	b.until("document.querySelectorAll('#detail .plot .median').length === 2")
	has(textsOf(t, saveFrom(b, "#save", "SVG", "io-walk_and_bursty-c2.svg")), "io-walk", "bursty-c2", "2 attack profiles")
	b.run("location.hash = '#/'")
	b.until(overviewShown)
	has(textsOf(t, saveFrom(b, "#accuracy .save", "SVG", "accuracy.svg")), "Accuracy of each model", "gru-64", "0.957", "0.916 to 1, n = 42")
	has(textsOf(t, saveFrom(b, "#speed .save", "SVG", "speed.svg")), "Accuracy against time", "gru-64", "time of one answer, µs (logarithmic)")
	saveFrom(b, "#accuracy .save", "PNG", "accuracy.png")
	saveFrom(b, "#speed .save", "PNG", "speed.png")
	records, err = csv.NewReader(bytes.NewReader(saveFrom(b, "#speed .save", "CSV", "speed.csv"))).ReadAll()
	if err != nil || len(records) != 8 || strings.Join(records[0], " ") != "model accuracy low high episodes microseconds" {
		t.Errorf("%q, %v", records, err)
	}
}
