//go:build browser

package browsertest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

// hundred returns a system with the envelopes and the signatures of 100 synthetic episodes of each
// profile.
func hundred(t *testing.T) *system {
	t.Helper()
	dir := t.TempDir()
	if err := synth.New(1).Write(t.Context(), dir, 100, six, nil); err != nil {
		t.Fatal(err)
	}
	s := start(t, dashboard.Config{})
	s.fitFrom(filepath.Join(dir, "store"))
	s.emitFrom(filepath.Join(dir, "validation.parquet"))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for _, name := range six {
		for {
			e, err := streamer.LastAttackProfile(t.Context(), events.NewPublisher(s.bus), fit.ProfileName(name))
			if err != nil {
				t.Fatal(err)
			}
			if e.Used == 100 {
				break
			}
			<-tick.C
		}
	}
	return s
}

// TestScreenshots takes the pictures of docs/screenshots and some more, if SCREENSHOTS names a
// directory for them.
func TestScreenshots(t *testing.T) {
	if os.Getenv("SCREENSHOTS") == "" {
		t.Skip("SCREENSHOTS is not set")
	}
	s := hundred(t)
	models(s)
	b := open(t, s.URL())
	b.until(isLive + ` && document.querySelectorAll('.card[data-profile]').length === 6 && [...document.querySelectorAll('.card[data-profile]')].every((c) => c.querySelector('.count').textContent.startsWith('n=100') && !c.querySelector('.switch').hidden)
		&& ` + modelsShown)
	show := func(hash, shown string) {
		b.run("location.hash = " + js(hash))
		b.until(shown)
	}
	shoot := func(name string, width, height int64, theme string, scale float64) {
		b.media(theme, true)
		b.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(scale)))
		b.shoot(name)
	}
	shoot("dashboard", 1360, 850, "light", 1)
	shoot("dark", 1360, 850, "dark", 1)
	shoot("phone", 360, 740, "light", 2)
	shoot("phone-dark", 360, 740, "dark", 1)
	shoot("wall", 3840, 2160, "light", 1)
	shoot("wall-dark", 3840, 2160, "dark", 1)
	shoot("small", 1280, 720, "light", 1)
	shoot("tablet", 768, 1024, "light", 1)
	show("#/?scale=raw", "document.querySelector('[data-choice=scale][value=raw]').checked")
	shoot("raw", 1360, 850, "light", 1)
	show("#/?view=levels", "[...document.querySelectorAll('.card .levels')].every((n) => !n.hidden)")
	shoot("page-levels", 1360, 850, "light", 1)
	show("#/scene/6", "document.documentElement.dataset.scene === '6'")
	shoot("slide", 1360, 765, "dark", 1)
	show("#/profile/io-walk?with=bursty-c2", "!document.querySelector('#detail').hidden")
	shoot("detail", 1360, 850, "light", 1)
	shoot("detail-dark", 1440, 900, "dark", 1)
	shoot("detail-phone", 360, 740, "light", 1)
	shoot("detail-wall", 3840, 2160, "dark", 1)
	show("#/profile/io-walk?view=levels", "document.querySelector('#detail .level-pane').checkVisibility()")
	shoot("detail-levels", 1360, 850, "light", 1)
}
