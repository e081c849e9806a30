package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/status"
)

type statusOptions struct {
	bus     busFlags
	wait    bool
	timeout time.Duration
	json    bool
}

func statusCommand(t *terminal) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [--wait [--timeout 5m]] [--json] [flags]",
		Short: "show how far a running system is, or wait until it is settled",
		Long: `status shows the generations, what waits to be aligned and reduced, each
profile's sample and whether its envelope is up to date, what was rejected, and
how much the streams hold.

With --wait it returns when everything that was accepted so far has arrived: no
message is pending or in work, and every envelope says what its sample says.`,
		Example: `  profiles status
  profiles emit --store store && profiles status --wait --timeout 10m
  profiles status --json | jq '.profiles[] | {name, used, target}'`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.BoolVar(&o.wait, "wait", false, "return when all is settled")
	f.DurationVar(&o.timeout, "timeout", 0, "how long to wait at most, a `TIME` such as 90s (default: for ever)")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	o.bus.add(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), t, o) }
	return cmd
}

func runStatus(ctx context.Context, t *terminal, o statusOptions) error {
	switch {
	case o.timeout < 0:
		return usagef("--timeout is %s: it must not be negative", o.timeout)
	case o.timeout > 0 && !o.wait:
		return usage(errors.New("--timeout goes with --wait"))
	}
	b, err := o.bus.connect(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	var r *status.Report
	if o.wait {
		last := ""
		if o.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.timeout)
			defer cancel()
		}
		r, err = status.Wait(ctx, b, func(what string) {
			last = what
			if isTerminal(t.err) {
				fmt.Fprintf(t.err, "\r\x1b[Kwaiting for %s", what)
			}
		})
		if isTerminal(t.err) {
			fmt.Fprint(t.err, "\r\x1b[K")
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("not settled within %s: still waiting for %s", o.timeout, cmp.Or(last, "a first answer"))
		}
	} else {
		r, err = status.Collect(ctx, b)
	}
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(t.out).Encode(r)
	}
	return printStatus(t.out, r)
}

func printStatus(out io.Writer, r *status.Report) error {
	if len(r.Streams) == 0 {
		_, err := fmt.Fprintln(out, "nothing is there yet: no service has run on this NATS (`profiles topology` makes the streams)")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GENERATION\tREVISION\tEPOCH\t")
	for _, g := range slices.Backward(r.Generations) {
		note := ""
		if g.Wanted {
			note = "wanted"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", g.ID, g.Revision, g.Epoch, note)
	}
	fmt.Fprintln(w, "\nLAG\tPENDING\tIN WORK\tREDELIVERED")
	if r.Lag == nil {
		fmt.Fprintln(w, "no consumers yet\t\t\t")
	} else {
		fmt.Fprintf(w, "align\t%d\t%d\t%d\n", r.Lag.Align.Pending, r.Lag.Align.Unacked, r.Lag.Align.Redelivered)
		fmt.Fprintf(w, "reduce\t%d\t%d\t%d\n", r.Lag.Reduce.Pending, r.Lag.Reduce.Unacked, r.Lag.Reduce.Redelivered)
	}
	fmt.Fprintln(w, "\nPROFILE\tUSED\tATTEMPTED\tTARGET\tKEPT\tENVELOPE\tUPDATED")
	for _, p := range r.Profiles {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%s\n", p.Name, p.Used, p.Attempted, p.Target, p.Kept, envelopeState(p), clock(p.UpdatedAt))
	}
	fmt.Fprintln(w, "\nREJECTED\tMESSAGES\tMEANING")
	if len(r.Rejected) == 0 {
		fmt.Fprintln(w, "none\t")
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Rejected)) {
		fmt.Fprintf(w, "%s\t%d\t%s\n", reason, r.Rejected[reason], reason.Meaning())
	}
	fmt.Fprintln(w, "\nSTREAM\tMESSAGES\tSIZE")
	for _, s := range r.Streams {
		fmt.Fprintf(w, "%s\t%d\t%s\n", strings.TrimPrefix(s.Name, "KV_"), s.Messages, short(float64(s.Bytes))+"B")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	settled := "settled"
	if what := r.WaitsFor(); what != "" {
		settled = "not settled: waiting for " + what
	}
	_, err := fmt.Fprintf(out, "\n%s\n", settled)
	return err
}

// envelopeState says in a word or two how a profile's envelope stands.
func envelopeState(p status.Profile) string {
	switch {
	case p.Short:
		return "short, a new epoch is due"
	case !p.Agrees:
		return "behind"
	case p.Envelope == nil:
		return "none"
	case p.Complete:
		return "complete"
	}
	return "partial"
}

func clock(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format("2006-01-02 15:04:05")
}
