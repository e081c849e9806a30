//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/streamer"
)

// Sizes of the fleet and of its store.
const (
	workers    = 3
	streamers  = 2
	dashboards = 2

	perProfile  = 60      // episodes
	target      = 20      // of the samples
	ghost       = "ghost" // a profile of the spec whose channel no archive has
	damagedSize = 4000    // bytes of archives that are cut off
)

// A fleet is the whole system: processes with links between them.
type fleet struct {
	t    *testing.T
	dir  string
	logs string
	rand *rand.Rand

	cluster    *cluster
	workers    []*daemon
	streamers  []*daemon
	dashboards []*daemon
	receiver   *receiver
	receiving  []*link // links of the receiver
	observers  *observers

	bus      *bus.Bus            // of the test itself, without links
	js       jetstream.JetStream // the same
	topology []string            // all streams
	spec     *fit.Spec           // the wanted one
	file     string              // file of the spec

	history        *history
	lost           map[string]bool // streams that were lost or restored in this round
	fates          map[string]int  // greatest number of episodes by result
	poisoned       map[claim]bool  // claims whose episodes killed workers
	copiesLostUpTo uint64          // end of the log when REJECTED was deleted: older copies are lost
	missed         bool            // archives came late: REJECTED may have some as missing
}

// A daemon is a process of a service with its links to the nodes.
type daemon struct {
	*process
	links []*link
	http  string // address
}

// short are settings with short intervals.
var short = []string{
	"NATS_REPLICAS=3", "LOG_LEVEL=info",
	"ALIGN_ACK_WAIT=3s", "REDUCE_ACK_WAIT=3s", "DRAIN_TIME=3s", "MISSING_PATIENCE=1s", "CHECK_EVERY=2s", "CYCLE_PAUSE=2s",
	"CONCURRENCY=2", "GOMEMLIMIT=192MiB", "GOTRACEBACK=all",
}

func newFleet(t *testing.T) *fleet {
	dir, err := os.MkdirTemp("", "profiles-faults-")
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, dir: dir, logs: filepath.Join(dir, "logs"), rand: rand.New(rand.NewPCG(seed, 0)),
		lost: map[string]bool{}, fates: map[string]int{}, poisoned: map[claim]bool{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d; the logs of all processes are in %s", seed, f.logs)
			for _, name := range []string{"store", "n1", "n2", "n3"} {
				_ = os.RemoveAll(filepath.Join(dir, name))
			}
			return
		}
		_ = os.RemoveAll(dir)
	})
	for _, d := range []string{f.logs, filepath.Join(dir, "store-faults")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	claims := f.makeStore()
	f.cluster = newCluster(t, dir, f.logs)
	f.bus = f.connect(f.cluster.url(), "profiles-faults")
	nc := connect(t, f.cluster.url(), "profiles-faults-plain")
	if f.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	f.must("a leader of the cluster", time.Minute, func(ctx context.Context) error {
		return ask(ctx, func(ctx context.Context) error { _, err := f.js.AccountInfo(ctx); return err })
	})
	f.must("the topology", time.Minute, f.bus.EnsureTopology)
	f.nameStreams()
	f.history = newHistory(f.js)
	f.history.follower.follow(t)
	f.wantSpec(1, target)

	for i := range workers {
		f.workers = append(f.workers, f.service("worker", i))
	}
	for i := range streamers {
		f.streamers = append(f.streamers, f.service("streamer", i))
	}
	for i := range dashboards {
		f.dashboards = append(f.dashboards, f.service("dashboard", i))
	}
	for _, s := range f.services() {
		f.startService(s)
	}
	f.receiving = f.linksTo("receiver")
	f.receiver = newReceiver(t, f.connect(natsURL(f.receiving), "receiver"), f.js, claims)
	f.observers = watch(t, nc, f.js, f.dashboards)
	return f
}

// connect connects a bus that ends with the test.
func (f *fleet) connect(url, name string) *bus.Bus {
	b, err := bus.Connect(client.Config{URL: url, Name: name, Replicas: nodes}, f.logger(name))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(b.Close)
	return b
}

func (f *fleet) logger(name string) *slog.Logger {
	out, err := os.OpenFile(filepath.Join(f.logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = out.Close() })
	return slog.New(slog.NewTextHandler(out, nil))
}

// linksTo makes links from a process to every node.
func (f *fleet) linksTo(from string) []*link {
	var all []*link
	for _, n := range f.cluster.nodes {
		all = append(all, newLink(f.t, from, n.name, n.clients))
	}
	return all
}

// clientLinks returns the links of all clients: the services and the receiver.
func (f *fleet) clientLinks() []*link {
	all := slices.Clone(f.receiving)
	for _, s := range f.services() {
		all = append(all, s.links...)
	}
	return all
}

func natsURL(links []*link) string {
	var urls []string
	for _, l := range links {
		urls = append(urls, "nats://"+l.addr())
	}
	return strings.Join(urls, ",")
}

func (f *fleet) service(kind string, i int) *daemon {
	name := fmt.Sprintf("%s-%d", kind, i+1)
	links, listen := f.linksTo(name), freeAddr(f.t)
	env := append(slices.Clone(short), "NATS_URL="+natsURL(links), "NATS_NAME="+name, "LISTEN="+listen,
		"EPISODE_STORE="+f.storeDir(), storeFaultsEnv+"="+filepath.Join(f.dir, "store-faults"))
	s := &daemon{newProcess(f.t, f.logs, name, filepath.Join(bin, "profile-"+kind), nil, env), links, listen}
	f.t.Cleanup(s.kill)
	return s
}

