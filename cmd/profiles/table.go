package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
	"github.com/cis490/profiles/streamer"
)

// A liveTable shows the last event of each profile: on a terminal as a table that is
// updated in its place, elsewhere as a line for each event. Text that is written to it
// appears above the table. It is safe for concurrent use.
type liveTable struct {
	out      *plain.Writer
	screen   *os.File          // that of out, where the table is drawn in its place; nil: a line for each event
	profiles []fit.ProfileName // in the order of the rows
	unit     map[fit.ProfileName]string

	mu      sync.Mutex
	last    map[fit.ProfileName]streamer.AttackProfile
	arrived map[fit.ProfileName]time.Time // of the last event, by the clock of this process
	events  int
	problem string        // what fails at present; empty: nothing
	curve   int           // width of a curve in characters
	drawn   int           // lines of the table that are on the screen
	titled  bool          // the header was printed, if each event has a line
	stale   bool          // an event has arrived since the table was drawn
	changed chan struct{} // closed and replaced at each event
}

func newLiveTable(out *plain.Writer, spec *fit.Spec) *liveTable {
	t := &liveTable{
		out: out, screen: screenOf(out), curve: maxCurve, changed: make(chan struct{}),
		unit: map[fit.ProfileName]string{}, last: map[fit.ProfileName]streamer.AttackProfile{}, arrived: map[fit.ProfileName]time.Time{},
	}
	for _, p := range spec.Profiles {
		t.profiles = append(t.profiles, p.Name)
		t.unit[p.Name] = spec.Channel(p.Channel).Unit
	}
	return t
}

// add adds an event. Events of other types and profiles are only counted.
func (t *liveTable) add(subject string, data []byte, _ uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events++
	t.stale = true
	close(t.changed)
	t.changed = make(chan struct{})
	if events.TypeOf(subject) != events.TypeAttackProfile {
		return
	}
	var event streamer.AttackProfile
	if json.Unmarshal(data, &event) != nil {
		return
	}
	name := fit.ProfileName(event.Name)
	if _, known := t.unit[name]; !known {
		return // other programs publish events, too; their text must not get on the screen
	}
	_, known := t.last[name]
	before := t.figures(name)
	t.last[name], t.arrived[name] = event, time.Now()
	if t.screen == nil && (!known || t.figures(name) != before) { // the streamer repeats events that did not change
		t.title()
		fmt.Fprintln(t.out, t.line(name))
	}
}

// digest returns the digest of a profile's last event, and a channel that is closed at
// the next event.
func (t *liveTable) digest(p fit.ProfileName) (fit.Digest, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last[p].Digest, t.changed
}

// Write writes text above the table.
func (t *liveTable) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	n, err := t.out.Write(text)
	if t.screen != nil && !bytes.HasSuffix(text, []byte("\n")) {
		fmt.Fprintln(t.out)
	}
	t.draw()
	return n, err
}

// showProblem shows what fails at present, below the table until nothing fails any more. Where
// each event has a line, a problem and its end have one, too.
func (t *liveTable) showProblem(err error) {
	text := ""
	if err != nil {
		text = plain.Line(err.Error())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if text == t.problem {
		return
	}
	t.problem, t.stale = text, true
	switch {
	case t.screen != nil:
	case text == "":
		fmt.Fprintln(t.out, "posts to PUBLISH_URL work again")
	default:
		fmt.Fprintln(t.out, text)
	}
}

// redraw draws the table if an event has arrived since.
func (t *liveTable) redraw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stale && t.drawn > 0 {
		t.clear()
		t.draw()
	}
}

// end draws the table for the last time. Later output appears below it.
func (t *liveTable) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	for _, line := range t.lines() {
		fmt.Fprintln(t.out, line)
	}
	t.screen = nil
}

// clear removes the table from the screen. mu must be held.
func (t *liveTable) clear() {
	if t.drawn > 0 {
		fmt.Fprintf(t.screen, "\x1b[%dA\r\x1b[J", t.drawn)
		t.drawn = 0
	}
}

// draw draws the table on a terminal. mu must be held.
func (t *liveTable) draw() {
	if t.screen == nil {
		return
	}
	width := 80
	if w, _, err := term.GetSize(int(t.screen.Fd())); err == nil && w > 0 {
		width = w
	}
	t.curve = min(max(width-1-otherColumns, minCurve), maxCurve)
	lines := t.lines()
	for _, line := range lines {
		fmt.Fprintln(t.out, clip(line, width-1))
	}
	t.drawn, t.stale = len(lines), false
	for _, line := range wrap(t.problem, width-1) {
		fmt.Fprintln(t.out, line)
		t.drawn++
	}
}

// Widths of the columns. The curve takes the space that the others leave.
const (
	nameWidth    = 14
	usedWidth    = 8
	rangeWidth   = 21
	otherColumns = nameWidth + 1 + usedWidth + 1 + 5 + 2 + 2 + rangeWidth + 1 + len("15:04:05.000")
	minCurve     = 10
	maxCurve     = 40
)

// lines returns the table. mu must be held.
func (t *liveTable) lines() []string {
	lines := []string{t.header()}
	for _, p := range t.profiles {
		lines = append(lines, t.line(p))
	}
	return append(lines, fmt.Sprintf("%d events received from dashboard.>", t.events))
}

func (t *liveTable) header() string {
	return fmt.Sprintf("%-*s %*s %5s  %-*s  %-*s updated", nameWidth, "profile", usedWidth, "used/of", "tried", t.curve, "median", rangeWidth, "range")
}

// title prints the header before the first line, where each event has a line. mu must be held.
func (t *liveTable) title() {
	if !t.titled {
		t.titled = true
		fmt.Fprintln(t.out, t.header())
	}
}

// line returns the row of a profile. mu must be held.
func (t *liveTable) line(p fit.ProfileName) string {
	if _, ok := t.last[p]; !ok {
		return t.figures(p)
	}
	return t.figures(p) + " " + t.arrived[p].Format("15:04:05.000")
}

// figures returns the row of a profile without the time. mu must be held.
func (t *liveTable) figures(p fit.ProfileName) string {
	event, ok := t.last[p]
	if !ok {
		return fmt.Sprintf("%-*s %*s", nameWidth, p, usedWidth, "-")
	}
	used := fmt.Sprintf("%d/%d", event.Used, event.Target)
	curve := sparkline(event.Curve, t.curve)
	curve += strings.Repeat(" ", max(0, t.curve-utf8.RuneCountInString(curve)))
	scale := "-"
	if low, high := extremes(event.MedianRaw); !math.IsNaN(low) {
		scale = span(low, high, t.unit[p])
	}
	return fmt.Sprintf("%-*s %*s %5d  %s  %-*s", nameWidth, p, usedWidth, used, event.Attempted, curve, rangeWidth, scale)
}

// wrap breaks a text into lines of at most width characters, between words if it can.
func wrap(text string, width int) []string {
	var lines []string
	for rest := []rune(text); len(rest) > 0; {
		end := min(len(rest), max(width, 1))
		if space := strings.LastIndex(string(rest[:end]), " "); end < len(rest) && space > 0 {
			end = utf8.RuneCountInString(string(rest[:end])[:space]) + 1
		}
		lines, rest = append(lines, strings.TrimRight(string(rest[:end]), " ")), rest[end:]
	}
	return lines
}

// clip cuts a line to the width of the screen: clear would not remove a wrapped line.
func clip(line string, width int) string {
	if r := []rune(line); len(r) > width {
		return string(r[:max(0, width)])
	}
	return line
}
