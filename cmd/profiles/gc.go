package main

import (
	"context"
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
	nats   natsFlags
	idle   time.Duration
	dryRun bool
	json   bool
}

func gcCommand() command {
	o := &gcOptions{}
	cmd := &cobra.Command{
		Use:   "gc [--dry-run] [--idle 1h] [--json] [flags]",
		Short: "remove generations that nothing uses any more",
		Long: `gc removes the consumers, entries, envelopes and signatures of old generations. It
prints for each generation why it is kept or what was removed. It keeps the wanted
generation, those that the dashboard shows, those that a worker works on, and those
that were made or used less than --idle ago.

It may run at any time and be repeated. If a worker starts later with the spec of a
removed generation, it begins the spec's next epoch and reads the log from its start.`,
		Example: `  profiles gc --dry-run
  profiles gc --idle 24h
  profiles gc --json | jq -r '.generations[] | select(.fate == "removed") | .id'`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "only print what would be removed")
	f.DurationVar(&o.idle, "idle", time.Hour, "keep generations that were made or used less than this `TIME` ago")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	o.nats.add(f)
	return command{cmd, o.validate, o.run}
}

func (o *gcOptions) validate() error {
	if o.idle < 0 {
		return fmt.Errorf("--idle is %s: it must not be negative", o.idle)
	}
	return nil
}

func (o *gcOptions) run(ctx context.Context, t *terminal) error {
	b, err := o.nats.connect(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	c := &gc.Collector{Bus: b, Idle: o.idle, DryRun: o.dryRun}
	r, err := c.Run(ctx)
	if err != nil {
		return err
	}
	return t.print(o.json, r, func(out io.Writer) error { return printGC(out, r) })
}

func printGC(out io.Writer, r *gc.Report) error {
	if len(r.Generations) == 0 {
		_, err := fmt.Fprintln(out, "there is no generation yet: no worker has registered its spec")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GENERATION\tREVISION\tEPOCH\t\tREASON, OR VALUES REMOVED")
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

// fateOf returns in words what happened to a generation, and as detail the reason why it
// is kept or the values that were removed.
func fateOf(g gc.Generation, dryRun bool) (fate, detail string) {
	switch g.Fate {
	case gc.Kept:
		return "kept", g.Detail
	case gc.RemovedBefore:
		if g.SpecKept {
			return "removed before", "its record stays: other generations of its spec are kept"
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

// plural returns a number with a noun, such as "2 entries".
func plural(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(one, "y"))
	}
	return fmt.Sprintf("%d %ss", n, one)
}
