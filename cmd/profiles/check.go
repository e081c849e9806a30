package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/check"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
)

type checkOptions struct {
	source      sourceFlags
	spec        string
	sample      int
	concurrency int
	json        bool
}

func checkCommand() command {
	o := &checkOptions{}
	cmd := &cobra.Command{
		Use:   "check --store DIR [--validation FILE] [--spec FILE] [flags]",
		Short: "try which episodes of a store give a curve, and say why the others don't",
		Long: `check tries every accepted episode with the spec, as profiles fit does. By profile and host
it says how many give a curve. Of those that don't it gives each reason with one episode,
what was looked for in it, and what is there instead. Of those that do it says what is wrong
with the recordings: rows dropped, restarts and dips of counters, gaps, and so on. It names
episodes that have two archives with different suffixes: the first suffix counts.

Exit codes: 0 every episode gives a curve; 3 some give none; 4 some archives cannot be read.`,
		Example: `  profiles check --store examples/recorded/store
  profiles check --store store --validation list.csv --spec spec.yaml --sample 20
  profiles check --store store --spec spec.yaml --json | jq '.profiles[].without'`,
		Args: noArguments,
	}
	f := cmd.Flags()
	o.source.add(f, anyStore)
	addSpecFlag(f, &o.spec)
	f.IntVar(&o.sample, "sample", 0, "try `N` episodes of each profile (default: all)")
	f.IntVar(&o.concurrency, "concurrency", 0, "read `N` archives at once (default: the number of cores)")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	return command{cmd, o.validate, o.run}
}

func (o *checkOptions) validate() error {
	switch {
	case o.sample < 0:
		return fmt.Errorf("--sample is %d: it must be 0, which means all, or more", o.sample)
	case o.concurrency < 0 || o.concurrency > 1024:
		return fmt.Errorf("--concurrency is %d: it must be from 0 to 1024", o.concurrency)
	}
	return o.source.validate()
}

func (o *checkOptions) run(ctx context.Context, t *terminal) error {
	r, err := o.check(ctx, t)
	if err != nil {
		return err
	}
	if err := t.print(o.json, r, func(out io.Writer) error { return printCheck(out, r) }); err != nil {
		return err
	}
	without := r.Tried - r.Curves
	switch n := r.Unreadable(); {
	case n > 0:
		return unreadable(fmt.Errorf("%d of %d archives cannot be read, and %d more give no curve", n, r.Tried, without-n))
	case without > 0:
		return noCurve(fmt.Errorf("%d of %d episodes give no curve", without, r.Tried))
	case r.Tried == 0:
		return noCurve(fmt.Errorf("there is no episode to try: %s", r.Profiles[0].Unlisted))
	}
	return nil
}

func (o *checkOptions) check(ctx context.Context, t *terminal) (*check.Report, error) {
	spec, err := loadSpec(o.spec)
	if err != nil {
		return nil, err
	}
	limits, err := limits()
	if err != nil {
		return nil, err
	}
	file, err := o.source.validationFile(t.err)
	if err != nil {
		return nil, err
	}
	store, closeStore, err := openStore(ctx, t, o.source.store, spec.Format.Suffixes, nil)
	if err != nil {
		return nil, err
	}
	defer closeStore()
	rows, err := roster.Read(dataset.OpenValidation(file, spec.Validation), spec.Seed)
	if err != nil {
		return nil, err
	}
	first, all := rows.Malformed()
	warnMalformed(t.err, first, all)

	trying := t.progress("trying archives")
	defer trying.end()
	return check.Check(ctx, check.Config{
		Spec: spec, Limits: limits, Sample: o.sample, Concurrency: o.concurrency, Progress: trying.set,
	}, store, rows)
}

// printCheck prints the report: a table by profile and host, then what is to be said about each profile.
func printCheck(out io.Writer, r *check.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROFILE\tHOST\tTRIED\tCURVES")
	for _, p := range r.Profiles {
		fmt.Fprintf(w, "%s\tall\t%d\t%d\n", p.Name, p.Tried, p.Curves)
		for _, h := range p.Hosts[:min(maxPrintedLines, len(p.Hosts))] {
			fmt.Fprintf(w, "\t%s\t%d\t%d\n", h.Host, h.Tried, h.Curves)
		}
		if n := len(p.Hosts) - maxPrintedLines; n > 0 {
			fmt.Fprintf(w, "\tand %d more hosts\t\t\n", n)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range r.Profiles {
		printProfile(out, p)
	}
	for _, e := range r.Twice[:min(maxPrintedLines, len(r.Twice))] {
		fmt.Fprintf(out, "\n%s has %d archives: %s; the first suffix counts\n", e.Episode, len(e.Suffixes), plainList(e.Suffixes))
	}
	if n := len(r.Twice) - maxPrintedLines; n > 0 {
		fmt.Fprintf(out, "and %d more episodes have several archives\n", n)
	}
	_, err := fmt.Fprintf(out, "\n%d of %d episodes give a curve\n", r.Curves, r.Tried)
	return err
}

// printProfile prints what is to be said about a profile, if there is anything.
func printProfile(out io.Writer, p check.Profile) {
	if p.Unlisted == "" && len(p.Without)+len(p.Quality)+len(p.Warnings) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s, %s\n", p.Name, p.Channel)
	if p.Unlisted != "" {
		fmt.Fprintf(out, "  no episode: %s\n", printable(p.Unlisted))
	}
	for _, w := range p.Without {
		fmt.Fprintf(out, "  no curve: %d %s (%s), such as %s: %s\n", w.Episodes, w.Reason, w.Reason.Meaning(), w.Example, printable(w.Detail))
	}
	for _, q := range p.Quality {
		fmt.Fprintf(out, "  %s, in %s/%s\n", affectedText(q), q.Host, q.Episode)
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(out, "  warning in %d, such as %s: %s\n", w.Episodes, w.Example, printable(w.Detail))
	}
}

// affectedText says what is wrong with some episodes.
func affectedText(a fit.Affected) string {
	text := kindText(a.Kind, a.Worst)
	if a.Kind == fit.QualityLongest {
		return text
	}
	return fmt.Sprintf("%d with %s at most", a.Episodes, text)
}

// kindText says what is wrong with an episode, such as "2 restarts of the counter".
func kindText(kind fit.QualityKind, value float32) string {
	switch kind {
	case fit.QualityRowsDropped:
		return fmt.Sprintf("%g rows that were dropped", value)
	case fit.QualityRestarts:
		return fmt.Sprintf("%g restarts of the counter", value)
	case fit.QualityDips:
		return fmt.Sprintf("%g dips of the counter", value)
	case fit.QualityPeaks:
		return fmt.Sprintf("%g peaks of the counter", value)
	case fit.QualityUnknown:
		return fmt.Sprintf("%g steps whose increase is not known", value)
	case fit.QualityJumps:
		return fmt.Sprintf("%g jumps", value)
	case fit.QualityGaps:
		return fmt.Sprintf("%g rows without the channel", value)
	case fit.QualityEmpty:
		return fmt.Sprintf("%g points of the curve without a value", value)
	case fit.QualityLongest:
		return fmt.Sprintf("%.3g s without a sample at the longest", value)
	}
	return fmt.Sprintf("%g %s", value, kind)
}

// plainList joins texts that may come from elsewhere.
func plainList(texts []string) string {
	var list string
	for i, text := range texts {
		if i > 0 {
			list += ", "
		}
		list += plain.Name(text)
	}
	return list
}
