package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/plot"
	"github.com/cis490/profiles/fit"
)

type plotAction struct {
	file     string
	out      string
	spec     string
	phase    string
	profiles []string
}

func plotCommand() command {
	a := &plotAction{}
	cmd := &cobra.Command{
		Use:   "plot FILE.parquet|FILE.json --out FILE.png|FILE.svg [flags]",
		Short: "draw the envelopes of a parquet file, or the levels of signatures",
		Long: `plot draws a panel for each profile of a file that fit or export wrote: the median,
the band between the quartiles, and where the phases begin.

From a JSON file of signatures (--signatures-out) it draws the level curves: a column for
each profile, a row for each channel.`,
		Example: `  profiles plot data/processed/attack_profiles_v1.parquet --out profiles.png
  profiles plot signatures.json --out levels.png --phase infected_running --profile bursty-c2,low-and-slow`,
		Args: fileArgument(&a.file, "FILE.parquet or FILE.json"),
	}
	f := cmd.Flags()
	f.StringVar(&a.out, "out", "", "picture to write, a `FILE` whose name ends in .png or .svg")
	f.StringVar(&a.spec, "spec", "", "fit spec, a YAML `FILE`, with the points of each phase (default: as fit divides them)")
	f.StringVar(&a.phase, "phase", "", "signatures only: draw only the phase of this `NAME`, such as infected_running")
	f.StringSliceVar(&a.profiles, "profile", nil, "signatures only: draw only these profiles, `NAME,NAME`")
	return command{cmd, a}
}

func (a *plotAction) ofSignatures() bool { return filepath.Ext(a.file) == ".json" }

func (a *plotAction) validate() error {
	if a.out == "" {
		return errors.New("--out FILE.png or FILE.svg is missing")
	}
	if _, err := plot.ParseFormat(strings.TrimPrefix(filepath.Ext(a.out), ".")); err != nil {
		return fmt.Errorf("--out %s: its name must end in .png or .svg", a.out)
	}
	if !a.ofSignatures() && (a.phase != "" || a.profiles != nil) {
		return errors.New("--phase and --profile need a file of signatures, FILE.json")
	}
	return nil
}

func (a *plotAction) run(_ context.Context, t *terminal) error {
	if a.ofSignatures() {
		return a.drawLevels(t)
	}
	return a.drawProfiles(t)
}

func (a *plotAction) drawProfiles(t *terminal) error {
	var points fit.Points
	if a.spec != "" {
		spec, err := loadSpec(a.spec)
		if err != nil {
			return err
		}
		points = spec.Points
	}
	rows, _, err := dataset.ReadAttackProfilesFile(a.file)
	if err != nil {
		return err
	}
	if err := plot.ProfilesFile(a.out, rows, points); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s shows %d profiles\n", a.out, len(rows))
	return err
}

func (a *plotAction) drawLevels(t *terminal) error {
	s, err := loadSignatures(a.file)
	if err != nil {
		return err
	}
	var columns []plot.LevelColumn
	for _, p := range s.Profiles {
		if len(a.profiles) == 0 || slices.Contains(a.profiles, string(p.Profile)) {
			columns = append(columns, plot.LevelColumn{Profile: string(p.Profile), Used: p.Signature.Used, Channels: p.Signature.Channels})
		}
	}
	if err := plot.LevelsFile(a.out, columns, s.Points, a.phase); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s shows the levels of %d profiles\n", a.out, len(columns))
	return err
}
