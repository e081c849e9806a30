package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/fit"
)

type curveOptions struct {
	file     string
	channel  string
	spec     string
	resample string
	points   int
	json     bool
	given    func(flag string) bool // reports whether a flag is on the command line
}

func curveCommand() command {
	o := &curveOptions{}
	defaults := fit.DefaultSpec()
	cmd := &cobra.Command{
		Use:   "curve FILE.tar.zst [--channel SOURCE.FIELD] [flags]",
		Short: "show the phases of one episode and the curve of one channel",
		Long: `curve reads one archive. It shows the phases of the episode, the five slices of the
curve, the curve, and what is wrong with the recording. FILE "-" is standard input.

Without --channel it lists the channels that the archive has. --spec says how the archives
of another fleet are written; profiles inspect --write-spec makes one.

It fails with exit code 3 if the archive is fine but gives no curve (no armed phase, no
such channel, ...), and with exit code 4 if the archive is corrupt or too large.`,
		Example: `  profiles curve episode.tar.zst
  profiles curve episode.tar.zst --channel proc.cpu_user_jiffies
  profiles curve episode.tar.gz --spec spec.yaml -c net.rx_bytes
  profiles curve - -c proc.rss_bytes --json < episode.tar.zst | jq .curve`,
		Args: fileArgument(&o.file, "FILE.tar.zst"),
	}
	f := cmd.Flags()
	o.given = f.Changed
	f.StringVarP(&o.channel, "channel", "c", "", "channel `SOURCE.FIELD`, such as proc.cpu_user_jiffies (default: list the channels)")
	f.StringVar(&o.spec, "spec", "", "spec, a YAML `FILE`, that says how the archive is written (default: the format of docs/EPISODES.md)")
	f.StringVar(&o.resample, "resample", string(defaults.Resample), "`NAME` of the resampling: linear or mean; overrides the spec's")
	f.IntVar(&o.points, "n-points", defaults.Points.Total(), "number `N` of points of the curve; overrides the spec's points")
	f.BoolVar(&o.json, "json", false, "print everything as JSON; a gap is null")
	return command{cmd, o.validate, o.run}
}

func (o *curveOptions) validate() error {
	_, err := o.parse()
	return err
}

// parse returns the spec, with the channel as its only one.
func (o *curveOptions) parse() (*fit.Spec, error) {
	spec, err := loadSpec(o.spec)
	if err != nil {
		return nil, err
	}
	spec.Signature.Channels = nil
	if o.given("resample") {
		if spec.Resample, err = fit.ParseResample(o.resample); err != nil {
			return nil, fmt.Errorf("--resample: %w", err)
		}
	}
	if o.given("n-points") {
		if spec.Points, err = fit.ScalePoints(o.points); err != nil {
			return nil, fmt.Errorf("--n-points: %w", err)
		}
	}
	if o.channel == "" {
		return spec, nil
	}
	spec.Profiles = []fit.Profile{{Name: "curve", Channel: o.channel}}
	if err := spec.Validate(); err != nil {
		return nil, fmt.Errorf("--channel %s: it must be <source>.<field>, such as proc.cpu_user_jiffies: %w", o.channel, err)
	}
	return spec, nil
}

func (o *curveOptions) run(ctx context.Context, t *terminal) error {
	spec, err := o.parse()
	if err != nil {
		return err
	}
	if o.channel == "" {
		return listChannels(ctx, t, o.file, spec, o.json)
	}
	aligned, err := readArchive(t, o.file, spec, o.channel)
	if err != nil {
		return err
	}
	r := newCurveReport(o.channel, spec, aligned)
	return t.print(o.json, r, r.print)
}

