package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/plot"
	"github.com/cis490/profiles/fit"
)

type plotOptions struct {
	file     string
	out      string
	spec     string
	phase    string
	profiles []string
}

func plotCommand() command {
	o := &plotOptions{}
	cmd := &cobra.Command{
		Use:   "plot FILE.parquet|FILE.json --out FILE.png|FILE.svg [flags]",
		Short: "draw the envelopes of a parquet file, or the levels of signatures",
		Long: `plot draws a panel for each profile of a file that fit or export wrote: the median,
the band between the quartiles, and where the phases begin. FILE "-" is a parquet file on
standard input.

From a JSON file of signatures (--signatures-out) it draws the level curves: a column for
each profile, a row for each channel.`,
		Example: `  profiles plot data/processed/attack_profiles_v1.parquet --out profiles.png
  profiles plot signatures.json --out levels.png --phase infected_running --profile bursty-c2,low-and-slow`,
		Args: fileArgument(&o.file, "FILE.parquet or FILE.json"),
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "picture to write, a `FILE` whose name ends in .png or .svg")
	f.StringVar(&o.spec, "spec", "", "fit spec, a YAML `FILE`, with the points of each phase (default: as fit divides them)")
	f.StringVar(&o.phase, "phase", "", "signatures only: draw only the phase of this `NAME`, such as infected_running")
	f.StringSliceVar(&o.profiles, "profile", nil, "signatures only: draw only these profiles, `NAME,NAME`")
	return command{cmd, o.validate, o.run}
}

func (o *plotOptions) ofSignatures() bool { return filepath.Ext(o.file) == ".json" }

func (o *plotOptions) validate() error {
	if o.out == "" {
		return errors.New("--out FILE.png or FILE.svg is missing")
	}
	if _, err := plot.ParseFormat(strings.TrimPrefix(filepath.Ext(o.out), ".")); err != nil {
		return fmt.Errorf("--out %s: its name must end in .png or .svg", o.out)
	}
	if !o.ofSignatures() && (o.phase != "" || o.profiles != nil) {
		return errors.New("--phase and --profile need a file of signatures, FILE.json")
	}
	return nil
}

func (o *plotOptions) run(_ context.Context, t *terminal) error {
	if o.ofSignatures() {
		return o.drawLevels(t)
	}
	return o.drawProfiles(t)
}

func (o *plotOptions) drawProfiles(t *terminal) error {
	var points fit.Points
	if o.spec != "" {
		spec, err := loadSpec(o.spec)
		if err != nil {
			return err
		}
		points = spec.Points
	}
	rows, _, err := t.readTable(o.file)
	if err != nil {
		return err
	}
	if err := plot.ProfilesFile(o.out, rows, points); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s shows %d profiles\n", o.out, len(rows))
	return err
}

func (o *plotOptions) drawLevels(t *terminal) error {
	s, err := loadSignatures(o.file)
	if err != nil {
		return err
	}
	var columns []plot.LevelColumn
	for place, p := range s.Profiles {
		if len(o.profiles) == 0 || slices.Contains(o.profiles, string(p.Profile)) {
			columns = append(columns, plot.LevelColumn{Profile: string(p.Profile), Used: p.Signature.Used, Place: place, Channels: p.Signature.Channels})
		}
	}
	if err := plot.LevelsFile(o.out, columns, s.Points, o.phase); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s shows the levels of %d profiles\n", o.out, len(columns))
	return err
}
