package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/gc"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/command/status"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/streamer"
	"github.com/cis490/profiles/worker"
)

// A guarded system has each service in its own role, at a server that refuses
// everything that the role does not grant.
type guarded struct {
	t    *testing.T
	srv  *bustest.Secure
	said *bustest.Record // log of the services and the commands
	log  *slog.Logger
	spec string // path
}

// as runs a command line in a role. It must succeed.
func (g *guarded) as(role string, args ...string) string {
	g.t.Helper()
	for key, value := range g.srv.Environment(role) {
		g.t.Setenv(key, value)
	}
	code, stdout, stderr := call(g.t, "", args...)
	_, _ = g.said.Write([]byte(stderr))
	if code != 0 {
		g.t.Fatalf("%s: profiles %s: exit %d\n%s%s", role, strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// services runs a worker, a streamer and a dashboard until the test ends. It returns a
// function that returns nil when all are ready, and the dashboard's URL.
func (g *guarded) services() (ready func() error, page string) {
	g.t.Helper()
	spec, err := service.LoadSpec(g.spec)
	if err != nil {
		g.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	nc := g.srv.ConnectAs("worker", g.log)
	archives, err := store.Open("nats://episodes", store.Config{}, nc)
	if err != nil {
		g.t.Fatal(err)
	}
	w, err := worker.New(worker.Config{Bus: g.srv.Config("worker"), Patience: 20 * time.Millisecond, CheckEvery: time.Second},
		worker.Deps{Bus: nc, Store: archives, Spec: spec, Log: g.log, Registry: registry})
	if err != nil {
		g.t.Fatal(err)
	}
	s, err := streamer.New(streamer.Config{CyclePause: time.Second, CheckEvery: time.Second},
		streamer.Deps{Bus: g.srv.ConnectAs("streamer", g.log), Log: g.log, Registry: registry})
	if err != nil {
		g.t.Fatal(err)
	}
	d, err := dashboard.New(dashboard.Config{CheckEvery: time.Second},
		dashboard.Deps{Bus: g.srv.ConnectAs("dashboard", g.log), Log: g.log, Registry: registry})
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running errgroup.Group
	running.Go(func() error { return w.Run(ctx) })
	running.Go(func() error { return s.Run(ctx) })
	running.Go(func() error { return d.Run(ctx) })
	running.Go(func() error { return d.ServeListener(ctx, listener) })
	g.t.Cleanup(func() {
		stop()
		_ = running.Wait()
	})
	return func() error { return cmp.Or(w.Ready(), s.Ready(), d.Ready()) }, "http://" + listener.Addr().String()
}

// waitUntil asks until there is no error.
func waitUntil(t *testing.T, what string, ask func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx := bustest.Context(t); ; {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("gave up waiting for %s: %v", what, err)
		}
	}
}

// TestRolesSuffice: each service and command does all of its work with the rights of
// its role, and never tries anything that these do not grant.
func TestRolesSuffice(t *testing.T) {
	said := &bustest.Record{}
	g := &guarded{t: t, srv: bustest.StartSecure(t), said: said, log: said.Log(t), spec: write(t, "spec.yaml", "target: 3\n")}
	t.Cleanup(func() {
		for who, lines := range map[string][]string{"the server": g.srv.Said.Violations(), "a client": said.Violations()} {
			if len(lines) > 0 {
				t.Errorf("%s says:\n%s", who, strings.Join(lines, ""))
			}
		}
	})
	if out := g.as("operator", "topology", "--spec", g.spec, "--archives", "nats://episodes"); !strings.Contains(out, "nats://episodes") {
		t.Error(out)
	}
	g.as("operator", "topology", "--spec", g.spec, "--archives", "nats://episodes") // again: there is nothing to do

	ready, page := g.services()
	waitUntil(t, "all services", ready)
	published, err := g.srv.Dial("viewer", func(err error) { t.Error(err) }).SubscribeSync("dashboard.attack_profile.*")
	if err != nil {
		t.Fatal(err)
	}

	g.as("emitter", "emit", "--store", recordedStore, "--upload", "nats://episodes")
	g.settled("viewer", 0)
	for shown := map[string]bool{}; len(shown) < len(six); {
		msg, err := published.NextMsgWithContext(bustest.Context(t))
		if err != nil {
			t.Fatalf("events arrived for %v only: %v", shown, err)
		}
		shown[msg.Subject] = true
	}
	g.equalsBatch(recordedStore)

	event := streamer.ModelMetric{Type: events.TypeModelMetric, Model: "knn", Metric: 0.5}
	if err := post(bustest.Context(t), &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, page+"/publish", event); err != nil {
		t.Error(err)
	}
	waitUntil(t, "the posted event", func() error {
		if body := get(t, page+"/api/events"); !strings.Contains(body, "knn") || strings.Count(body, "attack_profile\"") < len(six) {
			return fmt.Errorf("the dashboard shows %s", body)
		}
		return nil
	})
	table := filepath.Join(t.TempDir(), "fit.parquet")
	g.as("viewer", "export", "--fit-out", table)
	g.as("streamer", "stream", "--load-fit", table)
	g.as("emitter", "emit", "--rejected")
	g.settled("viewer", 0)

	t.Log("retract more episodes than the sample has in reserve")
	g.leaveHighest("cpu-saturate", 2) // fewer than the target: the new epoch is shown when it has caught up
	g.settled("viewer", 1)

	t.Log("remove the epoch before, once it is not shown any more")
	began := time.Now()
	waitUntil(t, "the removal", func() error {
		r := decode[gc.Report](t, g.as("operator", "gc", "--idle", "0s", "--json"))
		// When the epoch rose a worker may have handed back messages of the old
		// consumer. Nothing takes them, so for a day they count as work.
		if len(r.Generations) == 2 && r.Generations[0].Why == gc.AtWork && time.Since(began) > 3*time.Second {
			t.Logf("kept: %s", r.Generations[0].Detail)
			return nil
		}
		if len(r.Generations) != 2 || r.Generations[0].Fate != gc.Removed || r.Generations[1].Why != gc.Wanted {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})

	t.Log("restart the server")
	g.srv.Restart()
	waitUntil(t, "all services, again", ready)
	g.as("emitter", "emit", "--store", recordedStore, "--upload", "nats://episodes")
	g.settled("operator", 1)
	g.equalsBatch(recordedStore)
}

// TestRefusedCommands: a command without the rights for its work, or whose connection
// is refused, ends within seconds with one line that says why.
func TestRefusedCommands(t *testing.T) {
	srv := bustest.StartSecure(t)
	for key, value := range srv.Environment("operator") {
		t.Setenv(key, value)
	}
	must(t, "topology")
	for _, c := range []struct {
		role, args, key, value, says string
	}{
		{"streamer", "emit --store " + recordedStore, "", "", "may not publish to $JS.API.STREAM.MSG.GET.EPISODES"},
		{"receiver", "status", "", "", "may not publish to $JS.API.INFO"},
		{"streamer", "export", "", "", "may not publish to $JS.API.STREAM.MSG.GET.KV_specs"},
		{"dashboard", "topology --spec default", "", "", "may not publish to $JS.API.INFO"},
		{"viewer", "topology --spec default", "", "", "may not publish to $KV.specs."},
		{"viewer", "gc", "", "", "may not publish to $JS.API.CONSUMER.NAMES."},
		{"viewer", "status", "NATS_INBOX_PREFIX", "_INBOX", "is NATS_INBOX_PREFIX that of the role"},
		{"viewer", "status", "NATS_NKEY", "", "NATS_NKEY names the file"},
		{"viewer", "status", "NATS_CA", "", "NATS_CA is not set"},
	} {
		t.Run(c.role+" "+c.args+" "+c.key, func(t *testing.T) {
			for key, value := range srv.Environment(c.role) {
				t.Setenv(key, value)
			}
			if c.key != "" {
				t.Setenv(c.key, c.value)
			}
			began := time.Now()
			code, stdout, stderr := call(t, "", strings.Fields(c.args)...)
			if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "is a server running") {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// settled waits until the system is settled at an epoch.
func (g *guarded) settled(role string, epoch uint64) {
	g.t.Helper()
	waitUntil(g.t, fmt.Sprint("epoch ", epoch), func() error {
		r := decode[status.Report](g.t, g.as(role, "status", "--wait", "--timeout", "20s", "--json"))
		if last := r.Generations[len(r.Generations)-1]; last.Epoch != epoch {
			return fmt.Errorf("%+v", last)
		}
		return nil
	})
}

// equalsBatch compares the live envelopes and signatures with those of a batch fit.
func (g *guarded) equalsBatch(dir string) {
	g.t.Helper()
	live, batch := filepath.Join(g.t.TempDir(), "live.parquet"), filepath.Join(g.t.TempDir(), "batch.parquet")
	g.as("viewer", "export", "--fit-out", live, "--signatures-out", live+".json")
	must(g.t, "fit", "--store", dir, "--spec", g.spec, "--fit-out", batch, "--signatures-out", batch+".json")
	sameTables(g.t, live, batch)
	sameBytes(g.t, live+".json", batch+".json")
}

// leaveHighest retracts all episodes of a profile but the n of highest rank.
func (g *guarded) leaveHighest(profile fit.ProfileName, n int) {
	g.t.Helper()
	spec, err := service.LoadSpec(g.spec)
	if err != nil {
		g.t.Fatal(err)
	}
	file, err := roster.Read(dataset.OpenValidation(filepath.Join(filepath.Dir(recordedStore), "validation.parquet"), fit.DefaultValidation()), 0)
	if err != nil {
		g.t.Fatal(err)
	}
	type ranked struct {
		rank          fit.Rank
		host, episode string
	}
	var all []ranked
	for ref, p := range file.Episodes() {
		if p == profile {
			all = append(all, ranked{spec.Rank(string(ref.Host), string(ref.ID)), string(ref.Host), string(ref.ID)})
		}
	}
	slices.SortFunc(all, func(a, b ranked) int { return a.rank.Compare(b.rank) })
	b := g.srv.ConnectAs("receiver-retract", g.log)
	for _, e := range all[:len(all)-n] {
		if _, err := b.Publish(bustest.Context(g.t), bus.Notice{Retracted: true, Host: e.host, Episode: e.episode, Profile: string(profile), At: time.Now()}); err != nil {
			g.t.Fatal(err)
		}
	}
}
