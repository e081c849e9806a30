package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/internal/plain"
)

type showOptions struct {
	file string
	json bool
}

func showCommand() command {
	o := &showOptions{}
	cmd := &cobra.Command{
		Use:   "show FILE.parquet [--json]",
		Short: "show the envelopes of a parquet file",
		Long: `show prints a line for each profile of a file that fit or export wrote: its
channel, the number of episodes used, the range of the median, and a sketch of it.

With --json it prints every value of every row. Each number has the shortest form that
reads back as the same number. So two files hold the same values if the texts are equal.
FILE "-" is standard input.`,
		Example: `  profiles show data/processed/attack_profiles_v1.parquet
  diff <(profiles show --json live.parquet) <(profiles show --json batch.parquet)`,
		Args: fileArgument(&o.file, "FILE.parquet"),
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print every value as JSON")
	return command{cmd, nil, o.run}
}

func (o *showOptions) run(_ context.Context, t *terminal) error {
	rows, meta, err := t.readTable(o.file)
	if err != nil {
		return err
	}
	if !o.json {
		return printTable(t.out, rows, meta)
	}
	e := json.NewEncoder(t.out)
	e.SetIndent("", " ")
	return e.Encode(newTableReport(rows, meta))
}

// showWidth is the width of a curve in the table, in characters.
const showWidth = 40

func printTable(out io.Writer, rows []dataset.AttackProfile, meta map[string]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROFILE\tCHANNEL\tUSED\tMEDIAN\t")
	for _, p := range rows {
		fmt.Fprintf(w, "%s\t%s\t%d of %d\t%s\t%s\n", plain.Name(p.Profile), plain.Name(p.Channel), p.Used, p.Attempted,
			span(p.MedianMinRaw, p.MedianMaxRaw, plain.Line(p.ShownUnit())), sparkline(doubles(p.Median), showWidth))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if meta["generation"] == "" {
		return nil // the file is from another program
	}
	_, err := fmt.Fprintf(out, "generation %s, sampler %s\n", plain.Name(meta["generation"]), plain.Name(meta["sampler"]))
	return err
}

// A tableReport is the JSON output of the command. The reader refuses files with
// numbers that are not finite, and the encoder writes each number in its shortest form.
type tableReport struct {
	Meta     map[string]string `json:"meta"`
	Profiles []rowReport       `json:"profiles"`
}

// A rowReport is a row with the names of the file's columns, and the unit.
type rowReport struct {
	Profile      string    `json:"profile"`
	Channel      string    `json:"channel"`
	Used         int32     `json:"n_episodes_used"`
	Attempted    int32     `json:"n_episodes_attempted"`
	Median       []float32 `json:"median"`
	MedianRaw    []float32 `json:"median_raw"`
	P25Raw       []float32 `json:"p25_raw"`
	P75Raw       []float32 `json:"p75_raw"`
	MedianMinRaw float64   `json:"median_min_raw"`
	MedianMaxRaw float64   `json:"median_max_raw"`
	Unit         string    `json:"unit"`
}

func newTableReport(rows []dataset.AttackProfile, meta map[string]string) tableReport {
	r := tableReport{Meta: meta, Profiles: []rowReport{}}
	for _, p := range rows {
		for _, list := range []*[]float32{&p.Median, &p.MedianRaw, &p.P25Raw, &p.P75Raw} {
			*list = append([]float32{}, *list...) // an empty list is [], not null
		}
		p.Unit = p.ShownUnit()
		r.Profiles = append(r.Profiles, rowReport(p))
	}
	return r
}
