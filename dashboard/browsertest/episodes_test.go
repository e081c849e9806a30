//go:build browser

package browsertest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/dashboard/web"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

// A drawing is a system whose bucket curves has the entries of one profile, io-walk.
type drawing struct {
	*system
	gen    bus.Generation
	curves *bus.Curves
	seq    uint64
}

const drawn = "io-walk"

func draw(t *testing.T) *drawing {
	t.Helper()
	s := start(t, dashboard.Config{})
	gen, curves, end := bustest.Curves(t, s.nats.Connect(), fit.DefaultSpec())
	t.Cleanup(end)
	return &drawing{system: s, gen: gen, curves: curves}
}

// put stores the entry of an episode whose curve is height times a shape.
func (d *drawing) put(host, episode string, height float64, quality fit.Quality) {
	d.t.Helper()
	random := rand.New(rand.NewPCG(7, d.seq))
	curve := make(fit.Curve, 80)
	for i := range curve {
		if i >= 15 && i < 65 {
			curve[i] = height * (0.5 + 0.3*math.Sin(float64(i)/6) + 0.4*random.Float64())
		}
	}
	if d.seq%5 == 0 {
		curve[0], curve[30] = math.NaN(), math.NaN()
	}
	d.seq++
	e := fit.Entry{Seq: d.seq, Host: host, Episode: episode, State: fit.StateCurve, Curve: curve, Seconds: fit.Seconds{10, 2, 3, 25, 5}, Quality: quality}
	ctx := bustest.Context(d.t)
	if err := bustest.PutEntry(ctx, d.curves, bus.EntryID{Profile: drawn, Rank: d.gen.Spec.Rank(host, episode)}, e, 0, time.Time{}); err != nil {
		d.t.Fatal(err)
	}
	if err := d.curves.Reached(ctx, d.seq, time.Minute); err != nil {
		d.t.Fatal(err)
	}
}

// putAll stores the entries of n episodes of five hosts. Episode ep-003 is three times as high as the others.
func (d *drawing) putAll(n int) {
	d.t.Helper()
	for i := range n {
		height, quality := 60+float64(i%13), fit.Quality{}
		if i == 3 {
			height, quality = 190, fit.Quality{RowsDropped: 12, Restarts: 2, Longest: 2.5}
		}
		d.put(fmt.Sprint("lab-0", 1+i%5), fmt.Sprintf("ep-%03d", i), height, quality)
	}
}

// publish publishes the event of the envelope.
func (d *drawing) publish() streamer.AttackProfile {
	d.t.Helper()
	r, err := d.curves.Reduce(drawn)
	if err != nil {
		d.t.Fatal(err)
	}
	event, err := streamer.NewAttackProfile(d.gen, bus.Envelope{Profile: drawn, Envelope: r.Envelope, Revision: d.seq + 1, Incarnation: "e", UpdatedAt: time.Now()})
	if err != nil {
		d.t.Fatal(err)
	}
	d.storeEvent(events.TypeAttackProfile, drawn, event)
	return event
}

// marks publishes the events that mark episodes: ep-003 is unusual, ep-005 is a suspect.
func (d *drawing) marks(used int) {
	d.t.Helper()
	level := make([]float64, 80)
	d.storeEvent(events.TypeAttackSignature, drawn, map[string]any{
		"type": "attack_signature", "name": drawn, "n_used": used, "channels": []any{map[string]any{"name": "proc.cpu_sys_jiffies", "unit": "jiffies/s", "median": level}},
		"deepest":  map[string]any{"host": "lab-03", "episode": "ep-002", "depth": 0.5},
		"outliers": []any{map[string]any{"host": "lab-04", "episode": "ep-003", "outside": 41, "point": 24, "value": 190.5, "low": 0, "high": 105.25}}, "n_outliers": 1,
	})
	d.storeEvent(events.TypeSuspects, drawn, map[string]any{"type": "suspects", "name": drawn, "n": 1, "episodes": []any{
		map[string]any{"host_id": "lab-01", "episode_id": "ep-005", "profile": drawn, "looks_like": "bursty-c2"}}})
}

