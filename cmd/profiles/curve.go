package main

import (
	"context"
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
	file     string
	channel  string
	resample string
	points   int
	json     bool
}

func curveCommand() command {
	o := &curveOptions{}
	defaults := fit.DefaultSpec()
	cmd := &cobra.Command{
		Use:   "curve FILE.tar.zst --channel SOURCE.FIELD [flags]",
		Short: "show the phases of one episode and the curve of one channel",
		Long: `curve reads one archive. It shows the phases of the episode, the five slices of the
curve, and the curve. FILE "-" is standard input.

It fails with exit code 3 if the archive is fine but gives no curve (no armed phase, no
such channel, ...), and with exit code 4 if the archive is corrupt or too large.`,
		Example: `  profiles curve episode.tar.zst --channel proc.cpu_user_jiffies
  profiles curve - -c proc.rss_bytes --json < episode.tar.zst | jq .curve`,
		Args: fileArgument(&o.file, "FILE.tar.zst"),
	}
	f := cmd.Flags()
	f.StringVarP(&o.channel, "channel", "c", "", "channel `SOURCE.FIELD`, such as proc.cpu_user_jiffies")
	f.StringVar(&o.resample, "resample", string(defaults.Resample), "`NAME` of the resampling: linear or mean")
	f.IntVar(&o.points, "n-points", defaults.Points.Total(), "number `N` of points of the curve")
	f.BoolVar(&o.json, "json", false, "print everything as JSON; a gap is null")
	return command{cmd, o.validate, o.run}
}

func (o *curveOptions) validate() error {
	_, _, err := o.parse()
	return err
}

// parse returns a spec for the channel alone.
func (o *curveOptions) parse() (*fit.Spec, episode.ChannelName, error) {
	var channel episode.ChannelName
	if o.channel == "" {
		return nil, channel, errors.New("--channel SOURCE.FIELD is missing")
	}
	spec := fit.DefaultSpec()
	spec.Profiles = []fit.Profile{{Name: "curve", Channel: o.channel}}
	spec.Signature.Channels = nil
	var err error
	if spec.Resample, err = fit.ParseResample(o.resample); err != nil {
		return nil, channel, fmt.Errorf("--resample: %w", err)
	}
	if spec.Points, err = fit.ScalePoints(o.points); err != nil {
		return nil, channel, fmt.Errorf("--n-points: %w", err)
	}
	if err := spec.Validate(); err != nil {
		return nil, channel, fmt.Errorf("--channel %s: it must be <source>.<field>, such as proc.cpu_user_jiffies", o.channel)
	}
	if channel, err = episode.ParseChannelName(o.channel); err != nil {
		return nil, channel, fmt.Errorf("--channel: %w", err)
	}
	return spec, channel, nil
}

func (o *curveOptions) run(_ context.Context, t *terminal) error {
	spec, channel, err := o.parse()
	if err != nil {
		return err
	}
	aligned, err := readArchive(t, o.file, spec, channel)
	if err != nil {
		return err
	}
	r := newCurveReport(o.channel, aligned)
	return t.print(o.json, r, r.print)
}

// readArchive reads and aligns the archive at path; "-" is standard input.
func readArchive(t *terminal, path string, spec *fit.Spec, channel episode.ChannelName) (*align.Alignment, error) {
	limits, err := limits()
	if err != nil {
		return nil, err
	}
	archive, err := t.open(path)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	aligned, err := (&align.Fitter{Spec: spec, Limits: limits}).Read(archive, channel)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileName(path), err)
	}
	return aligned, nil
}

// A curveReport is the output of the command.
type curveReport struct {
	Channel     string        `json:"channel"`
	Unit        string        `json:"unit"`
	Duration    float64       `json:"duration"` // seconds; 0 if the archive does not say it
	Curve       fit.Curve     `json:"curve"`
	Phases      []phaseReport `json:"phases"`
	Slices      []sliceReport `json:"slices"`
	Rows        int           `json:"rows"`
	RowsDropped int           `json:"rows_dropped"`
	Points      int           `json:"points"` // of the channel
	Gaps        int           `json:"gaps"`   // of these points
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

func newCurveReport(channel string, a *align.Alignment) curveReport {
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
		_, n := mean(rest[:s.Points])
		rest = rest[s.Points:]
		r.Slices = append(r.Slices, sliceReport{s.Name, s.Start, s.End, s.Points, s.Points - n})
	}
	return r
}

// curveWidth is the width of the curve in characters.
const curveWidth = 80

func (r curveReport) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PHASE\tFROM\tTO")
	for _, p := range r.Phases {
		fmt.Fprintf(w, "%q\t%.2f s\t%.2f s\n", p.Phase, p.Start, p.End)
	}
	fmt.Fprintln(w, "\nSLICE\tFROM\tTO\tPOINTS\tGAPS\tMEAN")
	rest := r.Curve
	for _, s := range r.Slices {
		text := "-"
		if m, n := mean(rest[:s.Points]); n > 0 {
			text = short(m)
		}
		rest = rest[s.Points:]
		fmt.Fprintf(w, "%s\t%.2f s\t%.2f s\t%d\t%d\t%s\n", s.Name, s.Start, s.End, s.Points, s.Gaps, text)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if low, high := extremes(r.Curve); math.IsNaN(low) {
		fmt.Fprintf(out, "\n%s: only gaps\n", r.Channel)
	} else {
		fmt.Fprintf(out, "\n%s, %s\n%s\n", r.Channel, span(low, high, r.Unit), sparkline(r.Curve, curveWidth))
	}
	duration := "unknown duration"
	if r.Duration > 0 {
		duration = fmt.Sprintf("%.2f s", r.Duration)
	}
	_, err := fmt.Fprintf(out, "\n%s, %d rows (%d dropped), %d points (%d gaps), %d counter resets\n",
		duration, r.Rows, r.RowsDropped, r.Points, r.Gaps, r.Resets)
	return err
}
