package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

type curveOptions struct {
	channel  string
	resample string
	points   int
	json     bool
}

func curveCommand(t *terminal) *cobra.Command {
	var o curveOptions
	cmd := &cobra.Command{
		Use:   "curve FILE.tar.zst --channel SOURCE.FIELD [flags]",
		Short: "show one episode's phases and the curve of one channel",
		Long: `curve reads one archive and shows its phases, how they were cut into the five
slices of a curve, and the curve. FILE "-" is standard input.

It fails with exit 3 where the archive is fine but gives no curve (no armed
phase, no such channel, ...), with exit 4 where it is corrupt or too large.`,
		Example: `  profiles curve episode.tar.zst --channel proc.cpu_user_jiffies
  profiles curve - -c proc.rss_bytes --json < episode.tar.zst | jq .curve`,
		Args: exactly("FILE.tar.zst"),
	}
	f := cmd.Flags()
	f.StringVarP(&o.channel, "channel", "c", "", "channel `SOURCE.FIELD`, such as proc.cpu_user_jiffies")
	f.StringVar(&o.resample, "resample", string(fit.Linear), "resampling's `NAME`: linear or mean")
	f.IntVar(&o.points, "n-points", 80, "`N` points make the curve")
	f.BoolVar(&o.json, "json", false, "print everything as JSON; a gap is null")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return runCurve(t, args[0], o) }
	return cmd
}

func runCurve(t *terminal, path string, o curveOptions) error {
	if o.channel == "" {
		return usage(errors.New("--channel SOURCE.FIELD is missing"))
	}
	spec := fit.DefaultSpec()
	spec.Profiles = []fit.Profile{{Name: "curve", Channel: o.channel}}
	spec.Signature.Channels = nil
	var err error
	if spec.Resample, err = fit.ParseResample(o.resample); err != nil {
		return usagef("--resample: %w", err)
	}
	if spec.Points, err = fit.ScalePoints(o.points); err != nil {
		return usagef("--n-points: %w", err)
	}
	if err := spec.Validate(); err != nil {
		return usagef("--channel %s: it must be <source>.<field>, such as proc.cpu_user_jiffies", o.channel)
	}
	channel, err := episode.ParseChannelName(o.channel)
	if err != nil {
		return usagef("--channel: %w", err)
	}
	limits, err := limits()
	if err != nil {
		return err
	}
	archive, name, err := openArchive(t, path)
	if err != nil {
		return err
	}
	defer archive.Close()
	a, err := (&align.Fitter{Spec: spec, Limits: limits}).Read(archive, channel)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r := reportCurve(o.channel, a)
	if o.json {
		return json.NewEncoder(t.out).Encode(r)
	}
	return r.print(t.out, a)
}

// curveReport is what the command prints.
type curveReport struct {
	Channel     string        `json:"channel"`
	Unit        string        `json:"unit"`
	Duration    float64       `json:"duration"` // seconds; 0 where the archive doesn't say
	Curve       fit.Curve     `json:"curve"`
	Phases      []phaseReport `json:"phases"`
	Slices      []sliceReport `json:"slices"`
	Rows        int           `json:"rows"`
	RowsDropped int           `json:"rows_dropped"`
	Points      int           `json:"points"` // of the channel
	Gaps        int           `json:"gaps"`   // of these
	Resets      int           `json:"resets"`
}

type phaseReport struct {
	Phase string  `json:"phase"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

type sliceReport struct {
	Name   string  `json:"name"`
	Start  float64 `json:"start"`
	End    float64 `json:"end"`
	Points int     `json:"points"`
	Gaps   int     `json:"gaps"`
}

func reportCurve(channel string, a *align.Alignment) curveReport {
	c := a.Episode.Channels[0]
	r := curveReport{
		Channel: channel, Unit: fit.Unit(channel), Duration: a.Episode.Duration, Curve: a.Curve,
		Phases: []phaseReport{}, Rows: a.Episode.Rows, RowsDropped: a.Episode.RowsDropped,
		Points: len(c.Values), Gaps: c.Gaps, Resets: c.Resets,
	}
	for _, s := range a.Episode.Segments() {
		r.Phases = append(r.Phases, phaseReport{string(s.Phase), s.Start, s.End})
	}
	rest := a.Curve
	for _, s := range a.Slices {
		gaps := 0
		for _, v := range rest[:s.Points] {
			if math.IsNaN(v) {
				gaps++
			}
		}
		rest = rest[s.Points:]
		r.Slices = append(r.Slices, sliceReport{s.Name, s.Start, s.End, s.Points, gaps})
	}
	return r
}

// sparkWidth is how wide a single curve is drawn.
const sparkWidth = 80

func (r curveReport) print(out io.Writer, a *align.Alignment) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PHASE\tFROM\tTO")
	for _, p := range r.Phases {
		fmt.Fprintf(w, "%q\t%.2f s\t%.2f s\n", p.Phase, p.Start, p.End)
	}
	fmt.Fprintln(w, "\nSLICE\tFROM\tTO\tPOINTS\tGAPS\tMEAN")
	rest := a.Curve
	for _, s := range r.Slices {
		fmt.Fprintf(w, "%s\t%.2f s\t%.2f s\t%d\t%d\t%s\n", s.Name, s.Start, s.End, s.Points, s.Gaps, mean(rest[:s.Points]))
		rest = rest[s.Points:]
	}
	if err := w.Flush(); err != nil {
		return err
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range r.Curve {
		if !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high {
		fmt.Fprintf(out, "\n%s: nothing but gaps\n", r.Channel)
	} else {
		fmt.Fprintf(out, "\n%s, %s\n%s\n", r.Channel, span(low, high, r.Unit), sparkline(r.Curve, sparkWidth))
	}
	duration := "of unknown duration"
	if r.Duration > 0 {
		duration = fmt.Sprintf("%.2f s", r.Duration)
	}
	_, err := fmt.Fprintf(out, "\n%s, %d rows (%d dropped), %d points (%d gaps), %d counter resets\n",
		duration, r.Rows, r.RowsDropped, r.Points, r.Gaps, r.Resets)
	return err
}

func mean(values []float64) string {
	sum, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return "-"
	}
	return short(sum / float64(n))
}
