package main

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/model"
)

type evaluateOptions struct {
	source   sourceFlags
	spec     string
	model    string
	features string
	target   int
	k        int
	json     bool
}

func evaluateCommand(t *terminal) *cobra.Command {
	var o evaluateOptions
	cmd := &cobra.Command{
		Use:   "evaluate --store DIR [--validation FILE] [--model FILE] [flags]",
		Short: "measure how well a model tells the profiles apart",
		Long: `evaluate classifies the accepted episodes of a store by the nearest envelope
and by the nearest examples (knn), always by a model that was not fitted on
them: with --model by that one, leaving out the episodes that it was fitted on;
else once by the model of all other episodes (leave-one-episode-out) and once by
that of all other hosts' (leave-one-host-out).

An answer is right where the likeliest profile is the episode's, also where it
is "none of these". The interval is Wilson's, 95%; the baseline names the most
frequent profile always. Latency is that of one classification, from vector to
verdict; reading the archive is not in it.`,
		Example: `  profiles evaluate --store examples/recorded/store
  profiles evaluate --store examples/recorded/store --features reference
  profiles evaluate --model model.parquet --store other/store --json`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	o.source.add(f, anyStore)
	f.StringVar(&o.model, "model", "", "fitted model `FILE` (default: leave out episodes and hosts in turn)")
	addFeaturesFlag(f, &o.features)
	f.IntVar(&o.target, "n-episodes-per-profile", 100, "`N` usable episodes of each profile; goes over the spec's target")
	addSpecFlag(f, &o.spec)
	addNeighboursFlag(f, &o.k)
	f.BoolVar(&o.json, "json", false, "print everything as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runEvaluate(cmd, t, o) }
	return cmd
}

// A split is a way to keep episodes from the model that is to know them.
type split struct {
	Name   string        `json:"split"`
	Known  int           `json:"left_out"` // episodes that the model was fitted on
	Scores []model.Score `json:"scores"`
	folds  iter.Seq2[model.Fold, error]
}

func runEvaluate(cmd *cobra.Command, t *terminal, o evaluateOptions) error {
	if err := checkNeighbours(o.k); err != nil {
		return err
	}
	if o.model != "" && cmd.Flags().Changed("features") {
		return usagef("--features: the model has its own")
	}
	spec, err := loadSpec(o.spec)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("n-episodes-per-profile") {
		spec.Target = o.target
	}
	var fitted *model.Model
	var layout model.Layout
	if o.model != "" {
		if fitted, err = dataset.ReadModelFile(o.model); err != nil {
			return err
		}
		layout = fitted.Layout()
		err = follow(spec, layout)
	} else {
		layout, err = layoutOf(spec, o.features)
	}
	if err != nil {
		return err
	}
	if err := spec.Validate(); err != nil {
		return usage(err)
	}
	episodes, err := readExamples(cmd.Context(), t, o.source, spec, layout)
	if err != nil {
		return err
	}
	splits, err := splitsOf(fitted, layout, episodes)
	if err != nil {
		return err
	}
	began := time.Now()
	for i, s := range splits {
		splits[i].Scores, err = model.Evaluate(s.folds, model.Methods(o.k), func() time.Duration { return time.Since(began) })
		if err != nil {
			return err
		}
	}
	if o.json {
		return json.NewEncoder(t.out).Encode(struct {
			Layout model.Layout `json:"layout"`
			K      int          `json:"k"`
			Splits []split      `json:"splits"`
		}{layout, o.k, splits})
	}
	for i, s := range splits {
		if i > 0 {
			fmt.Fprintln(t.out)
		}
		if err := s.print(t.out); err != nil {
			return err
		}
	}
	return nil
}

// splitsOf makes the splits: one of a fitted model, or the two that leave out
// what they test.
func splitsOf(fitted *model.Model, layout model.Layout, episodes []model.Example) ([]split, error) {
	if fitted == nil {
		m, err := model.New(layout, episodes)
		if err != nil {
			return nil, err
		}
		return []split{
			{Name: "leave-one-episode-out", folds: m.LeaveOneEpisodeOut()},
			{Name: "leave-one-host-out", folds: m.LeaveOneHostOut()},
		}, nil
	}
	test := fitted.Unknown(episodes)
	if len(test) == 0 {
		return nil, fmt.Errorf("the model was fitted on all %d episodes: name another store, or leave out --model", len(episodes))
	}
	folds := func(yield func(model.Fold, error) bool) { yield(model.Fold{Model: fitted, Test: test}, nil) }
	return []split{{Name: "fitted model", Known: len(episodes) - len(test), folds: folds}}, nil
}

func (s split) print(out io.Writer) error {
	fmt.Fprintf(out, "%s", s.Name)
	if s.Known > 0 {
		fmt.Fprintf(out, " (%d episodes that it was fitted on are left out)", s.Known)
	}
	fmt.Fprintln(out)
	for _, score := range s.Scores {
		if err := printScore(out, score); err != nil {
			return err
		}
	}
	return nil
}

func printScore(out io.Writer, s model.Score) error {
	fmt.Fprintf(out, "\n  %s: %d of %d right, accuracy %.3f (95%% from %.3f to %.3f, Wilson; baseline %.3f)\n",
		s.Method, s.Right, s.Episodes, s.Accuracy, s.Low, s.High, s.Baseline)
	if s.NoneOfThese > 0 {
		fmt.Fprintf(out, "  %d were answered \"none of these\"; of the others %.3f are right\n", s.NoneOfThese, s.RightOfAnswered)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "  IS \\ SAID\t")
	for _, p := range s.Profiles {
		fmt.Fprintf(w, "%s\t", p)
	}
	fmt.Fprintln(w)
	for i, row := range s.Confusion {
		fmt.Fprintf(w, "  %s\t", s.Profiles[i])
		for _, n := range row {
			fmt.Fprintf(w, "%s\t", orDot(n))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, miss := range s.Wrong {
		said := string(miss.Said)
		if miss.None {
			said = "none of these, nearest " + said
		}
		fmt.Fprintf(out, "  wrong: %s/%s is %s, said %s\n", miss.Host, miss.Episode, miss.Profile, said)
	}
	l := s.Latency
	fmt.Fprintf(out, "  latency: p50 %.0f µs, p90 %.0f µs, p99 %.0f µs, max %.0f µs;", l.P50, l.P90, l.P99, l.Max)
	for _, b := range l.Buckets {
		fmt.Fprintf(out, " ≤%g:%d", b.UpTo, b.N)
	}
	_, err := fmt.Fprintln(out)
	return err
}

func orDot(n int) string {
	if n == 0 {
		return "."
	}
	return strconv.Itoa(n)
}
