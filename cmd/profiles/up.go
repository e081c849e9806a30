package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/command/standalone"
	"github.com/cis490/profiles/command/status"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/streamer"
)

const (
	// defaultNATS is the address of the default NATS_URL, so that other commands find
	// the server.
	defaultNATS = "127.0.0.1:4222"
	// defaultPage equals the default of the dashboard's LISTEN.
	defaultPage = "127.0.0.1:8447"
)

type upOptions struct {
	source          sourceFlags
	spec            string
	data            string
	nats            string
	listen          string
	exitWhenSettled bool
	retractAll      bool
	models          streamer.Models
}

func upCommand() command {
	o := &upOptions{}
	cmd := &cobra.Command{
		Use:   "up [--store DIR [--validation FILE]] [flags]",
		Short: "run the whole system in this process, on real episodes",
		Long: `up runs a NATS server, a worker, a streamer and the dashboard in one process. It publishes
the episodes that the list accepts, and shows each profile's envelope as its
events arrive, here and in the browser. It runs until Ctrl-C. Any NATS client can connect,
publish episodes and follow the events.

Without --store it uses the recorded episodes in examples/recorded. Archives and lists of
another format need --spec: its keys format and validation describe them. With
--exit-when-settled up fails (exit code 1) if no episode gives a curve, and says why.`,
		Example: `  profiles up
  profiles up --store store --validation validation.parquet --data ./nats-data
  profiles up --store runs --validation runs.csv --spec spec.yaml
  profiles up --exit-when-settled     for scripts: show the envelopes and end`,
		Args: noArguments,
	}
	f := cmd.Flags()
	o.source.add(f, anyStore)
	addSpecFlag(f, &o.spec)
	f.StringVar(&o.data, "data", "", "`DIR` for the files of the NATS server, which stay (default: a temporary folder, removed at the end)")
	f.StringVar(&o.nats, "nats", defaultNATS, "`HOST:PORT` of the NATS server; port 0 takes a free port")
	f.StringVar(&o.listen, "listen", defaultPage, "`HOST:PORT` of the dashboard; on a loopback address also of /healthz, /readyz and /metrics (else HEALTH_LISTEN); port 0 takes a free port")
	f.BoolVar(&o.exitWhenSettled, "exit-when-settled", false, "end when every accepted episode is in an envelope, rejected, or has a reason for no curve")
	f.BoolVar(&o.retractAll, "retract-all", false, "with --data: retract everything that the list does not accept, however much it is (see emit)")
	streamer.ModelFlags(f, &o.models)
	return command{cmd, o.validate, o.run}
}

func (o *upOptions) validate() error {
	if o.source.store == "" && o.source.validation != "" {
		return errors.New("--validation needs --store DIR")
	}
	return o.models.Validate()
}

func (o *upOptions) run(ctx context.Context, t *terminal) error {
	err := o.runSystem(ctx, t)
	if ctx.Err() != nil && !o.exitWhenSettled {
		return nil // Ctrl-C is the usual end
	}
	return err
}

func (o *upOptions) runSystem(ctx context.Context, t *terminal) error {
	cfg := standalone.Config{NATS: o.nats}
	if err := o.readSettings(&cfg); err != nil {
		return err
	}
	spec, err := loadSpec(o.spec)
	if err != nil {
		return err
	}
	if err := o.source.useRecorded(); err != nil {
		return err
	}
	archives, closeStore, err := openStore(ctx, t, o.source.store, spec.Format.Suffixes, nil)
	if err != nil {
		return err
	}
	defer closeStore()
	file, err := o.source.validationIfPresent(t.err)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen for the dashboard: %w (--listen sets another address)", err)
	}
	var remove func()
	if cfg.Dir, remove, err = o.serverDir(); err != nil {
		_ = listener.Close()
		return err
	}
	defer remove()

	table := newLiveTable(t.out, spec)
	if table.screen != nil && screenOf(t.err) != nil { // a log line within the table would damage it
		if t.log, err = service.Log(table, t.level); err != nil {
			return usage(err)
		}
	}
	d := &demo{
		spec: spec, file: file, archives: archives, table: table, exitWhenSettled: o.exitWhenSettled, retractAll: o.retractAll,
		page: "http://" + listener.Addr().String() + cfg.Dashboard.BasePath, defaultNATS: o.nats == defaultNATS,
	}
	err = standalone.Run(ctx, cfg, standalone.Deps{Store: archives, Spec: spec, Log: t.log, Listener: listener}, d.run)
	if errors.Is(err, standalone.ErrServer) {
		return fmt.Errorf("%w (--nats sets another address, --data another folder)", err)
	}
	return err
}

