//go:build faults

package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A table counts the injected faults and the checks.
type table struct {
	rows      map[string]*faultRow
	order     []string
	held      map[string]int
	sent      int
	fates     map[string]int
	dropped   int // events that the plain subscriber dropped
	stored    int // events that were compared with the previous one
	envelopes int // that were compared with the previous one
	services  []string
}

type faultRow struct {
	times, flapping   int           // all, and those with flapping episodes
	injected, settled time.Duration // the longest
	wrong             int
}

func newTable() *table { return &table{rows: map[string]*faultRow{}, held: map[string]int{}} }

func (t *table) add(fault string, flapping bool, injected, settled time.Duration, wrong []string) {
	row := t.rows[fault]
	if row == nil {
		row = &faultRow{}
		t.rows[fault] = row
		t.order = append(t.order, fault)
	}
	row.times++
	if flapping {
		row.flapping++
	}
	row.injected, row.settled = max(row.injected, injected), max(row.settled, settled)
	row.wrong += len(wrong)
}

func (t *table) episodes(sent int, fates map[string]int) { t.sent, t.fates = sent, fates }

func (t *table) process(name string, kib, goroutines int) {
	line := fmt.Sprintf("| %s | %d MiB |", name, kib>>10)
	if goroutines > 0 {
		line += fmt.Sprintf(" %d |", goroutines)
	} else {
		line += " |"
	}
	t.services = append(t.services, line)
}

func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, "| fault | times | with flapping episodes | injected in at most | at rest and checked in at most | failed checks |\n|---|---|---|---|---|---|")
	for _, name := range t.order {
		r := t.rows[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %.1fs | %.1fs | %d |\n", name, r.times, r.flapping, r.injected.Seconds(), r.settled.Seconds(), r.wrong)
	}
	fmt.Fprintln(&b, "\n| check | times |\n|---|---|")
	for _, what := range slices.Sorted(maps.Keys(t.held)) {
		fmt.Fprintf(&b, "| %s | %d |\n", what, t.held[what])
	}
	fmt.Fprintf(&b, "\n%d messages were acknowledged. Greatest number of episodes by result:\n", t.sent)
	for _, what := range slices.Sorted(maps.Keys(t.fates)) {
		fmt.Fprintf(&b, "%s %d; ", what, t.fates[what])
	}
	fmt.Fprintf(&b, "\n\nA plain subscriber dropped %d events that the stream had refused.\n%d stored events and %d envelopes were compared, each with the previous one.\n", t.dropped, t.stored, t.envelopes)
	fmt.Fprintln(&b, "\n| process | memory at the peak | goroutines at the end |\n|---|---|---|")
	fmt.Fprint(&b, strings.Join(t.services, "\n"))
	return b.String()
}
