package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/gc"
)

type gcOptions struct {
	bus    busFlags
	idle   time.Duration
	dryRun bool
	json   bool
}

func gcCommand(t *terminal) *cobra.Command {
	var o gcOptions
	cmd := &cobra.Command{
		Use:   "gc [--dry-run] [--idle 1h] [--json] [flags]",
		Short: "remove generations that no one uses",
		Long: `gc removes the consumers, entries, envelopes and signatures of old generations,
and says of each why it is kept or what was removed. It keeps the wanted generation, those
that the dashboard shows, those that a worker is at, and those that were made or
used less than --idle ago.

It is safe beside everything that runs, and to repeat. A worker that comes later
with the spec of a removed generation begins the spec's next epoch and reads the
log from its start.`,
		Example: `  profiles gc --dry-run
  profiles gc --idle 24h
  profiles gc --json | jq -r '.generations[] | select(.fate == "removed") | .id'`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "only say what would be removed")
	f.DurationVar(&o.idle, "idle", time.Hour, "keep what was made or used less than this `TIME` ago")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	o.bus.add(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runGC(cmd.Context(), t, o) }
	return cmd
}

func runGC(ctx context.Context, t *terminal, o gcOptions) error {
	if o.idle < 0 {
		return usagef("--idle is %s: it must not be negative", o.idle)
	}
	b, err := o.bus.connect(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	c := &gc.Collector{Bus: b, Idle: o.idle, DryRun: o.dryRun}
	r, err := c.Run(ctx)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(t.out).Encode(r)
	}
	return printGC(t.out, r)
}

func printGC(out io.Writer, r *gc.Report) error {
	if len(r.Generations) == 0 {
		_, err := fmt.Fprintln(out, "there is no generation yet: no worker has registered its spec")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GENERATION\tREVISION\tEPOCH\t\tWHY, OR WHAT IT HAD")
	for _, g := range slices.Backward(r.Generations) {
		revision, epoch := fmt.Sprint(g.Revision), fmt.Sprint(g.Epoch)
		if !g.Registered {
			revision, epoch = "-", "-"
		}
		fate, detail := fateOf(g, r.DryRun)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", g.ID, revision, epoch, fate, detail)
	}
	return w.Flush()
}

func fateOf(g gc.Generation, dryRun bool) (fate, detail string) {
	switch g.Fate {
	case gc.Kept:
		return "kept", g.Detail
	case gc.RemovedBefore:
		if g.SpecKept {
			return "removed before", "its spec has others that stay"
		}
		return "removed before", ""
	}
	fate = "removed"
	if dryRun {
		fate = "would be removed"
	}
	h := g.Holding
	parts := []string{
		plural(g.Consumers, "consumer"), plural(h.Entries, "entry"), plural(h.Envelopes, "envelope"), plural(h.Signatures, "signature part"),
		short(float64(h.Bytes)) + "B",
	}
	return fate, strings.Join(parts, ", ")
}

func plural(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(one, "y"))
	}
	return fmt.Sprintf("%d %ss", n, one)
}