// readSettings fills the services' settings from the environment.
func (o *upOptions) readSettings(cfg *standalone.Config) error {
	cfg.Streamer.Models = o.models
	for _, s := range slices.Concat(cfg.Worker.Settings(), cfg.Streamer.Settings(), cfg.Dashboard.Settings()) {
		if _, ok := s.Into.(*client.Config); ok {
			continue // the settings of NATS are for another server
		}
		if err := s.FromEnvironment(); err != nil {
			return usage(err)
		}
	}
	return usage(cmp.Or(cfg.Worker.Validate(), cfg.Streamer.Validate(), cfg.Dashboard.Validate()))
}

// serverDir returns the folder of the server's files. The caller must call remove,
// which removes a temporary folder.
func (o *upOptions) serverDir() (dir string, remove func(), err error) {
	if o.data != "" {
		if err := os.MkdirAll(o.data, 0o755); err != nil {
			return "", nil, fmt.Errorf("make the folder of --data: %w", err)
		}
		return o.data, func() {}, nil
	}
	if dir, err = os.MkdirTemp("", "profiles-up-"); err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w (--data sets another one)", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// A demo publishes the episodes of the validation file to a running system and shows
// the envelopes that result.
type demo struct {
	spec            *fit.Spec
	file            string // validation file; "" without one
	archives        episode.Store
	table           *liveTable
	page            string // URL of the dashboard
	defaultNATS     bool   // the server has the default address
	exitWhenSettled bool
	retractAll      bool // publish retractions, however many
}

// redrawEvery is how often the table is updated.
const redrawEvery = 100 * time.Millisecond

func (d *demo) run(ctx context.Context, s *standalone.System) error {
	fmt.Fprintf(d.table, "dashboard at %s, NATS at %s\n", d.page, s.URL)
	ctx, end := context.WithCancel(ctx)
	var background errgroup.Group
	defer func() {
		end()
		_ = background.Wait()
		d.table.end() // nothing writes to the table after this
	}()
	following := make(chan error, 1)
	background.Go(func() error {
		err := events.Follow(ctx, s.Bus, "dashboard.>", true, d.table.add)
		if err != nil {
			following <- err
		}
		return nil
	})
	background.Go(func() error { return d.redraw(ctx, s) })

	if err := d.publish(ctx, s); err != nil {
		return err
	}
	if !d.exitWhenSettled {
		fmt.Fprint(d.table, d.hints(ctx, s))
	}
	settled := make(chan error, 1)
	background.Go(func() error {
		settled <- d.waitUntilSettled(ctx, s)
		return nil
	})
	for {
		select {
		case err := <-settled:
			if err != nil || d.exitWhenSettled {
				return err
			}
		case err := <-following:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (d *demo) redraw(ctx context.Context, s *standalone.System) error {
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.table.showProblem(s.Problem())
			d.table.redraw()
		case <-ctx.Done():
			return nil
		}
	}
}

// publish publishes the episodes that the validation file accepts.
func (d *demo) publish(ctx context.Context, s *standalone.System) error {
	if d.file == "" {
		fmt.Fprintf(d.table, "no list of episodes beside the store: waiting for episodes on %s\n", bus.SubjectAccepted)
		return nil
	}
	e := &emit.Emitter{Bus: s.Bus, Rows: dataset.OpenValidation(d.file, d.spec.Validation), Columns: d.spec.Validation, RetractAll: d.retractAll}
	summary, err := e.Reconcile(ctx)
	if err != nil {
		return err
	}
	warnMalformed(d.table, summary.FirstMalformed, summary.Malformed)
	why := d.otherProfiles(summary.ByProfile)
	if summary.Why != "" {
		why = ": " + summary.Why
	}
	fmt.Fprintf(d.table, "%s accepts %d episodes: %d published, %d were known, %d retracted%s\n\n",
		d.file, summary.Accepted, summary.Published, summary.Already, summary.Retracted, why)
	return nil
}

// otherProfiles says how many accepted episodes are in no envelope because the spec
// does not have their profile.
func (d *demo) otherProfiles(accepted map[fit.ProfileName]int) string {
	text := ""
	for _, p := range slices.Sorted(maps.Keys(accepted)) {
		if _, ok := d.spec.Profile(p); !ok {
			text += fmt.Sprintf("; %d of %s, a profile that the spec does not have", accepted[p], p)
		}
	}
	return text
}

// waitUntilSettled waits until the system is settled and the table shows every
// envelope, and prints a summary.
func (d *demo) waitUntilSettled(ctx context.Context, s *standalone.System) error {
	report, err := status.Wait(ctx, s.Bus, nil)
	if err != nil {
		return err
	}
	for _, p := range report.Profiles {
		for p.Envelope != nil {
			digest, changed := d.table.digest(p.Name)
			if digest == p.Envelope.Digest {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	fmt.Fprintln(d.table, settledLine(report))
	used := 0
	for _, p := range report.Profiles {
		used += p.Used
	}
	if used > 0 || !d.exitWhenSettled {
		return nil
	}
	return d.noneUsable(ctx, s, report)
}

// settledLine counts the episodes that were tried, those in the envelopes and those in REJECTED.
func settledLine(r *status.Report) string {
	used, tried := 0, 0
	for _, p := range r.Profiles {
		used, tried = used+p.Used, tried+p.Attempted
	}
	line := fmt.Sprintf("settled: %d episodes tried, %d of them in the envelopes", tried, used)
	if len(r.Rejected) > 0 {
		line += "; in REJECTED: " + reasonCounts(r.Rejected)
	}
	return line + "\n"
}

// hints returns commands for a newcomer to try.
func (d *demo) hints(ctx context.Context, s *standalone.System) string {
	profilesFlag, natsFlag := "", ""
	if !d.defaultNATS {
		profilesFlag, natsFlag = " --nats "+s.URL, " -s "+s.URL
	}
	return fmt.Sprintf(`Try this in another terminal, and Ctrl-C here to end:
  %[4]s status%[1]s
  %[4]s export%[1]s --fit-out live.parquet
  nats%[2]s sub 'dashboard.>'
  nats%[2]s pub episode.retracted '%[3]s'
  nats%[2]s pub episode.accepted '%[3]s'
(nats is the NATS command line: go install github.com/nats-io/natscli/nats@latest)

`, profilesFlag, natsFlag, d.exampleMessage(ctx), programName())
}

// programName returns this program's name as one would type it.
func programName() string {
	called := os.Args[0]
	switch {
	case strings.Contains(called, "go-build"):
		return "go run ./cmd/profiles"
	case filepath.Base(called) != "profiles":
		return "profiles"
	}
	return called
}

// exampleMessage returns a message that changes an envelope, if it can: it names the
// episode of lowest rank that has an archive.
func (d *demo) exampleMessage(ctx context.Context) string {
	profile := d.spec.Profiles[0].Name
	ref := episode.Ref{Host: "host-1", ID: "episode-1"}
	if d.file != "" {
		if r, err := roster.Read(dataset.OpenValidation(d.file, d.spec.Validation), d.spec.Seed); err == nil {
			ref = d.firstArchive(ctx, r, profile, ref)
		}
	}
	return fmt.Sprintf(`{"host_id":%q,"episode_id":%q,"profile":%q}`, ref.Host, ref.ID, profile)
}

// firstArchive returns the episode of lowest rank that has an archive, or otherwise if
// none of the first 20 has one.
func (d *demo) firstArchive(ctx context.Context, r *roster.Roster, profile fit.ProfileName, otherwise episode.Ref) episode.Ref {
	rows := r.ByRank(profile)
	for _, row := range rows[:min(len(rows), 20)] {
		ref, _ := r.Ref(row)
		if archive, err := d.archives.Open(ctx, ref); err == nil {
			_ = archive.Close()
			return ref
		}
	}
	return otherwise
}
