package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/plain"
)

// How much of long lists is printed. --json has all of them.
const (
	maxPrintedMembers = 40
	maxPrintedFields  = 60
	maxPrintedWalks   = 5
	maxPrintedLabels  = 20
	maxPrintedLines   = 20
)

// printStore prints what a store holds.
func printStore(out io.Writer, r *inspect.StoreReport) error {
	fmt.Fprintf(out, "%d files of %d hosts; %d archives were read\n", r.Files, r.Hosts, r.Summary.Archives+len(r.Unreadable))
	for _, s := range r.Suffixes[:min(maxPrintedLines, len(r.Suffixes))] {
		note := ""
		if !s.Archive {
			note = ", not the name of an archive"
		}
		fmt.Fprintf(out, "  %d files end in %s%s\n", s.Files, plain.Name(s.Suffix), note)
	}
	if r.Twice > 0 {
		fmt.Fprintf(out, "  %d episodes have two archives with different suffixes, such as %s\n", r.Twice, plain.Name(r.TwiceFirst))
	}
	if len(r.LeftOut) > 0 {
		fmt.Fprintf(out, "  left out, since only <host>/<episode><suffix> counts: %s%s\n", inspect.Quoted(r.LeftOut), more(r.MoreLeft))
	}
	fmt.Fprintln(out)
	if err := printSummary(out, r.Summary); err != nil {
		return err
	}
	printList(out, "DIFFERENCES", r.Differ)
	printFaults(out, "CANNOT BE READ", r.Unreadable)
	printFaults(out, "GIVE NO CURVE", r.NoCurve)
	return nil
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

func printList(out io.Writer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", title)
	for _, line := range lines[:min(maxPrintedLines, len(lines))] {
		fmt.Fprintf(out, "  %s\n", printable(line))
	}
	if n := len(lines) - maxPrintedLines; n > 0 {
		fmt.Fprintf(out, "  and %d more\n", n)
	}
}

func printFaults(out io.Writer, title string, faults []inspect.Unreadable) {
	var lines []string
	for _, f := range faults {
		lines = append(lines, fmt.Sprintf("%s: %s", plain.Name(f.Archive), f.Error))
	}
	printList(out, title, lines)
}

// printSummary prints what archives hold together.
func printSummary(out io.Writer, s *inspect.Summary) error {
	printMembers(out, s)
	for _, m := range s.Members {
		if m.Kind == inspect.JSONLines || m.Kind == inspect.CSV || m.Kind == inspect.Document {
			if err := printFields(out, s, m); err != nil {
				return err
			}
		}
	}
	printWalks(out, s)
	return nil
}

func printMembers(out io.Writer, s *inspect.Summary) {
	var compressions []string
	for _, c := range slices.Sorted(maps.Keys(s.Compressions)) {
		compressions = append(compressions, fmt.Sprintf("%s %d", c, s.Compressions[c]))
	}
	fmt.Fprintf(out, "archives by compression: %s; %s as files\n\n", strings.Join(compressions, ", "), bytesText(s.Bytes))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MEMBER\tARCHIVES\tSIZE\tWHAT")
	for _, m := range s.Members[:min(maxPrintedMembers, len(s.Members))] {
		fmt.Fprintf(w, "%s\t%d of %d\t%s\t%s\n", plain.Name(m.Name), m.Archives, s.Archives, bytesText(m.Bytes), memberText(s, m))
	}
	_ = w.Flush() // a terminal, as the rest of the output
	if n := max(0, len(s.Members)-maxPrintedMembers) + s.MoreMembers; n > 0 {
		fmt.Fprintf(out, "and %d more members\n", n)
	}
}

// memberText says what a member is.
func memberText(s *inspect.Summary, m *inspect.Member) string {
	text := map[inspect.Kind]string{
		inspect.JSONLines: "JSON lines", inspect.CSV: "CSV", inspect.Document: "one JSON object", inspect.Other: "not read",
	}[m.Kind]
	if m.Kind == inspect.JSONLines || m.Kind == inspect.CSV {
		text += fmt.Sprintf(", %d rows", m.Rows)
	}
	if s.Labels != nil && s.Labels.Member == m.Name {
		text += "; looks like the labels"
	}
	if s.Meta != nil && s.Meta.Member == m.Name && s.Meta.Duration != "" {
		text += "; has the duration"
	}
	if slices.ContainsFunc(s.Sources, func(src inspect.Source) bool { return src.Member == m.Name }) {
		text += "; looks like telemetry"
	}
	if m.BadRows > 0 {
		text += fmt.Sprintf("; %d lines are no rows", m.BadRows)
	}
	if m.FirstRows > 0 {
		text += "; " + firstRowsText(m.FirstRows)
	}
	if m.Note != "" {
		text += "; " + printable(m.Note)
	}
	return text
}

// firstRowsText says that an archive has more rows than were looked at.
func firstRowsText(rows int) string {
	return fmt.Sprintf("only the first %d rows of an archive were looked at", rows)
}

// printFields prints the fields of a member.
func printFields(out io.Writer, s *inspect.Summary, m *inspect.Member) error {
	fmt.Fprintf(out, "\n%s\n", plain.Name(m.Name))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  FIELD\tROWS\tLEAST\tGREATEST\tWHAT")
	for _, f := range m.Fields[:min(maxPrintedFields, len(m.Fields))] {
		least, greatest := "", ""
		if f.Least != nil && !f.IsDate() {
			least, greatest = numberText(*f.Least), numberText(*f.Greatest)
		}
		fmt.Fprintf(w, "  %s\t%d\t%s\t%s\t%s\n", plain.Name(f.Path), f.Rows, least, greatest, strings.Join(fieldText(s, m, f), "; "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if n := max(0, len(m.Fields)-maxPrintedFields); n > 0 {
		fmt.Fprintf(out, "  and %d more fields\n", n)
	}
	if m.MoreFields > 0 {
		fmt.Fprintf(out, "  further fields were left out, since there are too many or their names are too long\n")
	}
	return nil
}

// fieldText says what a field looks like.
func fieldText(s *inspect.Summary, m *inspect.Member, f *inspect.Field) []string {
	var texts []string
	add := func(format string, args ...any) { texts = append(texts, fmt.Sprintf(format, args...)) }
	unit := f.EpochUnit()
	switch {
	case s.TimeOf(m.Name) == f.Path:
		add("the time, %s", timeText(s, f, unit))
	case unit != "" && f.Rises > f.Falls:
		add("a time, %s", timeText(s, f, unit))
	case s.Meta != nil && s.Meta.Member == m.Name && s.Meta.Duration == f.Path:
		add("looks like the duration, in %s", s.Meta.Unit)
	case m.Kind == inspect.Document:
	case f.Constant():
		add("never changes")
	case f.LooksLikeCounter():
		add("looks like a counter")
	case f.IsNumber():
		add("falls in %d of %d steps", f.Falls, f.Rises+f.Falls+f.Repeats)
	}
	if f.Quoted > 0 {
		add("%d are strings that are numbers", f.Quoted)
	}
	if len(f.Words) > 0 {
		words := inspect.Quoted(f.Words)
		if f.ManyWords {
			words += " and more"
		}
		add("words: %s", words)
	}
	if f.Others > 0 {
		add("%d are no numbers and no strings", f.Others)
	}
	if f.Archives < m.Archives {
		add("in %d of %d archives", f.Archives, m.Archives)
	}
	return texts
}

// timeText says when a time begins and ends, and in which unit it is.
func timeText(s *inspect.Summary, f *inspect.Field, unit episode.TimeUnit) string {
	back := ""
	if f.Falls > 0 {
		back = fmt.Sprintf(", %d steps back", f.Falls)
	}
	if unit == "" {
		return "not since 1970" + back
	}
	per := inspect.PerSecond(unit)
	what := string(unit) + " since 1970"
	if unit == episode.RFC3339 {
		what = "as in RFC 3339"
	}
	in := ""
	if s.Archives > 1 {
		in = " in an archive at most"
	}
	return fmt.Sprintf("%s: %s to %s, %.5g s%s%s", what, dateText(*f.Least/per), dateText(*f.Greatest/per), f.Span/per, in, back)
}

func dateText(seconds float64) string {
	return time.UnixMilli(int64(seconds * 1e3)).UTC().Format("2006-01-02 15:04:05")
}

// printWalks prints the labels of the first archives.
func printWalks(out io.Writer, s *inspect.Summary) {
	if s.Labels == nil {
		return
	}
	fmt.Fprintf(out, "\nLABELS: member %s, time %s in %s, phase %s\n", plain.Name(s.Labels.Member), plain.Name(s.Labels.Time), s.Labels.Unit, plain.Name(s.Labels.Phase))
	for _, w := range s.Walks[:min(maxPrintedWalks, len(s.Walks))] {
		var labels []string
		for _, l := range w.Labels[:min(maxPrintedLabels, len(w.Labels))] {
			phase := "no phase"
			if l.Phase != "" {
				phase = plain.Name(l.Phase)
			}
			labels = append(labels, fmt.Sprintf("%s at %.4g s", phase, l.Time))
		}
		if n := len(w.Labels) - maxPrintedLabels; n > 0 {
			labels = append(labels, fmt.Sprintf("and %d more", n))
		}
		if s.Archives > 1 {
			fmt.Fprintf(out, "  %s: ", plain.Name(w.Archive))
		} else {
			fmt.Fprint(out, "  ")
		}
		fmt.Fprintln(out, strings.Join(labels, ", "))
	}
	if n := len(s.Walks) - maxPrintedWalks; n > 0 {
		fmt.Fprintf(out, "  and %d more archives\n", n)
	}
}

// numberText returns a number with all digits of an integer, else six.
func numberText(n float64) string {
	if n == float64(int64(n)) {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return strconv.FormatFloat(n, 'g', 6, 64)
}

// bytesText returns a size such as 12.3 kB.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
