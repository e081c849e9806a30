package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
)

// A result is the envelope of a profile, to be written into a table.
type result struct {
	profile  fit.Profile
	unit     string // of the envelope
	envelope fit.Envelope
	without  map[fit.Reason]batch.Episodes // attempted episodes without a curve; nil if not known
	unlisted string                        // why the list has no episode of the profile; "" if it has one, or if not known
}

func resultOf(spec *fit.Spec, f batch.Fitted) result {
	return result{f.Profile, spec.Channel(f.Profile.Channel).Unit, f.Envelope, f.Without, f.Unlisted}
}

// A savedReport is the output of fit and export on stdout.
type savedReport struct {
	To       string         `json:"saved_to"`
	N        int            `json:"n_profiles"`
	Profiles []string       `json:"profiles"`
	Results  []resultReport `json:"results"` // of every profile of the spec
	// Warnings are about channels that may not be what they are taken for, each channel
	// once for all profiles.
	Warnings []warningReport `json:"warnings,omitempty"`
}

// A resultReport says how many episodes an envelope is made of, and why others are not in it.
type resultReport struct {
	Profile   fit.ProfileName `json:"profile"`
	Used      int             `json:"used"`
	Attempted int             `json:"attempted"`
	Fewest    int             `json:"n_fewest"` // the least number of episodes that have a value at a point of the envelope
	Without   []reasonReport  `json:"without,omitempty"`
	Quality   []fit.Affected  `json:"quality,omitempty"` // of the episodes that are used
	Why       string          `json:"why,omitempty"`     // the list has no episode of the profile
}

// A reasonReport describes the episodes that gave no curve for one reason.
type reasonReport struct {
	Reason   fit.Reason `json:"reason"`
	Episodes int        `json:"episodes"`
	Example  string     `json:"example,omitempty"` // <host>/<episode>
	Detail   string     `json:"detail"`            // about the example
}

// A warningReport describes the episodes in which a channel may not be what it is taken
// for.
type warningReport struct {
	Kind     episode.WarningKind `json:"kind"`
	Channel  string              `json:"channel"`
	Episodes int                 `json:"episodes"`
	Example  string              `json:"example"` // <host>/<episode>
	Detail   string              `json:"detail"`  // about the example
}

// String returns text such as "looks_like_counter in 12 episodes, for example
// lab-01/ep-7: net.rx is read as a gauge, but ...".
func (w warningReport) String() string {
	return fmt.Sprintf("%s in %d episodes, for example %s: %s", w.Kind, w.Episodes, plain.Line(w.Example), printable(w.Detail))
}

// warningsOf returns the warnings of all profiles, each kind and channel once.
func warningsOf(fitted []batch.Fitted) []warningReport {
	var all []warningReport
	for _, f := range fitted {
		for _, w := range f.Warnings {
			channel := w.Channel.String()
			i := slices.IndexFunc(all, func(x warningReport) bool { return x.Kind == w.Kind && x.Channel == channel })
			if i >= 0 {
				all[i].Episodes += w.Count
				continue
			}
			all = append(all, warningReport{w.Kind, channel, w.Count, w.Example.String(), w.Detail})
		}
	}
	return all
}

func (r result) report() resultReport {
	e := r.envelope
	report := resultReport{Profile: r.profile.Name, Used: e.Used, Attempted: e.Attempted, Fewest: e.Used, Quality: e.Quality, Why: r.unlisted}
	for _, n := range e.N {
		report.Fewest = min(report.Fewest, n)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.without)) {
		w := r.without[reason]
		x := reasonReport{Reason: reason, Episodes: w.Count, Detail: w.Detail}
		if w.Example != (episode.Ref{}) {
			x.Example = w.Example.String()
		}
		report.Without = append(report.Without, x)
	}
	return report
}

// String returns text such as "12 no_source, for example lab-01/ep-7: no channel proc.x".
func (r reasonReport) String() string {
	text := fmt.Sprintf("%d %s", r.Episodes, r.Reason)
	if r.Example != "" {
		text += ", for example " + plain.Line(r.Example)
	}
	return text + ": " + printable(r.Detail)
}

