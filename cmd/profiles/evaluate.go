package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
	"github.com/cis490/profiles/model"
)

type evaluateOptions struct {
	source     sourceFlags
	spec       string
	model      string
	features   string
	target     int
	neighbours int
	json       bool
	given      func(flag string) bool // reports whether a flag is on the command line
}

func evaluateCommand() command {
	o := &evaluateOptions{}
	cmd := &cobra.Command{
		Use:   "evaluate --store DIR [--validation FILE] [--model FILE] [flags]",
		Short: "measure how often a model finds the right profile",
		Long: `evaluate classifies the accepted episodes of a store by the nearest mean of a profile
(lda) and by the nearest examples (knn), always with a model that was not fitted on them. With --model it
uses that model and leaves out the episodes that the model was fitted on. Without --model
it classifies each episode twice: with a model of all other episodes
(leave-one-episode-out) and with a model of all other hosts (leave-one-host-out).

An answer is right if its most likely profile is the episode's, even if the answer is
"none of these". The interval is Wilson's with 95%; the baseline always answers the most
frequent profile. The latency is that of one classification, without reading the archive.

Without --model it also lists the suspects: episodes that look like another profile than
the one that they are accepted for, by medians, which a few wrong labels do not move.`,
		Example: `  profiles evaluate --store examples/recorded/store
  profiles evaluate --store examples/recorded/store --features reference
  profiles evaluate --model model.parquet --store other/store --json`,
		Args: noArguments,
	}
	f := cmd.Flags()
	o.given = f.Changed
	o.source.add(f, anyStore)
	f.StringVar(&o.model, "model", "", "fitted model `FILE` (default: leave out episodes and hosts in turn)")
	addFeaturesFlag(f, &o.features)
	f.IntVar(&o.target, "n-episodes-per-profile", fit.DefaultSpec().Target, "number `N` of usable episodes of each profile; overrides the spec's target")
	addSpecFlag(f, &o.spec)
	addNeighboursFlag(f, &o.neighbours)
	f.BoolVar(&o.json, "json", false, "print everything as JSON")
	return command{cmd, o.validate, o.run}
}

func (o *evaluateOptions) validate() error {
	if o.model != "" && o.given("features") {
		return errors.New("--features: the model has its own")
	}
	return cmp.Or(checkNeighbours(o.neighbours), o.source.validate())
}

// An evaluation is the output of the command.
type evaluation struct {
	Layout model.Layout `json:"layout"`
	K      int          `json:"k"`
	// WithGaps is how many examples have gaps, so that no model uses them.
	WithGaps int             `json:"with_gaps"`
	Splits   []split         `json:"splits"`
	Suspects []model.Suspect `json:"suspects"` // empty with --model
}

// A split is a way to keep the episodes to be classified out of the model.
type split struct {
	Name   string        `json:"split"`
	Known  int           `json:"left_out"` // episodes that the model was fitted on
	Scores []model.Score `json:"scores"`
	folds  iter.Seq[model.Fold]
}

func (o *evaluateOptions) run(ctx context.Context, t *terminal) error {
	spec, err := loadSpec(o.spec)
	if err != nil {
		return err
	}
	if o.given("n-episodes-per-profile") {
		spec.Target = o.target
	}
	fitted, layout, err := o.loadModel(spec)
	if err != nil {
		return err
	}
	if err := spec.Validate(); err != nil {
		return usage(err)
	}
	episodes, err := o.readExamples(ctx, t, spec, layout)
	if err != nil {
		return err
	}
	e := evaluation{Layout: layout, K: o.neighbours, Suspects: []model.Suspect{}}
	stop := func() error { return context.Cause(ctx) }
	if fitted == nil {
		err = e.leaveOut(stop, episodes)
	} else {
		err = e.useFitted(fitted, episodes)
	}
	if err != nil {
		return err
	}
	began := time.Now()
	for i, s := range e.Splits {
		e.Splits[i].Scores, err = model.Evaluate(stop, s.folds, model.Methods(o.neighbours), func() time.Duration { return time.Since(began) })
		if err != nil {
			return err
		}
	}
	return t.print(o.json, e, e.print)
}

// loadModel returns the model of --model, nil without it, and the layout of its
// vectors. It changes the spec so that it reads what the layout needs.
func (o *evaluateOptions) loadModel(spec *fit.Spec) (*model.Model, model.Layout, error) {
	if o.model == "" {
		layout, err := layoutOf(spec, o.features)
		return nil, layout, err
	}
	fitted, err := dataset.ReadModelFile(o.model)
	if err != nil {
		return nil, model.Layout{}, err
	}
	return fitted, fitted.Layout(), setLayout(spec, fitted.Layout())
}

