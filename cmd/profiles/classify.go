package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
	"github.com/cis490/profiles/model"
)

type classifyOptions struct {
	file       string
	model      string
	spec       string
	neighbours int
	json       bool
}

func classifyCommand() command {
	o := &classifyOptions{}
	cmd := &cobra.Command{
		Use:   "classify FILE.tar.zst [--model FILE] [flags]",
		Short: "find the profile of one episode, and show why",
		Long: `classify reads one archive and finds its most likely profile in a model, by the nearest
mean of a profile (lda) and by the nearest examples (knn). It shows the distances, the
runners-up, and which features decided. "None of these" means that the episode is farther
from the profile than the profile's own episodes are on hosts that a model does not know;
then it also shows which features are too far. It says what is wrong with the recording.
FILE "-" is standard input. Make a model with profiles fit --model-out. The channels are
those of the model; profiles curve FILE lists the channels of an archive. --spec says how
the archives of another fleet are written.

A distance of 1 is one standard deviation of an episode of a host that the model does not
know. docs/MODEL.md explains the limits.`,
		Example: `  profiles fit --store examples/recorded/store --model-out model.parquet
  profiles classify episode.tar.zst --model model.parquet
  profiles classify - --json < episode.tar.zst | jq '.[0].profile'`,
		Args: fileArgument(&o.file, "FILE.tar.zst"),
	}
	f := cmd.Flags()
	f.StringVar(&o.model, "model", defaultModel, "model `FILE`")
	f.StringVar(&o.spec, "spec", "", "spec, a YAML `FILE`, that says how the archive is written (default: the format of docs/EPISODES.md)")
	addNeighboursFlag(f, &o.neighbours)
	f.BoolVar(&o.json, "json", false, "print the verdicts as JSON")
	return command{cmd, o.validate, o.run}
}

func (o *classifyOptions) validate() error { return checkNeighbours(o.neighbours) }

// A methodVerdict is the verdict of one method.
type methodVerdict struct {
	Method    string `json:"method"`
	Abstained string `json:"abstained,omitempty"` // why the method has no answer
	WithGaps  int    `json:"with_gaps"`           // examples of the model that it does not use, since they have gaps
	// Quality has each kind of doubt about the recording, also if it is 0: about the first channel of the model, and its source.
	Quality map[fit.QualityKind]float32 `json:"quality"`
	model.Verdict
}

func (o *classifyOptions) run(_ context.Context, t *terminal) error {
	m, err := dataset.ReadModelFile(o.model)
	if err != nil {
		return err
	}
	spec, err := loadSpec(o.spec)
	if err != nil {
		return err
	}
	read, err := readToClassify(t, o.file, spec, m.Layout())
	if err != nil {
		return err
	}
	verdicts, err := classifyBy(model.Methods(o.neighbours), m, read)
	if err != nil {
		return fmt.Errorf("%s: %w", fileName(o.file), err)
	}
	return t.print(o.json, verdicts, func(out io.Writer) error {
		printWithGaps(out, m.WithGaps())
		read.printDoubts(out)
		for i, v := range verdicts {
			if i > 0 {
				fmt.Fprintln(out)
			}
			if err := v.print(out); err != nil {
				return err
			}
		}
		return nil
	})
}

// classifyBy returns the verdict of each method, or why it has none.
func classifyBy(methods []model.Method, m *model.Model, read classified) ([]methodVerdict, error) {
	quality := map[fit.QualityKind]float32{}
	for i, value := range read.quality.Values() {
		quality[fit.QualityKinds()[i]] = value
	}
	var verdicts []methodVerdict
	for _, method := range methods {
		v, err := method.Classify(m, read.vector)
		said := methodVerdict{Method: method.Name, WithGaps: m.WithGaps(), Quality: quality, Verdict: v}
		switch {
		case errors.Is(err, model.ErrGaps):
			said.Abstained = err.Error()
		case err != nil:
			return nil, err
		}
		verdicts = append(verdicts, said)
	}
	return verdicts, nil
}

// A classified is what was read of an episode that is classified.
type classified struct {
	vector   []float32
	quality  fit.Quality
	warnings []episode.Warning
}

