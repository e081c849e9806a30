package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

func synthCommand() command {
	o := &synthOptions{}
	cmd := &cobra.Command{
		Use:   "synth --out DIR [--episodes-per-profile N] [--seed N] [flags]",
		Short: "make a synthetic store of any size, for tests at scale",
		Long: `synth writes archives that resemble recorded ones into DIR/store, and
DIR/validation.parquet, which accepts all of them. The same seed gives the same
archives. An archive has about 62 KB.`,
		Example: `  profiles synth --out /tmp/synthetic --episodes-per-profile 1000
  profiles fit --store /tmp/synthetic/store`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "`DIR` to write into; it is made if missing")
	f.IntVar(&o.episodes, "episodes-per-profile", 100, "make `N` archives of each profile")
	f.Uint64Var(&o.seed, "seed", 0, "seed `N` of all random numbers (default 0)")
	f.StringSliceVar(&o.profiles, "profiles", nil, "`NAMES` of the profiles to make, separated by commas (default: all six)")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	return command{cmd, o.validate, o.run}
}

func (o *synthOptions) validate() error {
	switch {
	case o.out == "":
		return errors.New("--out DIR is missing")
	case o.episodes < 1 || o.episodes > synth.MaxIndex+1:
		return fmt.Errorf("--episodes-per-profile is %d: it must be from 1 to %d", o.episodes, synth.MaxIndex+1)
	}
	for _, p := range o.profiles {
		if !slices.Contains(synth.Profiles(), p) {
			return fmt.Errorf("--profiles: unknown profile %q, it must be one of %s", p, strings.Join(synth.Profiles(), ", "))
		}
	}
	return nil
}

func (o *synthOptions) run(ctx context.Context, t *terminal) error {
	writing := t.progress("writing archives")
	written := 0
	err := synth.New(o.seed).Write(ctx, o.out, o.episodes, o.profiles, func(done, total int) {
		written = done
		writing.set(done, total)
	})
	writing.end()
	if err != nil {
		return err
	}
	store, validation := filepath.Join(o.out, "store"), filepath.Join(o.out, "validation.parquet")
	summary := map[string]any{"store": store, "validation": validation, "episodes": written}
	return t.print(o.json, summary, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "%d episodes in %s, listed in %s\n", written, store, validation)
		return err
	})
}