const (
	episodesReady = "document.querySelector('#detail').dataset.episodes === 'ready'"
	listed        = "[...document.querySelectorAll('.episode-list li')]"
	// ink is how many pixels of the canvas behind the band are drawn. It reads from a copy: the browser warns of reading a canvas.
	ink = `(() => { const from = document.querySelector('#detail .behind'); if (!from.width) return 0;
		const c = new OffscreenCanvas(from.width, from.height); c.getContext('2d', {willReadFrequently: true}).drawImage(from, 0, 0);
		const d = c.getContext('2d', {willReadFrequently: true}).getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i] > 0) n++; return n; })()`
)

func (d *drawing) url(query string) string { return d.URL() + "#/profile/" + drawn + query }

// TestEpisodesBehindTheBand: with no, one, seven and 100 episodes, on a phone and on a desk, the detail shows the curves behind the
// band and says which episodes are unusual, which are suspects, and why.
func TestEpisodesBehindTheBand(t *testing.T) {
	for _, n := range []int{0, 1, 7, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			d := draw(t)
			d.putAll(n)
			d.publish()
			d.marks(n)
			b := open(t, d.url(""))
			if n == 0 {
				b.until(isLive + " && document.querySelector('#detail .waiting').checkVisibility()")
				if get[bool](b, "document.querySelector('.episodes').checkVisibility()") {
					t.Error("without an episode there is a pane")
				}
				b.shoot("episodes-0")
				return
			}
			b.until(isLive + " && " + episodesReady)
			for _, width := range []int64{390, 1440} {
				height := map[int64]int64{390: 844, 1440: 900}[width]
				b.size(width, height)
				b.until(fmt.Sprintf("innerWidth === %d", width))
				b.waitStill()
				if wide := get[int64](b, "document.documentElement.scrollWidth"); wide > width {
					t.Errorf("at %d: %d px wide", width, wide)
				}
				if high := get[int64](b, "document.documentElement.scrollHeight"); width == 1440 && high != height {
					t.Errorf("at %d: %d px high", width, high)
				}
				if got := get[int](b, ink); got < 500 {
					t.Errorf("at %d: %d pixels are drawn behind the band", width, got)
				}
				b.audit(fmt.Sprintf("%d episodes at %d", n, width))
				b.shootBoth(fmt.Sprintf("episodes-%d-%d", n, width))
				b.media("light", false)
			}
			checkEpisodeTexts(b, n)
		})
	}
}

// checkEpisodeTexts checks the pane and the facts of n episodes.
func checkEpisodeTexts(b *tab, n int) {
	b.t.Helper()
	const unusual = "Unusual: outside of the usual range at 41 of 80 points, farthest at point 25: 190.5 is above 105.3 jiffies/s."
	rows := get[[]string](b, listed+".map((n) => n.textContent)")
	pane, facts := b.text(".episodes"), b.text("#detail .facts")
	if shown := map[int]string{1: "1 episode is drawn behind the band.", 7: "7 episodes are drawn behind the band.", 100: "100 episodes are drawn behind the band."}[n]; !strings.Contains(pane, shown) {
		b.t.Errorf("the pane of %d says %q", n, pane)
	}
	first := map[int][]string{
		1:   {"lab-01/ep-005 Suspect: looks like bursty-c2. It is not among the curves here.", "lab-01/ep-000"},
		7:   {"lab-01/ep-005 Suspect: looks like bursty-c2.", "lab-01/ep-000"},
		100: {"lab-01/ep-005 Suspect: looks like bursty-c2.", "lab-04/ep-003 " + unusual + " Recording: rows out of order or without a time (12).", "lab-01/ep-000"},
	}[n]
	if len(rows) < len(first) || !slices.Equal(rows[:len(first)], first) {
		b.t.Errorf("the list of %d begins with %q", n, rows[:min(3, len(rows))])
	}
	for text, want := range map[string]bool{
		"Unusual episodes are named from 20 on": n < 20, "One episode is unusual.": n >= 20, "Most typical episode: lab-03/ep-002": true,
	} {
		if strings.Contains(pane, text) != want {
			b.t.Errorf("the pane of %d says %q", n, pane)
		}
	}
	if strings.Contains(facts, "unusual episodes (from 20 on)1, most of all lab-04/ep-003") != (n >= 20) || !strings.Contains(facts, "most typical episodelab-03/ep-002") {
		b.t.Errorf("the facts of %d are %q", n, facts)
	}
	if all := get[string](b, "document.body.textContent"); strings.Contains(all, "fence") || strings.Contains(all, "utlier") || strings.Contains(all, "central") {
		b.t.Error("the page speaks of fences, outliers or central episodes")
	}
}

