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

// recorded is where a clone of the project has real episodes.
const recorded = "examples/recorded"

type upOptions struct {
	source  sourceFlags
	spec    string
	data    string
	nats    string
	listen  string
	settled bool
	models  streamer.Models
}

func upCommand(t *terminal) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up [--store DIR [--validation FILE]] [flags]",
		Short: "run the whole system in this process, on real episodes",
		Long: `up runs a NATS server, a worker, a streamer and the dashboard in one process,
publishes what the validation file accepts, and shows each profile's envelope as
its events come in, here and in the browser. It keeps running until Ctrl-C: any NATS client can connect, publish
episodes and follow the events.

Without --store it takes the recorded episodes of examples/recorded.`,
		Example: `  profiles up
  profiles up --store store --validation validation.parquet --data ./nats-data
  profiles up --exit-when-settled     for scripts: show the envelopes and end`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	o.source.add(f, anyStore)
	addSpecFlag(f, &o.spec)
	f.StringVar(&o.data, "data", "", "`DIR` for the NATS server's files, kept (default: a temporary one, removed at the end)")
	f.StringVar(&o.nats, "nats", "127.0.0.1:4222", "`HOST:PORT` of the NATS server; port 0 takes a free one")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8447", "`HOST:PORT` of the dashboard, /healthz, /readyz and /metrics; port 0 takes a free one")
	f.BoolVar(&o.settled, "exit-when-settled", false, "end when every accepted episode has arrived in an envelope")
	streamer.ModelFlags(f, &o.models)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		err := runUp(cmd.Context(), t, o)
		if cmd.Context().Err() != nil && !o.settled {
			return nil // that is how it is meant to end
		}
		return err
	}
	return cmd
}

func runUp(ctx context.Context, t *terminal, o upOptions) error {
	cfg := standalone.Config{NATS: o.nats}
	if err := o.settings(&cfg); err != nil {
		return err
	}
	spec, err := loadSpec(o.spec)
	if err != nil {
		return err
	}
	if err := o.source.orRecorded(); err != nil {
		return err
	}
	store, shut, err := openStore(ctx, t, o.source.store, nil)
	if err != nil {
		return err
	}
	defer shut()
	file, err := o.source.given()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen for the dashboard: %w (--listen takes another address)", err)
	}
	var remove func()
	if cfg.Dir, remove, err = o.folder(); err != nil {
		_ = listener.Close()
		return err
	}
	defer remove()

	u := &up{t: t, o: o, spec: spec, file: file, store: store, board: newBoard(t.out, spec.Profiles), page: "http://" + listener.Addr().String() + cfg.Dashboard.BasePath}
	if u.board.table && isTerminal(t.err) { // a line of the log in the middle of the table would spoil it
		if t.log, err = service.Log(u.board, t.level); err != nil {
			return usage(err)
		}
	}
	err = standalone.Run(ctx, cfg, standalone.Deps{Store: store, Spec: spec, Log: t.log, Listener: listener}, u.work)
	if errors.Is(err, standalone.ErrServer) {
		return fmt.Errorf("%w (--nats takes another address, --data another folder)", err)
	}
	return err
}

// settings fills the services' settings from the environment, as the daemons do.
func (o *upOptions) settings(cfg *standalone.Config) error {
	if err := o.models.Validate(); err != nil {
		return usage(err)
	}
	cfg.Streamer.Models = o.models
	for _, s := range slices.Concat(cfg.Worker.Settings(), cfg.Streamer.Settings(), cfg.Dashboard.Settings()) {
		if _, ok := s.Into.(*client.Config); ok {
			continue // of another server
		}
		if err := s.FromEnvironment(); err != nil {
			return usage(err)
		}
	}
	return usage(cmp.Or(cfg.Worker.Validate(), cfg.Streamer.Validate(), cfg.Dashboard.Validate()))
}

// orRecorded takes the project's own episodes where nothing is given.
func (f *sourceFlags) orRecorded() error {
	if f.store != "" {
		return nil
	}
	if f.validation != "" {
		return usage(errors.New("--validation goes with --store DIR"))
	}
	store := filepath.Join(recorded, "store")
	if info, err := os.Stat(store); err != nil || !info.IsDir() {
		return fmt.Errorf("%s is not in this folder: start in the project's folder, or pass --store DIR", recorded)
	}
	f.store = store
	return nil
}

// given is the validation file; empty where none is named and none lies beside
// the store. One that is named must be there.
func (f *sourceFlags) given() (string, error) {
	file := f.validation
	if file == "" {
		if file = f.beside(); file == "" {
			return "", nil
		}
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			return "", nil
		}
	}
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("open the validation file: %w", err)
	}
	return file, nil
}