// listChannels prints the channels that an archive has in the format of a spec.
func listChannels(ctx context.Context, t *terminal, path string, spec *fit.Spec, asJSON bool) error {
	a, err := inspectFile(ctx, t, path)
	if err != nil {
		return err
	}
	summary := inspect.Summarize([]*inspect.Archive{a})
	channels := summary.Channels(spec)
	if len(channels) == 0 {
		var names []string
		for _, m := range summary.Members {
			names = append(names, m.Name)
		}
		return noCurve(fmt.Errorf("%s: no member has channels in this format; the archive has %s (profiles inspect shows them, and --write-spec writes a spec)",
			fileName(path), inspect.Quoted(names)))
	}
	return t.print(asJSON, channels, func(out io.Writer) error {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CHANNEL\tKIND\tROWS\tLEAST\tGREATEST\tNOTE")
		for _, c := range channels {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", c.Name, c.Kind, c.Field.Rows, numberText(*c.Field.Least), numberText(*c.Field.Greatest), channelNote(c))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, "\nChoose one with --channel.")
		return err
	})
}

// channelNote says what is to know about a channel.
func channelNote(c inspect.Channel) string {
	var notes []string
	switch {
	case c.Field.Constant():
		notes = append(notes, "never changes")
	case c.Kind == fit.Gauge && c.Field.LooksLikeCounter():
		notes = append(notes, "looks like a counter: format.channels in the spec can say that it is one")
	}
	if c.FirstRows > 0 {
		notes = append(notes, firstRowsText(c.FirstRows))
	}
	return strings.Join(notes, "; ")
}

// readArchive reads and aligns the archive at path; "-" is standard input.
func readArchive(t *terminal, path string, spec *fit.Spec, channel string) (*align.Alignment, error) {
	limits, err := limits()
	if err != nil {
		return nil, err
	}
	archive, err := t.open(path)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	fitter, err := align.New(spec, limits)
	if err != nil {
		return nil, err
	}
	aligned, err := fitter.Read(archive, channel)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileName(path), err)
	}
	return aligned, nil
}

// A curveReport is the output of the command.
type curveReport struct {
	Channel  string          `json:"channel"`
	Kind     fit.ChannelKind `json:"kind"`
	Unit     string          `json:"unit"`
	Duration float64         `json:"duration"` // seconds; 0 if the archive does not say it
	Curve    fit.Curve       `json:"curve"`
	Phases   []phaseReport   `json:"phases"`
	Slices   []sliceReport   `json:"slices"`
	Rows     int             `json:"rows"`   // that are kept
	Points   int             `json:"points"` // of the channel
	// Quality has the value of each kind, also if it is 0.
	Quality  map[fit.QualityKind]float32 `json:"quality"`
	Warnings []curveWarning              `json:"warnings"`

	affected []fit.Affected // the kinds of quality that are not 0
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

type curveWarning struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

func newCurveReport(channel string, spec *fit.Spec, a *align.Alignment) curveReport {
	c := spec.Channel(channel)
	r := curveReport{
		Channel: channel, Kind: c.Kind, Unit: c.Unit, Duration: a.Episode.Duration, Curve: a.Curve,
		Phases: []phaseReport{}, Rows: a.Episode.Rows, Points: len(a.Episode.Channels[0].Values),
		Quality: map[fit.QualityKind]float32{}, Warnings: []curveWarning{},
	}
	for _, s := range a.Episode.Segments() {
		r.Phases = append(r.Phases, phaseReport{string(s.Phase), s.Start, s.End})
	}
	rest := a.Curve
	for _, s := range a.Slices {
		if s.Points == 0 {
			continue
		}
		_, n := mean(rest[:s.Points])
		rest = rest[s.Points:]
		r.Slices = append(r.Slices, sliceReport{s.Name, s.Start, s.End, s.Points, s.Points - n})
	}
	for i, value := range a.Quality.Values() {
		kind := fit.QualityKinds()[i]
		r.Quality[kind] = value
		if value > 0 {
			r.affected = append(r.affected, fit.Affected{Kind: kind, Episodes: 1, Worst: value})
		}
	}
	for _, w := range a.Warnings {
		r.Warnings = append(r.Warnings, curveWarning{string(w.Kind), w.Detail})
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
	low, high := extremes(r.Curve)
	fmt.Fprintf(out, "\n%s, %s\n%s\n", r.Channel, span(low, high, r.Unit), sparkline(r.Curve, curveWidth))
	return r.printQuality(out)
}

// printQuality prints what the curve was made of, and what is wrong with the recording.
func (r curveReport) printQuality(out io.Writer) error {
	duration := "unknown duration"
	if r.Duration > 0 {
		duration = fmt.Sprintf("%.2f s", r.Duration)
	}
	fmt.Fprintf(out, "\n%s, %d rows, %d points of a %s\n", duration, r.Rows, r.Points, r.Kind)
	for _, a := range r.affected {
		fmt.Fprintf(out, "%s\n", kindText(a.Kind, a.Worst))
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(out, "warning: %s\n", printable(w.Detail))
	}
	return nil
}