// TestEpisodeIsChosen: by the list, by the pointer and by the address; the curve is drawn to the axis, raw and scaled, by points and
// by seconds.
func TestEpisodeIsChosen(t *testing.T) {
	d := draw(t)
	d.putAll(100)
	e := d.publish()
	d.marks(100)
	b := open(t, d.URL())
	b.until(isLive + " && document.querySelector('#suspects a')")

	// A suspect on the overview links to its curve.
	b.run("document.querySelector('#suspects a').click()")
	b.until("location.hash === '#/profile/io-walk?episode=lab-01%2Fep-005' && " + episodesReady + " && document.querySelector('.chosen-episode strong')?.textContent === 'lab-01/ep-005'")
	if got := b.text(".chosen-episode"); got != "lab-01/ep-005 Suspect: looks like bursty-c2. All alike" {
		t.Errorf("below the plot: %q", got)
	}
	// The list.
	b.run(listed + "[1].querySelector('a').focus()")
	b.press(kb.Enter)
	b.until("location.hash.endsWith('episode=lab-04%2Fep-003') && document.querySelector('.episode-list .current')?.textContent.startsWith('lab-04/ep-003')")
	b.waitStill()
	checkChosenCurve(b, d, "lab-04", "ep-003", func(v float64) float64 { return v })
	b.shootBoth("episode-chosen")
	b.media("light", false)
	b.run("document.querySelector('#detail input[value=scaled]').click()")
	b.until("location.hash.includes('scale=scaled')")
	b.waitStill()
	lo, hi := slices.Min(e.MedianRaw), slices.Max(e.MedianRaw)
	checkChosenCurve(b, d, "lab-04", "ep-003", func(v float64) float64 { return (v - lo) / (hi - lo) })
	b.run("document.querySelector('#detail input[value=seconds]').click()")
	b.until("location.hash.includes('widths=seconds')")
	b.waitStill()
	line, median := pathOf(b, "#detail .front .episode:not(.hover)"), pathOf(b, "#detail .plot .median")
	if len(line) != 80 || abs(line[50][0]-median[50][0]) > 0.02 || abs(line[5][0]-median[5][0]) > 0.02 {
		t.Errorf("by seconds, %d points, not where the median's are", len(line))
	}

	// One host: the others are faint, and not under the pointer.
	b.run("const s = document.querySelector('.episodes select'); s.value = 'lab-02'; s.dispatchEvent(new Event('change'))")
	b.until("location.hash.includes('host=lab-02') && " + listed + ".length === 20")
	if got := get[bool](b, listed+".every((n) => n.textContent.startsWith('lab-02/'))"); !got {
		t.Error("other hosts are listed")
	}
	b.run("const o = document.querySelectorAll('.episodes select')[1]; o.value = 'peak'; o.dispatchEvent(new Event('change'))")
	b.until("location.hash.includes('order=peak')")
	b.run("location.hash = '#/profile/io-walk'")
	b.until("!document.querySelector('.chosen-episode strong') && " + listed + ".length === 100")

	checkPointer(b)

	// Esc undoes nothing here but leaves the detail; the way back shows the episode again.
	b.run("location.hash = '#/profile/io-walk?episode=lab-99%2Fgone'")
	b.until("document.querySelector('.chosen-episode').textContent === 'lab-99/gone is not in the sample now.'")
	// In a comparison the episodes of the first profile stay.
	b.run("location.hash = '#/profile/io-walk?with=io-walk'")
	b.until(episodesReady)
}

