package main

import (
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

func plotCommand(t *terminal) *cobra.Command {
	var out, spec, phase string
	var only []string
	cmd := &cobra.Command{
		Use:   "plot FILE.parquet|FILE.json --out FILE.png|FILE.svg [flags]",
		Short: "draw the envelopes of a parquet file, or the levels of signatures",
		Long: `plot draws a panel for each profile of a file that fit or export wrote: the
median, the band between the quartiles, and where the phases begin.

Of a JSON file of signatures (--signatures-out) it draws the level curves: a column
for each profile, a row for each channel.`,
		Example: `  profiles plot data/processed/attack_profiles_v1.parquet --out profiles.png
  profiles plot signatures.json --out levels.png --phase infected_running --profile bursty-c2,low-and-slow`,
		Args: exactly("FILE.parquet or FILE.json"),
	}
	f := cmd.Flags()
	f.StringVar(&out, "out", "", "picture to write, a `FILE` whose name ends in .png or .svg")
	f.StringVar(&spec, "spec", "", "fit spec, a YAML `FILE`, that tells the points of each phase (default: as fit divides them)")
	f.StringVar(&phase, "phase", "", "of signatures: draw nothing but the phase of this `NAME`, such as infected_running")
	f.StringSliceVar(&only, "profile", nil, "of signatures: draw nothing but these profiles, `NAME,NAME`")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if out == "" {
			return usage(errors.New("--out FILE.png or FILE.svg is missing"))
		}
		if _, err := plot.ParseFormat(strings.TrimPrefix(filepath.Ext(out), ".")); err != nil {
			return usagef("--out %s: its name must end in .png or .svg", out)
		}
		if filepath.Ext(args[0]) == ".json" {
			return plotLevels(t, args[0], out, phase, only)
		}
		if phase != "" || only != nil {
			return usage(errors.New("--phase and --profile are of files of signatures, FILE.json"))
		}
		var points fit.Points
		if spec != "" {
			s, err := loadSpec(spec)
			if err != nil {
				return err
			}
			points = s.Points
		}
		rows, _, err := dataset.ReadAttackProfilesFile(args[0])
		if err != nil {
			return err
		}
		if err := plot.ProfilesFile(out, rows, points); err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s shows %d profiles\n", out, len(rows))
		return err
	}
	return cmd
}

// exactly wants one argument, and names it where it is missing.
func exactly(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s is missing", what)
		}
		if len(args) > 1 {
			return fmt.Errorf("one argument too many: %q", args[1])
		}
		return nil
	}
}

// plotLevels draws a file of signatures; with only, those of the profiles named.
func plotLevels(t *terminal, path, out, phase string, only []string) error {
	s, err := loadSignatures(path)
	if err != nil {
		return err
	}
	var columns []plot.LevelColumn
	for _, p := range s.Profiles {
		if len(only) == 0 || slices.Contains(only, string(p.Profile)) {
			columns = append(columns, plot.LevelColumn{Profile: string(p.Profile), Used: p.Signature.Used, Channels: p.Signature.Channels})
		}
	}
	if err := plot.LevelsFile(out, columns, s.Points, phase); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s shows the levels of %d profiles\n", out, len(columns))
	return err
}