// startService starts a service with the wanted spec.
func (f *fleet) startService(s *daemon, more ...string) {
	s.start(append([]string{"FIT_SPEC=" + f.file}, more...)...)
}

func (f *fleet) services() []*daemon { return slices.Concat(f.workers, f.streamers, f.dashboards) }

func (f *fleet) processes() []*process {
	var all []*process
	for _, n := range f.cluster.nodes {
		all = append(all, n.process)
	}
	for _, s := range f.services() {
		all = append(all, s.process)
	}
	return all
}

func (f *fleet) storeDir() string { return filepath.Join(f.dir, "store") }

// makeStore writes the archives and returns all claims: of good episodes, of sloppy, damaged and
// missing ones, and of a profile whose channel no archive has.
func (f *fleet) makeStore() []claim {
	g := synth.New(seed)
	if err := g.Write(context.Background(), f.dir, perProfile, nil, nil); err != nil {
		f.t.Fatal(err)
	}
	var all []claim
	for i := range perProfile {
		for _, p := range synth.Profiles() {
			host, id := g.Ref(p, i)
			profile := p
			if i%20 == 17 && p == synth.Profiles()[0] {
				profile = ghost
			}
			all = append(all, claim{host, id, profile})
			path := filepath.Join(f.storeDir(), host, id+".tar.zst")
			var err error
			switch i % 20 {
			case 7:
				err = os.Truncate(path, damagedSize)
			case 13:
				err = os.Remove(path)
			}
			if err != nil {
				f.t.Fatal(err)
			}
			if makeSloppy := sloppy[i%20]; makeSloppy != nil {
				makeSloppy(f.t, path)
			}
		}
	}
	return all
}

// wantSpec writes the spec of a revision and makes it the wanted one.
func (f *fleet) wantSpec(revision, target int) {
	text := fmt.Sprintf("revision: %d\ntarget: %d\nformat: {suffixes: [.tar.zst, %s]}\nprofiles:\n", revision, target, otherSuffix)
	for _, p := range fit.DefaultSpec().Profiles {
		text += fmt.Sprintf("  - {name: %s, channel: %s}\n", p.Name, p.Channel)
	}
	text += fmt.Sprintf("  - {name: %s, channel: proc.no_such_field}\n", ghost)
	f.file = filepath.Join(f.dir, fmt.Sprintf("spec-%d.yaml", revision))
	if err := os.WriteFile(f.file, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
	var err error
	if f.spec, err = service.LoadSpec(f.file); err != nil {
		f.t.Fatal(err)
	}
}

// storeFault switches a fault of the workers' store on or off.
func (f *fleet) storeFault(name, says string, on bool) {
	path := f.storeFaultFile(name)
	err := os.Remove(path)
	if on {
		err = os.WriteFile(path, []byte(says), 0o644)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
}

func (f *fleet) storeFaultFile(name string) string { return filepath.Join(f.dir, "store-faults", name) }

// must ends the test if do fails within a limit of time.
func (f *fleet) must(what string, limit time.Duration, do func(context.Context) error) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient(limit))
	defer cancel()
	if err := do(ctx); err != nil {
		f.t.Fatalf("%s: %v", what, err)
	}
}

// profiles runs the profiles command and returns its output.
func (f *fleet) profiles(ctx context.Context, args ...string) (string, error) {
	return runProfiles(ctx, []string{"NATS_URL=" + f.cluster.url(), "NATS_REPLICAS=3"}, args...)
}

func runProfiles(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "profiles"), args...)
	cmd.Env = append(os.Environ(), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("profiles %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return string(out), nil
}

// while waits, as a fault must last for a while.
func (f *fleet) while(d time.Duration) { <-time.After(d) }

// between returns a random duration.
func (f *fleet) between(least, most time.Duration) time.Duration {
	return least + time.Duration(f.rand.Int64N(int64(most-least)))
}

func pick[T any](f *fleet, all []T) T { return all[f.rand.IntN(len(all))] }

// heal undoes everything that a fault may have left: links, disks, stopped processes.
func (f *fleet) heal() {
	for _, storeFault := range []string{storeSlow, storeFails, storePoison} {
		f.storeFault(storeFault, "", false)
	}
	for _, n := range f.cluster.nodes {
		for _, l := range n.to {
			l.set(whole, 0)
		}
		_ = os.Remove(filepath.Join(n.disk, filler))
		n.resume()
		if !n.runs() {
			n.start()
		}
	}
	f.setLinks(f.clientLinks(), whole)
	for _, s := range f.services() {
		s.resume()
		if !s.runs() {
			f.startService(s)
		}
	}
}

// killAll kills processes at the same time.
func killAll[P interface{ kill() }](all ...P) {
	var killing sync.WaitGroup
	for _, p := range all {
		killing.Go(p.kill)
	}
	killing.Wait()
}

// copyTree copies a folder, in which nothing may write meanwhile.
func copyTree(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

// events returns the last events of profiles that a dashboard has, by subject.
func (d *daemon) events(ctx context.Context) (map[string]streamer.AttackProfile, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.http+"/api/events?type="+events.TypeAttackProfile, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var listed []struct {
		Subject string                 `json:"subject"`
		Event   streamer.AttackProfile `json:"event"`
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", d.name, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(&listed); err != nil {
		return nil, fmt.Errorf("events of %s: %w", d.name, err)
	}
	events := map[string]streamer.AttackProfile{}
	for _, l := range listed {
		events[l.Subject] = l.Event
	}
	return events, nil
}
