package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/synth"
)

type synthOptions struct {
	episodes int
	seed     uint64
	out      string
	profiles []string
	json     bool
}

func synthCommand(t *terminal) *cobra.Command {
	var o synthOptions
	cmd := &cobra.Command{
		Use:   "synth --out DIR [--episodes-per-profile N] [--seed N] [flags]",
		Short: "make a synthetic store of any size, for work at scale",
		Long: `synth writes archives that look like recorded ones into DIR/store, and
DIR/validation.parquet, which lists them all as accepted. The same seed gives the
same archives. One archive has some 62 KB.`,
		Example: `  profiles synth --out /tmp/synthetic --episodes-per-profile 1000
  profiles fit --store /tmp/synthetic/store`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "`DIR` to write into; it is made")
	f.IntVar(&o.episodes, "episodes-per-profile", 100, "make `N` archives of each profile")
	f.Uint64Var(&o.seed, "seed", 0, "draw everything with seed `N` (default 0)")
	f.StringSliceVar(&o.profiles, "profiles", nil, "`NAMES` of the profiles to make, separated by commas (default: all six)")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case o.out == "":
			return usage(errors.New("--out DIR is missing"))
		case o.episodes < 1 || o.episodes > synth.MaxIndex+1:
			return usagef("--episodes-per-profile is %d: it must be from 1 to %d", o.episodes, synth.MaxIndex+1)
		}
		for _, p := range o.profiles {
			if !slices.Contains(synth.Profiles(), p) {
				return usagef("--profiles: no profile %q, know %s", p, strings.Join(synth.Profiles(), ", "))
			}
		}
		making := t.bar("making archives")
		made := 0
		err := synth.New(o.seed).Write(cmd.Context(), o.out, o.episodes, o.profiles, func(done, total int) {
			made = done
			making.set(done, total)
		})
		making.end()
		if err != nil {
			return err
		}
		store, validation := filepath.Join(o.out, "store"), filepath.Join(o.out, "validation.parquet")
		if o.json {
			return json.NewEncoder(t.out).Encode(map[string]any{"store": store, "validation": validation, "episodes": made})
		}
		_, err = fmt.Fprintf(t.out, "%d episodes in %s, listed in %s\n", made, store, validation)
		return err
	}
	return cmd
}