// checkChosenCurve: the chosen curve is drawn to the scale of the ticks.
func checkChosenCurve(b *tab, d *drawing, host, episode string, change func(float64) float64) {
	b.t.Helper()
	have, err := d.curves.Read(bustest.Context(b.t), bus.EntryID{Profile: drawn, Rank: d.gen.Spec.Rank(host, episode)})
	if err != nil || !have.Found {
		b.t.Fatal(err)
	}
	ticks := get[[]float64](b, `[...document.querySelectorAll('#detail .plot svg > g:nth-of-type(2) text')].flatMap((t, i) => [+t.textContent, +document.querySelectorAll('#detail .plot svg > g:nth-of-type(2) line')[i].getAttribute('y1')])`)
	n := len(ticks)
	scale := (ticks[n-1] - ticks[1]) / (ticks[n-2] - ticks[0])
	line := pathOf(b, "#detail .front .episode:not(.hover)")
	if len(line) != 80 {
		b.t.Fatalf("the chosen curve has %d points", len(line))
	}
	for i, p := range line {
		if want := ticks[1] + (change(have.Curve[i])-ticks[0])*scale; abs(p[1]-want) > 0.03 {
			b.t.Errorf("point %d is drawn at %g, want %g", i+1, p[1], want)
			return
		}
	}
}

// checkPointer: the pointer on a line names its host and episode, and a click chooses it.
func checkPointer(b *tab) {
	b.t.Helper()
	b.waitStill()
	b.run("location.hash = '#/profile/io-walk?episode=lab-04%2Fep-003'")
	b.until("document.querySelector('.chosen-episode strong')")
	b.waitStill()
	line := pathOf(b, "#detail .front .episode:not(.hover)")
	at := get[[]float64](b, "(() => { const r = document.querySelector('#detail .plot').getBoundingClientRect(); return [r.left, r.top]; })()")
	x, y := at[0]+line[24][0], at[1]+line[24][1]
	b.do(call(input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: x, Y: y}))
	b.until("document.querySelector('#detail text.tip').checkVisibility() && document.querySelector('#detail text.tip').textContent === 'lab-04/ep-003'")
	b.shoot("episode-hover")
	press := func() {
		for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
			b.do(call(input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, ClickCount: 1}))
		}
	}
	press()
	b.until("location.hash === '#/profile/io-walk' && !document.querySelector('.chosen-episode strong')")
	b.do(call(input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: at[0] + 2, Y: at[1] + 2}))
	b.until("!document.querySelector('#detail text.tip').checkVisibility()")
}

// TestEpisodesFollow: another envelope brings its episodes, and what was chosen stays.
func TestEpisodesFollow(t *testing.T) {
	d := draw(t)
	d.putAll(7)
	d.publish()
	b := open(t, d.url("?episode=lab-02%2Fep-001"))
	b.until(isLive + " && " + episodesReady + " && " + listed + ".length === 7")
	d.marks(7)
	b.until("document.querySelector('#detail .facts a')")
	b.run("document.querySelector('#detail .facts a').focus()")
	d.put("lab-07", "ep-new", 70, fit.Quality{})
	d.publish()
	b.until("document.querySelector('#detail .count').textContent.startsWith('8')")
	if got := get[string](b, "document.activeElement.closest('dl.facts') ? document.activeElement.textContent : document.activeElement.outerHTML.slice(0, 80)"); got != "lab-03/ep-002" {
		t.Errorf("with another envelope the focus went to %q", got)
	}
	b.until(listed + ".length === 8 && document.querySelector('.chosen-episode strong').textContent === 'lab-02/ep-001'")
	for format, want := range map[string]string{"CSV": "api/profiles/io-walk/episodes?format=csv", "JSON": "api/profiles/io-walk/episodes"} {
		if got := get[string](b, fmt.Sprintf("[...document.querySelectorAll('.episodes a.button')].find((a) => a.textContent === %s).getAttribute('href')", js(format))); got != want {
			t.Errorf("the link of %s leads to %q", format, got)
		}
	}
}

