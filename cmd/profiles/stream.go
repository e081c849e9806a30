package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/streamer"
)

type streamOptions struct {
	bus    busFlags
	spec   string
	table  string
	url    string
	loop   bool
	pause  float64
	dryRun bool
	models streamer.Models
}

func streamCommand(t *terminal) *cobra.Command {
	var o streamOptions
	cmd := &cobra.Command{
		Use:   "stream [--load-fit FILE] [--publish-url URL] [--loop] [flags]",
		Short: "publish the envelopes of a saved parquet file as events",
		Long: `stream reads a file that fit, export or the Python program wrote and publishes
one attack_profile event a profile: to the NATS subject that the dashboard
follows, or with --publish-url over HTTP. On NATS a saved envelope never replaces
a live one.`,
		Example: `  profiles stream --dry-run
  profiles stream --load-fit fit.parquet --loop --cycle-pause-s 5
  profiles stream --publish-url http://127.0.0.1:8447/publish --also-metric 0.762 --also-model mine`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&o.table, "load-fit", defaultTable, "parquet `FILE` to read")
	f.StringVar(&o.url, "publish-url", "", "post the events to this `URL` instead, such as http://127.0.0.1:8447/publish (PUBLISH_TOKEN: bearer token)")
	f.BoolVar(&o.loop, "loop", false, "publish again and again, until interrupted")
	f.Float64Var(&o.pause, "cycle-pause-s", 20, "`SECONDS` between two cycles of --loop")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the events, one JSON object a line, and publish nothing")
	f.StringVar(&o.spec, "spec", "", "fit spec, a YAML `FILE`, whose shape texts go into the events (default: the six profiles)")
	streamer.ModelFlags(f, &o.models)
	o.bus.add(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runStream(cmd.Context(), t, o) }
	return cmd
}

func (o *streamOptions) check() error {
	if err := o.models.Validate(); err != nil {
		return usage(err)
	}
	if !(o.pause > 0 && o.pause <= 86_400) {
		return usagef("--cycle-pause-s is %g: it must be above 0 and at most 86400", o.pause)
	}
	if o.dryRun && o.loop {
		return usage(errors.New("--dry-run and --loop don't go together"))
	}
	if o.url != "" {
		if u, err := url.Parse(o.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return usagef("--publish-url is %q: it must be an http or https URL", o.url)
		}
	}
	return nil
}

func runStream(ctx context.Context, t *terminal, o streamOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	spec, err := loadSpec(o.spec)
	if err != nil {
		return err
	}
	rows, _, err := dataset.ReadAttackProfilesFile(o.table)
	if err != nil {
		return err
	}
	saved := savedEvents(rows, spec)
	for subject, event := range o.models.Events() {
		saved = append(saved, savedEvent{subject, event})
	}
	slices.SortStableFunc(saved[len(rows):], func(a, b savedEvent) int { return strings.Compare(a.subject, b.subject) })
	sink, end, err := o.sink(ctx, t)
	if err != nil {
		return err
	}
	defer end()
	for {
		shown := 0
		for _, e := range saved {
			ok, err := sink(ctx, e)
			if err != nil {
				return ended(ctx, o.loop, err)
			}
			if ok {
				shown++
			}
		}
		if !o.dryRun {
			fmt.Fprintf(t.err, "published %d of %d events%s\n", shown, len(saved), heldBack(len(saved)-shown))
		}
		if !o.loop {
			return nil
		}
		if wait.For(ctx, time.Duration(o.pause*float64(time.Second))) != nil {
			return nil
		}
	}
}

// ended makes the end of a loop that was asked to end no error.
func ended(ctx context.Context, loop bool, err error) error {
	if loop && ctx.Err() != nil {
		return nil
	}
	return err
}

func heldBack(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d stay as they are, since a live one is shown there", n)
}

// A savedEvent is an event that no running system stands behind.
type savedEvent struct {
	subject string
	event   any
}

// savedEvents makes the events of a table's rows. They have no order, so on the
// bus anything live goes over them.
func savedEvents(rows []dataset.AttackProfile, spec *fit.Spec) []savedEvent {
	var saved []savedEvent
	for _, row := range rows {
		p, _ := spec.Profile(fit.ProfileName(row.Profile))
		points := spec.Points
		if points.Total() != len(row.Median) {
			points, _ = fit.ScalePoints(len(row.Median)) // too few for five phases: none are named
		}
		event := events.AttackProfile{
			Type: events.TypeAttackProfile, Name: row.Profile, Shape: p.Shape,
			Curve: doubles(row.Median), P25: scaled(row, row.P25Raw), P75: scaled(row, row.P75Raw),
			MedianRaw: doubles(row.MedianRaw), P25Raw: doubles(row.P25Raw), P75Raw: doubles(row.P75Raw),
			Used: int(row.Used), Attempted: int(row.Attempted),
			Channel: row.Channel, Unit: fit.Unit(row.Channel),
		}
		if points.Total() > 0 {
			spans := points.Spans()
			event.Phases = spans[:]
		}
		saved = append(saved, savedEvent{events.Subject(events.TypeAttackProfile, row.Profile), event})
	}
	return saved
}

func doubles(values []float32) []float64 {
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}

// scaled brings a quartile to the scale of the median, as fit.Envelope does; of
// the quartiles only float32s were saved.
func scaled(row dataset.AttackProfile, values []float32) []float64 {
	raw := doubles(values)
	n := fit.Envelope{Median: raw, P25: raw, P75: raw, Min: row.MedianMinRaw, Max: row.MedianMaxRaw}.Normalised()
	return doubles(n.P25)
}

// A sink takes one event and tells whether it is shown now.
type sink func(context.Context, savedEvent) (bool, error)

// sink is where the events go, with what ends it.
func (o *streamOptions) sink(ctx context.Context, t *terminal) (sink, func(), error) {
	nothing := func() {}
	switch {
	case o.dryRun:
		lines := json.NewEncoder(t.out)
		return func(_ context.Context, e savedEvent) (bool, error) { return true, lines.Encode(e.event) }, nothing, nil
	case o.url != "":
		client := &http.Client{Timeout: 10 * time.Second}
		return func(ctx context.Context, e savedEvent) (bool, error) {
			return true, post(ctx, client, o.url, e.event)
		}, client.CloseIdleConnections, nil
	}
	b, err := o.bus.connect(ctx, t)
	if err != nil {
		return nil, nothing, err
	}
	if err := topology(ctx, b); err != nil {
		b.Close()
		return nil, nothing, err
	}
	dashboard := events.NewPublisher(b)
	return func(ctx context.Context, e savedEvent) (bool, error) {
		return dashboard.Publish(ctx, e.subject, e.event, 0)
	}, b.Close, nil
}

// postTries is how often an event is posted where trying again may help.
const postTries = 4

func post(ctx context.Context, client *http.Client, url string, event any) error {
	body, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	pause := wait.Backoff{Min: 250 * time.Millisecond}
	for try := 1; ; try++ {
		again, err := streamer.Post(ctx, client, url, envOr("PUBLISH_TOKEN", ""), body)
		if err == nil || !again || try == postTries || ctx.Err() != nil {
			return err
		}
		if err := pause.Wait(ctx); err != nil {
			return err
		}
	}
}
