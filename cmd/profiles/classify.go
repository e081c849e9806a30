package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

type classifyOptions struct {
	model string
	k     int
	json  bool
}

func classifyCommand(t *terminal) *cobra.Command {
	var o classifyOptions
	cmd := &cobra.Command{
		Use:   "classify FILE.tar.zst [--model FILE] [flags]",
		Short: "tell which profile one episode is of, and why",
		Long: `classify reads one archive and says which profile of a model it is likeliest
of, by the nearest envelope and by its nearest examples: the distance, the
runners-up, and which channels in which phases spoke for it. "None of these"
means that it lies farther out than the profile's own episodes do. FILE "-" is
standard input. A model is made by profiles fit --model-out.

Distances are per feature: with levels, the mean difference of log(1+rate), so
that 0.7 is a factor of two.`,
		Example: `  profiles fit --store examples/recorded/store --model-out model.parquet
  profiles classify episode.tar.zst --model model.parquet
  profiles classify - --json < episode.tar.zst | jq '.[0].profile'`,
		Args: exactly("FILE.tar.zst"),
	}
	f := cmd.Flags()
	f.StringVar(&o.model, "model", defaultModel, "model `FILE`")
	addNeighboursFlag(f, &o.k)
	f.BoolVar(&o.json, "json", false, "print the verdicts as JSON")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return runClassify(t, args[0], o) }
	return cmd
}

// A methodVerdict is what one method says.
type methodVerdict struct {
	Method string `json:"method"`
	model.Verdict
}

func runClassify(t *terminal, path string, o classifyOptions) error {
	if err := checkNeighbours(o.k); err != nil {
		return err
	}
	limits, err := limits()
	if err != nil {
		return err
	}
	m, err := dataset.ReadModelFile(o.model)
	if err != nil {
		return err
	}
	archive, name, err := openArchive(t, path)
	if err != nil {
		return err
	}
	defer archive.Close()
	vector, err := vectorOf(m.Layout(), limits, archive)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var verdicts []methodVerdict
	for _, method := range model.Methods(o.k) {
		v, err := method.Classify(m, vector)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		verdicts = append(verdicts, methodVerdict{method.Name, v})
	}
	if o.json {
		return json.NewEncoder(t.out).Encode(verdicts)
	}
	for i, v := range verdicts {
		if i > 0 {
			fmt.Fprintln(t.out)
		}
		if err := v.print(t.out); err != nil {
			return err
		}
	}
	return nil
}

// vectorOf reads an archive for the channels of a layout. The first of them must
// be there, as a profile's own must.
func vectorOf(l model.Layout, limits episode.Limits, archive io.Reader) ([]float32, error) {
	spec := fit.DefaultSpec()
	if err := follow(spec, l); err != nil {
		return nil, err
	}
	channel, err := episode.ParseChannelName(l.Channels[0])
	if err != nil {
		return nil, err
	}
	a, err := (&align.Fitter{Spec: spec, Limits: limits}).Read(archive, channel)
	if err != nil {
		return nil, err
	}
	return l.Vector(a.Signature)
}

// sharesShown is how many of what decided are printed.
const sharesShown = 6

func (v methodVerdict) print(out io.Writer) error {
	answer := string(v.Profile)
	if v.NoneOfThese {
		answer = "none of these; nearest is " + answer
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
	for _, s := range v.Decided[:min(sharesShown, len(v.Decided))] {
		fmt.Fprintf(w, "  %s\t%s\t%.0f%%\t\n", s.Channel, s.Phase, 100*s.Share)
	}
	return w.Flush()
}