// TestHostileEpisodes: names of hosts and episodes stay text, also in the plot and in the choices.
func TestHostileEpisodes(t *testing.T) {
	d := draw(t)
	const evil = `<img src=x onerror="window.hacked=1">`
	d.put(evil, `"><script>window.hacked=1</script>`, 50, fit.Quality{})
	d.put("__proto__", "constructor", 60, fit.Quality{})
	d.put("\u202egnal", strings.Repeat("long-", 25), 70, fit.Quality{})
	d.publish()
	b := open(t, d.url(""))
	b.until(isLive + " && " + episodesReady + " && " + listed + ".length === 3")
	for i := range 3 {
		b.run(fmt.Sprintf("%s[%d].querySelector('a').click()", listed, i))
		b.until(fmt.Sprintf("document.querySelector('.chosen-episode strong')?.textContent === %s[%d].querySelector('a').textContent", listed, i))
	}
	b.run("const s = document.querySelector('.episodes select'); s.selectedIndex = 1; s.dispatchEvent(new Event('change'))")
	b.until(listed + ".length === 1")
	if get[bool](b, "window.hacked || !!document.querySelector('main img, main script') || 'hacked' in Object.prototype") {
		t.Error("a name became part of the page")
	}
	if got := get[string](b, "document.body.textContent"); strings.Contains(got, "\u202e") {
		t.Error("a name changes the direction of the text after it")
	}
}

// TestEpisodesCannotBeRead: the detail says why and what to do, and shows all else. It works with a dashboard of an earlier version.
func TestEpisodesCannotBeRead(t *testing.T) {
	const denied = `this dashboard may not read the episodes of profiles: its role in NATS lacks the right "read samples"; make accounts.conf again with profiles credentials, and let the NATS servers reload it`
	answers := make(chan http.HandlerFunc, 1)
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(web.Files))
	mux.HandleFunc("/api/profiles/a/episodes", func(w http.ResponseWriter, r *http.Request) {
		answer := <-answers
		answers <- answer
		answer(w, r)
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "event: bridge\ndata: {\"nats\":\"connected\",\"life\":\"a\"}\n\n")
		fmt.Fprintf(w, "event: attack_profile\nid: 1\nat: %d\ndata: %s\n\n", time.Now().UnixMilli(),
			`{"type":"attack_profile","name":"a","curve":[0,1,0.5],"median_raw":[0,8,4],"life":"x/y","n_used":7,"generation":"g","digest":"d"}`)
		fmt.Fprint(w, "event: caught-up\ndata: {}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	answers <- func(w http.ResponseWriter, _ *http.Request) { http.Error(w, denied, http.StatusServiceUnavailable) }
	b := open(t, server.URL+"#/profile/a")
	b.allowBroken()
	b.until(fmt.Sprintf("document.querySelector('.episodes .doubt').textContent === %s && document.querySelector('#detail .median')", js("The episodes cannot be read: "+denied+".")))
	b.audit("episodes that cannot be read")
	b.shootBoth("episodes-denied")
	again := func(answer http.HandlerFunc) {
		<-answers
		answers <- answer
		b.run("document.querySelector('.episodes button').click()")
	}
	again(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "there is no such page", http.StatusNotFound)
	})
	b.until("document.querySelector('.episodes .doubt').textContent === 'The episodes cannot be read: this dashboard is of an earlier version, which does not send them.'")
	again(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"episodes": 3}`) })
	b.until("document.querySelector('.episodes .doubt').textContent === 'The episodes cannot be read: the answer is not valid: it has no episodes.'")
	again(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"current":true,"n":3,"episodes":[{"host":"h","episode":"e","curve":[1,null,1e300],"quality":{"x":-1,"y":"z"}},{"curve":[1]},null]}`)
	})
	b.until("!document.querySelector('.episodes .doubt').checkVisibility() && document.querySelectorAll('.episode-list li').length === 3")
}
