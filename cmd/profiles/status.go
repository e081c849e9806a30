package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/command/status"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
)

type statusOptions struct {
	nats    natsFlags
	wait    bool
	timeout time.Duration
	json    bool
}

func statusCommand() command {
	o := &statusOptions{}
	cmd := &cobra.Command{
		Use:   "status [--wait [--timeout 5m]] [--json] [flags]",
		Short: "show the state of a running system, or wait until it is settled",
		Long: `status shows settings of streams and consumers that are wrong, the generations, how many messages wait to be aligned and reduced,
each profile's sample and whether its envelope is up to date, how many messages were
rejected, and the sizes of the streams.

With --wait it returns when the system is settled: no setting is wrong, no message is
pending or in work, and every envelope is of the present sample.`,
		Example: `  profiles status
  profiles emit --store store && profiles status --wait --timeout 10m
  profiles status --json | jq '.profiles[] | {name, used, target}'`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.BoolVar(&o.wait, "wait", false, "wait until the system is settled")
	f.DurationVar(&o.timeout, "timeout", 0, "fail if it is not settled after this `TIME`, such as 90s (default: wait without a limit)")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	o.nats.add(f)
	return command{cmd, o.validate, o.run}
}

func (o *statusOptions) validate() error {
	switch {
	case o.timeout < 0:
		return fmt.Errorf("--timeout is %s: it must not be negative", o.timeout)
	case o.timeout > 0 && !o.wait:
		return errors.New("--timeout needs --wait")
	}
	return nil
}

func (o *statusOptions) run(ctx context.Context, t *terminal) error {
	b, err := o.nats.connect(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	var r *status.Report
	if o.wait {
		r, err = o.waitUntilSettled(ctx, t, b)
	} else {
		r, err = status.Collect(ctx, b)
	}
	if err != nil {
		return err
	}
	return t.print(o.json, r, func(out io.Writer) error { return printStatus(out, r) })
}

// waitUntilSettled shows on a terminal what it waits for.
func (o *statusOptions) waitUntilSettled(ctx context.Context, t *terminal, b *bus.Bus) (*status.Report, error) {
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	const clearLine = "\r\x1b[K"
	waitsFor := "the first answer"
	r, err := status.Wait(ctx, b, func(what string) {
		waitsFor = what
		if screen := screenOf(t.err); screen != nil {
			fmt.Fprintf(screen, clearLine+"waiting for %s", plain.Line(what))
		}
	})
	if screen := screenOf(t.err); screen != nil {
		fmt.Fprint(screen, clearLine)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("not settled within %s: still waiting for %s", o.timeout, waitsFor)
	}
	return r, err
}

func printStatus(out io.Writer, r *status.Report) error {
	if len(r.Streams) == 0 {
		_, err := fmt.Fprintln(out, r.NoStreams())
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	printWrong(w, r)
	printGenerations(w, r)
	fmt.Fprintln(w, "\nPROFILE\tUSED\tATTEMPTED\tTARGET\tKEPT\tENVELOPE\tUPDATED")
	for _, p := range r.Profiles {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%s\n", p.Name, p.Used, p.Attempted, p.Target, p.Kept, envelopeState(p), clock(p.UpdatedAt))
	}
	printUnused(w, r)
	printWithout(w, r)
	printQuality(w, r)
	fmt.Fprintln(w, "\nREJECTED\tMESSAGES\tMEANING\tTHE LAST ONE")
	if len(r.Rejected) == 0 {
		fmt.Fprintln(w, "none\t\t")
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Rejected)) {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", plain.Name(string(reason)), r.Rejected[reason], reason.Meaning(), lastRejected(r.LastRejected[reason]))
	}
	printStreams(w, r)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range r.Streams {
		if warning := s.Warning(); warning != "" {
			fmt.Fprintf(out, "\n%s\n", warning)
		}
	}
	settled := "settled"
	if what := r.WaitsFor(); what != "" {
		settled = "not settled: waiting for " + what
	}
	_, err := fmt.Fprintf(out, "\n%s\n", settled)
	return err
}

func printStreams(w io.Writer, r *status.Report) {
	fmt.Fprintln(w, "\nSTREAM\tMESSAGES\tSIZE\tLIMIT")
	for _, s := range r.Streams {
		limit := "-"
		if s.MaxBytes > 0 {
			limit = short(float64(s.MaxBytes)) + "B"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", strings.TrimPrefix(s.Name, "KV_"), s.Messages, short(float64(s.Bytes))+"B", limit)
	}
}

// lastRejected describes a message in REJECTED.
func lastRejected(m status.RejectedMessage) string {
	return fmt.Sprintf("message %d: %s", m.Seq, printable(m.Detail))
}

// printWrong prints the settings that are wrong, if there are such.
func printWrong(w io.Writer, r *status.Report) {
	if len(r.Wrong) == 0 {
		return
	}
	fmt.Fprintln(w, "WRONG SETTING\tOF\tIS\tMUST BE\tSO\tTO DO")
	for _, x := range r.Wrong {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Setting, x.Place(), printable(x.Is), x.MustBe, x.Harm, x.Cure)
	}
	fmt.Fprintln(w)
}

// printGenerations prints the generations and the lag of the wanted one.
func printGenerations(w io.Writer, r *status.Report) {
	fmt.Fprintln(w, "GENERATION\tREVISION\tEPOCH\t")
	for _, g := range slices.Backward(r.Generations) {
		note := ""
		switch {
		case g.Wanted:
			note = "wanted"
		case g.LeftOver:
			note = "left over: no worker asks for its messages; profiles gc removes it, or says why it stays"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", g.ID, g.Revision, g.Epoch, note)
	}
	fmt.Fprintln(w, "\nLAG\tPENDING\tIN WORK\tREDELIVERED")
	if r.Lag == nil {
		fmt.Fprintln(w, "no consumers yet\t\t\t")
		return
	}
	fmt.Fprintf(w, "align\t%d\t%d\t%d\n", r.Lag.Align.Pending, r.Lag.Align.Unacked, r.Lag.Align.Redelivered)
	fmt.Fprintf(w, "reduce\t%d\t%d\t%d\n", r.Lag.Reduce.Pending, r.Lag.Reduce.Unacked, r.Lag.Reduce.Redelivered)
}

// printUnused prints why profiles have no episode that is used, if there are such profiles.
func printUnused(w io.Writer, r *status.Report) {
	title := "\nPROFILE\tWHY NO EPISODE IS USED\n"
	for _, p := range r.Profiles {
		if p.Why != "" {
			fmt.Fprintf(w, "%s%s\t%s\n", title, p.Name, p.Why)
			title = ""
		}
	}
}

// printWithout prints why attempted episodes give no curve, if there are such episodes.
func printWithout(w io.Writer, r *status.Report) {
	title := "\nPROFILE\tNO CURVE\tEPISODES\tEXAMPLE\tWHAT WAS FOUND\n"
	for _, p := range r.Profiles {
		for _, x := range p.Without {
			fmt.Fprintf(w, "%s%s\t%s\t%d\t%s\t%s\n", title, p.Name, plain.Name(string(x.Reason)), x.Episodes, plain.Name(x.Example), printable(cmp.Or(x.Detail, x.Meaning)))
			title = ""
		}
	}
}

// printQuality prints what is wrong with the recordings that are used, if something is.
func printQuality(w io.Writer, r *status.Report) {
	title := "\nPROFILE\tSLOPPY RECORDINGS\tEPISODES\tWORST\tIN EPISODE\n"
	for _, p := range r.Profiles {
		for _, x := range p.Quality {
			unit := ""
			if x.Kind == fit.QualityLongest {
				unit = " s"
			}
			fmt.Fprintf(w, "%s%s\t%s\t%d of %d\t%s%s\t%s/%s\n", title, p.Name, x.Kind, x.Episodes, p.Used, short(float64(x.Worst)), unit, plain.Name(x.Host), plain.Name(x.Episode))
			title = ""
		}
	}
}

// envelopeState returns the state of a profile's envelope in a few words.
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