// folder is where the server keeps its files, and what removes a temporary one.
func (o *upOptions) folder() (string, func(), error) {
	if o.data != "" {
		if err := os.MkdirAll(o.data, 0o755); err != nil {
			return "", nil, fmt.Errorf("make the folder of --data: %w", err)
		}
		return o.data, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "profiles-up-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w (--data takes another)", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// up is one run of the command.
type up struct {
	t     *terminal
	o     upOptions
	spec  *fit.Spec
	file  string // validation file; empty: none
	store episode.Store
	board *board
	page  string // where the dashboard is
}

// drawEvery is how often the table follows the events.
const drawEvery = 100 * time.Millisecond

// work is what happens beside the services.
func (u *up) work(ctx context.Context, s *standalone.System) error {
	fmt.Fprintf(u.board, "dashboard at %s, NATS at %s\n", u.page, s.URL)
	ctx, end := context.WithCancel(ctx)
	var followers errgroup.Group
	defer func() { // after this nothing writes to the board
		end()
		_ = followers.Wait()
		u.board.end()
	}()
	followed := make(chan error, 1)
	followers.Go(func() error {
		err := events.Follow(ctx, s.Bus, "dashboard.>", true, u.board.take)
		if err != nil {
			followed <- err
		}
		return nil
	})
	followers.Go(func() error { return u.draw(ctx) })

	if err := u.emit(ctx, s); err != nil {
		return err
	}
	if !u.o.settled {
		fmt.Fprint(u.board, u.hints(ctx, s))
	}
	settled := make(chan error, 1)
	followers.Go(func() error {
		settled <- u.untilSettled(ctx, s)
		return nil
	})
	for {
		select {
		case err := <-settled:
			if err != nil || u.o.settled {
				return err
			}
		case err := <-followed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (u *up) draw(ctx context.Context) error {
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			u.board.redraw()
		case <-ctx.Done():
			return nil
		}
	}
}

// emit publishes what the validation file accepts.
func (u *up) emit(ctx context.Context, s *standalone.System) error {
	if u.file == "" {
		fmt.Fprintf(u.board, "no validation.parquet beside the store: waiting for episodes on %s\n", bus.SubjectAccepted)
		return nil
	}
	e := &emit.Emitter{Bus: s.Bus, Rows: dataset.OpenValidation(u.file)}
	summary, err := e.Reconcile(ctx)
	if err != nil {
		return err
	}
	warnMalformed(u.board, summary.FirstMalformed, summary.Malformed)
	fmt.Fprintf(u.board, "%s accepts %d episodes: %d published, %d were known, %d taken back%s\n\n",
		u.file, summary.Accepted, summary.Published, summary.Already, summary.Retracted, u.unnamed(summary.ByProfile))
	return nil
}

// unnamed says which episodes will be in no envelope, since the spec does not
// name their profile.
func (u *up) unnamed(accepted map[fit.ProfileName]int) string {
	text := ""
	for _, p := range slices.Sorted(maps.Keys(accepted)) {
		if _, ok := u.spec.Profile(p); !ok {
			text += fmt.Sprintf("; %d of %s, which the spec does not name", accepted[p], p)
		}
	}
	return text
}

// untilSettled returns when every envelope is settled and shown, and says so.
func (u *up) untilSettled(ctx context.Context, s *standalone.System) error {
	report, err := status.Wait(ctx, s.Bus, nil)
	if err != nil {
		return err
	}
	for _, p := range report.Profiles {
		for p.Envelope != nil {
			digest, moved := u.board.shows(p.Name)
			if digest == p.Envelope.Digest {
				break
			}
			select {
			case <-moved:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	fmt.Fprintln(u.board, settledLine(report))
	return nil
}

// settledLine says what became of everything that was accepted.
func settledLine(r *status.Report) string {
	used, tried := 0, 0
	for _, p := range r.Profiles {
		used, tried = used+p.Used, tried+p.Attempted
	}
	line := fmt.Sprintf("settled: %d episodes tried, %d of them in the envelopes", tried, used)
	for i, reason := range slices.Sorted(maps.Keys(r.Rejected)) {
		line += []string{"; in REJECTED: ", ", "}[min(i, 1)] + fmt.Sprintf("%d %s", r.Rejected[reason], reason)
	}
	return line + "\n"
}

// hints are what a newcomer can do next.
func (u *up) hints(ctx context.Context, s *standalone.System) string {
	ours, theirs := "", ""
	if u.o.nats != "127.0.0.1:4222" {
		ours, theirs = " --nats "+s.URL, " -s "+s.URL
	}
	return fmt.Sprintf(`Try this in another terminal, and Ctrl-C here to end:
  %[4]s status%[1]s
  %[4]s export%[1]s --fit-out live.parquet
  nats%[2]s sub 'dashboard.>'
  nats%[2]s pub episode.retracted '%[3]s'
  nats%[2]s pub episode.accepted '%[3]s'
(nats is the NATS command line: go install github.com/nats-io/natscli/nats@latest)

`, ours, theirs, u.example(ctx), self())
}

// self is how this command was called, as a person would type it.
func self() string {
	called := os.Args[0]
	switch {
	case strings.Contains(called, "go-build"):
		return "go run ./cmd/profiles"
	case filepath.Base(called) != "profiles":
		return "profiles"
	}
	return called
}

// example is a message that makes a difference: it names the episode of a
// profile that is most likely in the sample, if one is there.
func (u *up) example(ctx context.Context) string {
	profile := u.spec.Profiles[0].Name
	ref := episode.Ref{Host: "host-1", ID: "episode-1"}
	if u.file != "" {
		if r, err := roster.Read(dataset.OpenValidation(u.file), u.spec.Seed); err == nil {
			ref = u.firstThere(ctx, r, profile, ref)
		}
	}
	return fmt.Sprintf(`{"host_id":%q,"episode_id":%q,"profile":%q}`, ref.Host, ref.ID, profile)
}

// firstThere is the episode of lowest rank that has an archive; otherwise where
// none of the first few has.
func (u *up) firstThere(ctx context.Context, r *roster.Roster, profile fit.ProfileName, otherwise episode.Ref) episode.Ref {
	const few = 20
	rows := r.ByRank(profile)
	for _, row := range rows[:min(len(rows), few)] {
		ref, _ := r.Ref(row)
		if archive, err := u.store.Open(ctx, ref); err == nil {
			_ = archive.Close()
			return ref
		}
	}
	return otherwise
}