// readToClassify reads an archive, in the format of a spec, for the channels of a layout. If the archive lacks the first channel,
// it is unusable, like one that lacks the channel of its profile.
func readToClassify(t *terminal, path string, spec *fit.Spec, l model.Layout) (classified, error) {
	if err := setLayout(spec, l); err != nil {
		return classified{}, err
	}
	aligned, err := readArchive(t, path, spec, l.Channels[0])
	if err != nil {
		return classified{}, err
	}
	vector, err := l.Vector(aligned.Signature)
	if err != nil {
		return classified{}, fmt.Errorf("%s: %w", fileName(path), err)
	}
	return classified{vector, aligned.Quality, aligned.Warnings}, nil
}

// printDoubts prints what is wrong with the recording, if it is more than good recordings have.
func (c classified) printDoubts(out io.Writer) {
	if !c.quality.Sloppy() && len(c.warnings) == 0 {
		return
	}
	fmt.Fprintln(out, "doubts about the recording, which a wrong answer or \"none of these\" may come from:")
	for i, value := range c.quality.Values() {
		if kind := fit.QualityKinds()[i]; value > 0 && !kind.Usual() {
			fmt.Fprintf(out, "  %s\n", kindText(kind, value))
		}
	}
	for _, w := range c.warnings {
		fmt.Fprintf(out, "  warning: %s\n", printable(w.Detail))
	}
	fmt.Fprintln(out)
}

// maxParts is how many parts of a distance are printed.
const maxParts = 6

func (v methodVerdict) print(out io.Writer) error {
	answer := plain.Name(string(v.Profile))
	switch {
	case v.Abstained != "":
		_, err := fmt.Fprintf(out, "%s: no answer: %s\n", v.Method, v.Abstained)
		return err
	case v.NoneOfThese:
		answer = "none of these; the nearest is " + answer
	case v.NoLimit:
		answer += " (it has too few examples for a limit: the answer cannot be none of these)"
	}
	fmt.Fprintf(out, "%s: %s\n", v.Method, answer)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  PROFILE\tDISTANCE\tNONE BEYOND\tP\tVOTES")
	for _, c := range append([]model.Candidate{v.Candidate}, v.RunnersUp...) {
		fence, p, votes := "-", "-", "-"
		if c.Fence != nil {
			fence = fmt.Sprintf("%.3f", *c.Fence)
		}
		if c.P != nil {
			p = fmt.Sprintf("%.3f", *c.P)
		}
		if v.Method == model.NameKNN {
			votes = fmt.Sprint(c.Votes)
		}
		fmt.Fprintf(w, "  %s\t%.3f\t%s\t%s\t%s\n", plain.Name(string(c.Profile)), c.Distance, fence, p, votes)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(v.RunnersUp) > 0 {
		fmt.Fprintf(out, "  DECIDED AGAINST %s (parts of the difference of the squared distances)\n", plain.Name(string(v.RunnersUp[0].Profile)))
		printParts(out, len(v.Decided), func(i int) (float64, string) { return v.Decided[i].Part, v.Decided[i].Words })
	}
	if v.NoneOfThese {
		fmt.Fprintf(out, "  TOO FAR FROM %s (parts of the squared distance)\n", plain.Name(string(v.Profile)))
		printParts(out, len(v.Excess), func(i int) (float64, string) { return v.Excess[i].Part, v.Excess[i].Words })
	}
	return nil
}

// printParts prints the first of n parts with their words, and the sum of the others.
func printParts(out io.Writer, n int, of func(int) (part float64, words string)) {
	rest := 0.0
	for i := range n {
		part, words := of(i)
		if i < maxParts {
			fmt.Fprintf(out, "  %+9.3f  %s\n", part, plain.Line(words))
		} else {
			rest += part
		}
	}
	if n > maxParts {
		fmt.Fprintf(out, "  %+9.3f  %d other features\n", rest, n-maxParts)
	}
}

// printWithGaps says how many examples of a model have gaps, if any have.
func printWithGaps(out io.Writer, n int) {
	if n > 0 {
		fmt.Fprintf(out, "examples with gaps, which no model uses: %d\n\n", n)
	}
}
