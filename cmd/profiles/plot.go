package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/dataset"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/plot"
)

func plotCommand(t *terminal) *cobra.Command {
	var out, spec string
	cmd := &cobra.Command{
		Use:   "plot FILE.parquet --out FILE.png|FILE.svg [flags]",
		Short: "draw the envelopes of a parquet file",
		Long: `plot draws a panel for each profile of a file that fit or export wrote: the
median, the band between the quartiles, and where the phases begin.`,
		Example: `  profiles plot data/processed/attack_profiles_v1.parquet --out profiles.png`,
		Args:    exactly("FILE.parquet"),
	}
	f := cmd.Flags()
	f.StringVar(&out, "out", "", "picture to write, a `FILE` whose name ends in .png or .svg")
	f.StringVar(&spec, "spec", "", "fit spec, a YAML `FILE`, that tells the points of each phase (default: as fit divides them)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if out == "" {
			return usage(errors.New("--out FILE.png or FILE.svg is missing"))
		}
		if _, err := plot.ParseFormat(strings.TrimPrefix(filepath.Ext(out), ".")); err != nil {
			return usagef("--out %s: its name must end in .png or .svg", out)
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
