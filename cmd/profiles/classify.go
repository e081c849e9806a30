package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

type classifyOptions struct {
	file       string
	model      string
	neighbours int
	json       bool
}

func classifyCommand() command {
	o := &classifyOptions{}
	cmd := &cobra.Command{
		Use:   "classify FILE.tar.zst [--model FILE] [flags]",
		Short: "find the profile of one episode, and show why",
		Long: `classify reads one archive and finds its most likely profile in a model, by the nearest
envelope and by the nearest examples. It shows the distances, the runners-up, and which
channels and phases decided. "None of these" means that the episode is farther from the
profile than the profile's own episodes are. FILE "-" is standard input. Make a model
with profiles fit --model-out.

Distances are means over all features. With the features "levels" a distance is the mean
difference of log(1+rate), so 0.7 is a factor of two.`,
		Example: `  profiles fit --store examples/recorded/store --model-out model.parquet
  profiles classify episode.tar.zst --model model.parquet
  profiles classify - --json < episode.tar.zst | jq '.[0].profile'`,
		Args: fileArgument(&o.file, "FILE.tar.zst"),
	}
	f := cmd.Flags()
	f.StringVar(&o.model, "model", defaultModel, "model `FILE`")
	addNeighboursFlag(f, &o.neighbours)
	f.BoolVar(&o.json, "json", false, "print the verdicts as JSON")
	return command{cmd, o.validate, o.run}
}

func (o *classifyOptions) validate() error { return checkNeighbours(o.neighbours) }

// A methodVerdict is the verdict of one method.
type methodVerdict struct {
	Method string `json:"method"`
	model.Verdict
}

func (o *classifyOptions) run(_ context.Context, t *terminal) error {
	m, err := dataset.ReadModelFile(o.model)
	if err != nil {
		return err
	}
	vector, err := readVector(t, o.file, m.Layout())
	if err != nil {
		return err
	}
	var verdicts []methodVerdict
	for _, method := range model.Methods(o.neighbours) {
		v, err := method.Classify(m, vector)
		if err != nil {
			return fmt.Errorf("%s: %w", fileName(o.file), err)
		}
		verdicts = append(verdicts, methodVerdict{method.Name, v})
	}
	return t.print(o.json, verdicts, func(out io.Writer) error {
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

// readVector reads an archive for the channels of a layout. If the archive lacks the
// first channel, it is unusable, like one that lacks the channel of its profile.
func readVector(t *terminal, path string, l model.Layout) ([]float32, error) {
	spec := fit.DefaultSpec()
	if err := setLayout(spec, l); err != nil {
		return nil, err
	}
	channel, err := episode.ParseChannelName(l.Channels[0])
	if err != nil {
		return nil, err
	}
	aligned, err := readArchive(t, path, spec, channel)
	if err != nil {
		return nil, err
	}
	vector, err := l.Vector(aligned.Signature)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileName(path), err)
	}
	return vector, nil
}

// maxShares is how many of the shares of a decision are printed.
const maxShares = 6

func (v methodVerdict) print(out io.Writer) error {
	answer := string(v.Profile)
	if v.NoneOfThese {
		answer = "none of these; the nearest is " + answer
	}
	fmt.Fprintf(out, "%s: %s\n", v.Method, answer)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  PROFILE\tDISTANCE\tNONE BEYOND\tVOTES")
	for _, c := range append([]model.Candidate{v.Candidate}, v.RunnersUp...) {
		fence, votes := "-", "-"
		if c.Fence != nil {
			fence = fmt.Sprintf("%.3f", *c.Fence)
		}
		if v.Method == model.NameKNN {
			votes = fmt.Sprint(c.Votes)
		}
		fmt.Fprintf(w, "  %s\t%.3f\t%s\t%s\n", c.Profile, c.Distance, fence, votes)
	}
	if len(v.RunnersUp) > 0 {
		fmt.Fprintf(w, "  DECIDED AGAINST %s\t\t\t\n", v.RunnersUp[0].Profile)
	}
	for _, s := range v.Decided[:min(maxShares, len(v.Decided))] {
		fmt.Fprintf(w, "  %s\t%s\t%.0f%%\t\n", s.Channel, s.Phase, 100*s.Share)
	}
	return w.Flush()
}