// save writes the profiles that have a usable episode and prints lines about every
// profile. If no profile has one it writes nothing and fails.
func save(t *terminal, path string, results []result, warnings []warningReport, generation fit.Generation, sampler batch.Sampler) error {
	s := savedReport{To: path, Profiles: []string{}, Warnings: warnings}
	var rows []dataset.AttackProfile
	for _, r := range results {
		s.Results = append(s.Results, r.report())
		if r.envelope.Used > 0 {
			rows = append(rows, dataset.NewAttackProfile(r.profile, r.unit, r.envelope))
			s.Profiles = append(s.Profiles, string(r.profile.Name))
		}
	}
	if len(rows) > 0 {
		meta := map[string]string{"generation": string(generation), "sampler": string(sampler)}
		if err := t.writeTable(path, rows, meta); err != nil {
			return err
		}
	}
	for _, r := range results {
		r.print(t.err)
	}
	for _, w := range warnings {
		fmt.Fprintf(t.err, "warning: %s\n", w)
	}
	if len(rows) == 0 {
		return noneUsable("no profile has a usable episode, so nothing was written", s.Results)
	}
	s.N = len(rows)
	report := t.out
	if path == dash { // standard output has the table
		report = t.err
	}
	return json.NewEncoder(report).Encode(s)
}

func (r result) print(w io.Writer) {
	e := r.envelope
	fmt.Fprintf(w, "%-16s used %d of %d attempted", r.profile.Name, e.Used, e.Attempted)
	if e.Used > 0 {
		fmt.Fprintf(w, ", %s", span(e.Min, e.Max, r.unit))
	}
	if r.unlisted != "" {
		fmt.Fprintf(w, ": %s", r.unlisted)
	}
	fmt.Fprintln(w)
	report := r.report()
	for _, reason := range report.Without {
		fmt.Fprintf(w, "  %s\n", reason)
	}
	for _, a := range report.Quality {
		text := qualityText(a, e.Used)
		if a.Kind == fit.QualityEmpty {
			text += fmt.Sprintf("; at one point only %d have a value", report.Fewest)
		}
		if text != "" {
			fmt.Fprintf(w, "  %s\n", text)
		}
	}
}

// usualGap is the longest time in seconds without a sample that is not mentioned.
// Every recording has such times; slow recorders take a sample each second.
const usualGap = 2

// qualityText returns text such as "3 of 100 have restarts (worst 4, lab-02/ep-9)", or ""
// if that is usual.
func qualityText(a fit.Affected, used int) string {
	if a.Kind != fit.QualityLongest {
		return fmt.Sprintf("%d of %d have %s (worst %s, %s/%s)",
			a.Episodes, used, strings.ReplaceAll(string(a.Kind), "_", " "), short(float64(a.Worst)), plain.Name(a.Host), plain.Name(a.Episode))
	}
	if a.Worst <= usualGap {
		return ""
	}
	return fmt.Sprintf("the longest time without a sample is %s s (%s/%s)", short(float64(a.Worst)), plain.Name(a.Host), plain.Name(a.Episode))
}

// noneUsable returns an error that says why no profile has a usable episode: how many
// episodes of all profiles gave no curve for each reason, with one example, and why the
// list has no episode of a profile.
func noneUsable(what string, results []resultReport) error {
	var whys []string
	for _, reason := range sumReasons(results) {
		whys = append(whys, reason.String())
	}
	const most = 2
	unlisted := 0
	for _, r := range results {
		if r.Why == "" || slices.Contains(whys, r.Why) {
			continue
		}
		if unlisted++; unlisted <= most {
			whys = append(whys, r.Why)
		}
	}
	if more := unlisted - most; more > 0 {
		whys = append(whys, fmt.Sprintf("and so on for %d more profiles", more))
	}
	if len(whys) == 0 {
		return errors.New(what)
	}
	return fmt.Errorf("%s: %s", what, strings.Join(whys, "; "))
}

// sumReasons adds up the episodes of all profiles by reason. The example is that of the
// first profile.
func sumReasons(results []resultReport) []reasonReport {
	var sums []reasonReport
	for _, r := range results {
		for _, x := range r.Without {
			i := slices.IndexFunc(sums, func(sum reasonReport) bool { return sum.Reason == x.Reason })
			if i < 0 {
				sums = append(sums, x)
			} else {
				sums[i].Episodes += x.Episodes
			}
		}
	}
	return sums
}

// maxDetail is the most bytes of a detail that are printed.
const maxDetail = 400

// printable returns text that may come from an archive as one line that a terminal
// prints as it is.
func printable(text string) string { return plain.Cut(text, maxDetail) }

// reasonCounts returns text such as "2 corrupt, 1 missing".
func reasonCounts(counts map[fit.Reason]int) string {
	var texts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	return strings.Join(texts, ", ")
}
