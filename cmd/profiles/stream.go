package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
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
	nats   natsFlags
	spec   string
	table  string
	url    string
	loop   bool
	pause  float64 // seconds
	dryRun bool
	models streamer.Models
}

// defaultPublishURL is where the Python program posts by default: the dashboard's /publish.
const defaultPublishURL = "http://" + defaultPage + "/publish"

// defaultCyclePause equals the default of the streamer's CYCLE_PAUSE.
const defaultCyclePause = 20 * time.Second

func streamCommand() command {
	o := &streamOptions{}
	cmd := &cobra.Command{
		Use:   "stream [--load-fit FILE] [--publish-url URL] [--loop] [flags]",
		Short: "publish the envelopes of a parquet file as events",
		Long: `stream reads a file that fit, export or the Python program wrote and publishes one
attack_profile event for each profile. Where to: with --publish-url it posts them to that
URL; with --nats or NATS_URL it publishes them to the NATS subjects that the dashboard
follows; without any of these it posts them to ` + defaultPublishURL + `, as the
Python program does. The envelope of a file never replaces a live envelope: stream says how
many are kept for that reason. With --loop it goes on when nobody answers, and says so.`,
		Example: `  profiles stream --dry-run
  profiles stream --load-fit fit.parquet --loop --cycle-pause-s 5
  profiles stream --nats nats://127.0.0.1:4222
  profiles stream --publish-url http://127.0.0.1:8447/publish --also-metric 0.762 --also-model mine`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.StringVar(&o.table, "load-fit", defaultTable, "parquet `FILE` to read; - is standard input")
	f.StringVar(&o.url, "publish-url", "", "post the events to this `URL` (PUBLISH_TOKEN: bearer token; default, unless --nats or NATS_URL is given: "+defaultPublishURL+")")
	f.BoolVar(&o.loop, "loop", false, "publish again and again, until interrupted")
	f.Float64Var(&o.pause, "cycle-pause-s", defaultCyclePause.Seconds(), "`SECONDS` between two cycles of --loop")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the events, one JSON object on each line, and publish nothing")
	f.StringVar(&o.spec, "spec", "", "fit spec, a YAML `FILE`, whose shape texts go into the events (default: the six profiles)")
	streamer.ModelFlags(f, &o.models)
	o.nats.add(f)
	return command{cmd, o.validate, o.run}
}

func (o *streamOptions) validate() error {
	if err := o.models.Validate(); err != nil {
		return err
	}
	if !(o.pause > 0 && o.pause <= 86_400) { // also refuses NaN
		return fmt.Errorf("--cycle-pause-s is %g: it must be above 0 and at most 86400", o.pause)
	}
	if o.dryRun && o.loop {
		return errors.New("--dry-run and --loop cannot be combined")
	}
	if o.url != "" && o.nats.url != "" {
		return errors.New("--publish-url and --nats cannot be combined: give the one where the events are to go")
	}
	if o.url != "" {
		if u, err := url.Parse(o.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("--publish-url is %q: it must be an http or https URL", o.url)
		}
	}
	return nil
}

func (o *streamOptions) run(ctx context.Context, t *terminal) error {
	if o.url == "" && o.nats.url == "" && strings.TrimSpace(os.Getenv("NATS_URL")) == "" {
		o.url = defaultPublishURL
	}
	saved, err := o.events(t)
	if err != nil {
		return err
	}
	publish, end, err := o.publisher(ctx, t)
	if err != nil {
		return err
	}
	defer end()
	reported := "" // the error that was printed last: one that lasts is printed once
	for {
		err := o.publishAll(ctx, t, saved, publish)
		if o.loop && ctx.Err() != nil {
			return nil // interrupted, as a loop is meant to end
		}
		if !o.loop {
			return err
		}
		if err == nil {
			reported = ""
		} else if text := oneLine(err); text != reported {
			reported = text
			fmt.Fprintf(t.err, "profiles stream: %s; trying again in the next cycle\n", text)
		}
		if wait.For(ctx, time.Duration(o.pause*float64(time.Second))) != nil {
			return nil
		}
	}
}

// A savedEvent is an event of a file or of the flags, not of a running system.
type savedEvent struct {
	subject string
	event   any
}

// events returns the events of the file, then those of the flags for models.
func (o *streamOptions) events(t *terminal) ([]savedEvent, error) {
	spec, err := loadSpec(o.spec)
	if err != nil {
		return nil, err
	}
	rows, _, err := t.readTable(o.table)
	if err != nil {
		return nil, err
	}
	var models []savedEvent
	for subject, event := range o.models.Events() {
		models = append(models, savedEvent{subject, event})
	}
	slices.SortFunc(models, func(a, b savedEvent) int { return strings.Compare(a.subject, b.subject) })
	return append(tableEvents(rows, spec), models...), nil
}

// tableEvents returns an event for each row. They have no order, so on NATS any live
// event replaces them.
func tableEvents(rows []dataset.AttackProfile, spec *fit.Spec) []savedEvent {
	var all []savedEvent
	for _, row := range rows {
		p, _ := spec.Profile(fit.ProfileName(row.Profile))
		points := spec.Points
		if points.Total() != len(row.Median) {
			points, _ = fit.ScalePoints(len(row.Median)) // with fewer than five points the event has no phases
		}
		event := streamer.AttackProfile{
			Type: events.TypeAttackProfile, Name: row.Profile, Shape: p.Shape,
			Curve: doubles(row.Median), P25: normalised(row, row.P25Raw), P75: normalised(row, row.P75Raw),
			MedianRaw: doubles(row.MedianRaw), P25Raw: doubles(row.P25Raw), P75Raw: doubles(row.P75Raw),
			Used: int(row.Used), Attempted: int(row.Attempted),
			Channel: row.Channel, Unit: row.ShownUnit(),
		}
		if points.Total() > 0 {
			event.Phases = streamer.ShowPhases(points, nil)
		}
		all = append(all, savedEvent{events.Subject(events.TypeAttackProfile, row.Profile), event})
	}
	return all
}

func doubles(values []float32) []float64 {
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}

// normalised brings a quartile to the scale of the median, as fit.Envelope does. A
// file has the quartiles in raw units only.
func normalised(row dataset.AttackProfile, values []float32) []float64 {
	raw := doubles(values)
	n := fit.Envelope{Median: raw, P25: raw, P75: raw, Min: row.MedianMinRaw, Max: row.MedianMaxRaw}.Normalised()
	return doubles(n.P25)
}

// publishAll publishes each event once.
func (o *streamOptions) publishAll(ctx context.Context, t *terminal, saved []savedEvent, publish publisher) error {
	shown := 0
	for _, e := range saved {
		ok, err := publish(ctx, e)
		if err != nil {
			return err
		}
		if ok {
			shown++
		}
	}
	if o.dryRun {
		return nil
	}
	where := o.url
	if where == "" {
		where = "NATS"
	}
	line := fmt.Sprintf("published %d of %d events to %s", shown, len(saved), where)
	if kept := len(saved) - shown; kept > 0 {
		line += fmt.Sprintf("; %d were not published because a live event is shown there", kept)
	}
	_, err := fmt.Fprintln(t.err, line)
	return err
}

// A publisher publishes one event and reports whether it is shown now.
type publisher func(context.Context, savedEvent) (bool, error)

// publisher returns the function that publishes as the flags say. The caller must call end.
func (o *streamOptions) publisher(ctx context.Context, t *terminal) (publish publisher, end func(), err error) {
	switch {
	case o.dryRun:
		lines := json.NewEncoder(t.out)
		return func(_ context.Context, e savedEvent) (bool, error) { return true, lines.Encode(e.event) }, func() {}, nil
	case o.url != "":
		client := &http.Client{Timeout: 10 * time.Second}
		return func(ctx context.Context, e savedEvent) (bool, error) {
			err := post(ctx, client, o.url, e.event)
			if errors.Is(err, streamer.ErrKept) {
				return false, nil
			}
			if refused := (*net.OpError)(nil); errors.As(err, &refused) && refused.Op == "dial" {
				err = fmt.Errorf("%w (is a dashboard running there? `profiles up` starts one; --publish-url names another one, --nats publishes to NATS)", err)
			}
			return err == nil, err
		}, client.CloseIdleConnections, nil
	}
	b, err := o.nats.connectAndMakeStreams(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	dashboard := events.NewPublisher(b)
	return func(ctx context.Context, e savedEvent) (bool, error) {
		return dashboard.Publish(ctx, e.subject, e.event, 0)
	}, b.Close, nil
}

// maxPosts is how often an event is posted at most, if another try may help.
const maxPosts = 4

func post(ctx context.Context, client *http.Client, url string, event any) error {
	body, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	pause := wait.Backoff{Min: 250 * time.Millisecond}
	for try := 1; ; try++ {
		again, err := streamer.Post(ctx, client, url, strings.TrimSpace(os.Getenv("PUBLISH_TOKEN")), body)
		if err == nil || !again || try == maxPosts || ctx.Err() != nil {
			return err
		}
		if err := streamer.WaitToPost(ctx, err, &pause); err != nil {
			return err
		}
	}
}
