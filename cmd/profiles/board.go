package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
)

// A board shows the last event of each profile as it comes: on a terminal a
// table that stays in its place, elsewhere a line an event. It knows nothing but
// the events, so what it shows has gone the whole way. It is safe for concurrent
// use; text that is written to it goes above the table.
type board struct {
	out   io.Writer
	table bool
	order []fit.ProfileName
	unit  map[fit.ProfileName]string

	mu     sync.Mutex
	last   map[fit.ProfileName]events.AttackProfile
	seen   map[fit.ProfileName]time.Time // when the last event came, by our clock
	events int
	curve  int           // characters of a curve
	drawn  int           // lines of the table on the screen
	stale  bool          // the screen is not what it should be
	moved  chan struct{} // closed and replaced at each event
}

func newBoard(out io.Writer, profiles []fit.Profile) *board {
	b := &board{
		out: out, table: isTerminal(out), curve: mostCurve, moved: make(chan struct{}),
		unit: map[fit.ProfileName]string{}, last: map[fit.ProfileName]events.AttackProfile{}, seen: map[fit.ProfileName]time.Time{},
	}
	for _, p := range profiles {
		b.order = append(b.order, p.Name)
		b.unit[p.Name] = fit.Unit(p.Channel)
	}
	return b
}

// take shows an event of the dashboard.
func (b *board) take(subject string, data []byte, _ uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events++
	b.stale = true
	close(b.moved)
	b.moved = make(chan struct{})
	if events.TypeOf(subject) != events.TypeAttackProfile {
		return
	}
	var event events.AttackProfile
	if json.Unmarshal(data, &event) != nil {
		return
	}
	name := fit.ProfileName(event.Name)
	if _, ours := b.unit[name]; !ours {
		return // anybody may publish; text of theirs is kept off the screen
	}
	b.last[name], b.seen[name] = event, time.Now()
	if !b.table {
		fmt.Fprintln(b.out, b.line(name))
	}
}

// shows returns the digest that is shown of a profile, and a channel that is
// closed at the next event.
func (b *board) shows(p fit.ProfileName) (fit.Digest, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last[p].Digest, b.moved
}

// Write puts text above the table.
func (b *board) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wipe()
	n, err := b.out.Write(text)
	if b.table && !bytes.HasSuffix(text, []byte("\n")) {
		fmt.Fprintln(b.out)
	}
	b.draw()
	return n, err
}

// redraw brings the screen up to date.
func (b *board) redraw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stale && b.drawn > 0 {
		b.wipe()
		b.draw()
	}
}

// end leaves the table on the screen, up to date, and what follows below it.
func (b *board) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wipe()
	for _, line := range b.lines() {
		fmt.Fprintln(b.out, line)
	}
	b.table = false
}

// wipe takes the table off the screen. mu is held.
func (b *board) wipe() {
	if b.drawn > 0 {
		fmt.Fprintf(b.out, "\x1b[%dA\r\x1b[J", b.drawn)
		b.drawn = 0
	}
}

// draw puts the table on the screen. mu is held.
func (b *board) draw() {
	if !b.table {
		return
	}
	width := 80
	if f, ok := b.out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			width = w
		}
	}
	b.curve = min(max(width-1-aroundCurve, leastCurve), mostCurve)
	lines := b.lines()
	for _, line := range lines {
		fmt.Fprintln(b.out, clip(line, width-1))
	}
	b.drawn, b.stale = len(lines), false
}

// Widths of the columns. The curve takes what the others leave.
const (
	nameWidth   = 14
	usedWidth   = 8
	rangeWidth  = 21
	aroundCurve = nameWidth + 1 + usedWidth + 1 + 5 + 2 + 2 + rangeWidth + 1 + len("15:04:05.000")
	leastCurve  = 10
	mostCurve   = 40
)

// lines is the table. mu is held.
func (b *board) lines() []string {
	lines := []string{fmt.Sprintf("%-*s %*s %5s  %-*s  %-*s updated", nameWidth, "profile", usedWidth, "used/of", "tried", b.curve, "median", rangeWidth, "range")}
	for _, p := range b.order {
		lines = append(lines, b.line(p))
	}
	return append(lines, fmt.Sprintf("%d events seen on dashboard.>", b.events))
}

// line is a profile's row. mu is held.
func (b *board) line(p fit.ProfileName) string {
	event, ok := b.last[p]
	if !ok {
		return fmt.Sprintf("%-*s %*s", nameWidth, p, usedWidth, "-")
	}
	used := fmt.Sprintf("%d/%d", event.Used, event.Target)
	curve := sparkline(event.Curve, b.curve)
	curve += strings.Repeat(" ", max(0, b.curve-utf8.RuneCountInString(curve)))
	low, high := extremes(event.MedianRaw)
	return fmt.Sprintf("%-*s %*s %5d  %s  %-*s %s", nameWidth, p, usedWidth, used, event.Attempted,
		curve, rangeWidth, span(low, high, b.unit[p]), b.seen[p].Format("15:04:05.000"))
}

func extremes(values []float64) (low, high float64) {
	for i, v := range values {
		if i == 0 || v < low {
			low = v
		}
		if i == 0 || v > high {
			high = v
		}
	}
	return low, high
}

// clip cuts a line to the width of the screen: a wrapped one would not be wiped.
func clip(line string, width int) string {
	if r := []rune(line); len(r) > width {
		return string(r[:max(0, width)])
	}
	return line
}