// readExamples reads the samples of the source.
func (o *evaluateOptions) readExamples(ctx context.Context, t *terminal, spec *fit.Spec, layout model.Layout) ([]model.Example, error) {
	x := examples{layout: layout}
	fitted, err := o.source.fit(ctx, t, batch.Config{Spec: spec, Signatures: true, Aligned: x.add})
	if err := cmp.Or(err, x.err); err != nil {
		return nil, err
	}
	without := map[fit.Reason]int{}
	for _, f := range fitted {
		for reason, w := range f.Without {
			without[reason] += w.Count
		}
	}
	if len(without) > 0 {
		fmt.Fprintf(t.err, "left out: %s\n", reasonCounts(without))
	}
	if len(x.all) == 0 {
		var reports []resultReport
		for _, f := range fitted {
			reports = append(reports, resultOf(spec, f).report())
		}
		return nil, noneUsable("no profile has a usable episode", reports)
	}
	return x.all, nil
}

// leaveOut makes two splits: each classifies episodes with models of the other ones.
func (e *evaluation) leaveOut(stop func() error, episodes []model.Example) error {
	m, err := model.New(e.Layout, episodes)
	if err != nil {
		return err
	}
	labels, err := model.NewLabels(stop, e.Layout, episodes)
	if err != nil {
		return err
	}
	suspects, err := labels.Suspects(stop)
	if err != nil {
		return err
	}
	e.WithGaps = m.WithGaps()
	e.Suspects = append(e.Suspects, suspects...)
	e.Splits = []split{
		{Name: "leave-one-episode-out", folds: m.LeaveOneEpisodeOut()},
		{Name: "leave-one-host-out", folds: m.LeaveOneHostOut()},
	}
	return nil
}

// useFitted makes one split: a fitted model classifies the episodes that it was not fitted on.
func (e *evaluation) useFitted(fitted *model.Model, episodes []model.Example) error {
	test := fitted.Unknown(episodes)
	if len(test) == 0 {
		return fmt.Errorf("the model was fitted on all %d episodes: use another store, or omit --model", len(episodes))
	}
	e.WithGaps = fitted.WithGaps()
	folds := func(yield func(model.Fold) bool) { yield(model.Fold{Model: fitted, Test: test}) }
	e.Splits = []split{{Name: "fitted model", Known: len(episodes) - len(test), folds: folds}}
	return nil
}

func (e evaluation) print(out io.Writer) error {
	printWithGaps(out, e.WithGaps)
	for i, s := range e.Splits {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprint(out, s.Name)
		if s.Known > 0 {
			fmt.Fprintf(out, " (%d episodes that it was fitted on are left out)", s.Known)
		}
		fmt.Fprintln(out)
		for _, score := range s.Scores {
			if err := printScore(out, score); err != nil {
				return err
			}
		}
	}
	for _, s := range e.Suspects {
		fmt.Fprintf(out, "\nsuspect: %s/%s is accepted for %s, looks like %s", plain.Name(s.Host), plain.Name(s.Episode), s.Profile, s.LooksLike)
	}
	if len(e.Suspects) > 0 {
		fmt.Fprintln(out)
	}
	return nil
}

func printScore(out io.Writer, s model.Score) error {
	fmt.Fprintf(out, "\n  %s: %d of %d right, accuracy %.3f (95%% from %.3f to %.3f, Wilson; baseline %.3f)\n",
		s.Method, s.Right, s.Episodes, s.Accuracy, s.Low, s.High, s.Baseline)
	if s.NoneOfThese > 0 {
		fmt.Fprintf(out, "  %d answers are \"none of these\", %d of them to episodes of known profiles; %.3f of the other answers are right\n",
			s.NoneOfThese, s.FalselyNone, s.RightOfAnswered)
	}
	if s.Abstained > 0 {
		fmt.Fprintf(out, "  %d episodes have no answer, since they have gaps\n", s.Abstained)
	}
	if err := printConfusion(out, s); err != nil {
		return err
	}
	for _, miss := range s.Wrong {
		said := cmp.Or(string(miss.Said), "missing")
		if miss.None {
			said = "none of these, nearest " + said
		}
		fmt.Fprintf(out, "  wrong: %s/%s is %s, answer %s\n", plain.Name(miss.Host), plain.Name(miss.Episode), miss.Profile, said)
	}
	l := s.Latency
	fmt.Fprintf(out, "  latency: p50 %.0f µs, p90 %.0f µs, p99 %.0f µs, max %.0f µs;", l.P50, l.P90, l.P99, l.Max)
	for _, b := range l.Buckets {
		fmt.Fprintf(out, " ≤%g:%d", b.UpTo, b.N)
	}
	_, err := fmt.Fprintln(out)
	return err
}

// printConfusion prints a row for each profile and a column for each answer.
func printConfusion(out io.Writer, s model.Score) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "  IS \\ ANSWER\t")
	for _, p := range s.Profiles {
		fmt.Fprintf(w, "%s\t", p)
	}
	fmt.Fprintln(w)
	for i, row := range s.Confusion {
		fmt.Fprintf(w, "  %s\t", s.Profiles[i])
		for _, n := range row {
			cell := "."
			if n > 0 {
				cell = strconv.Itoa(n)
			}
			fmt.Fprintf(w, "%s\t", cell)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
