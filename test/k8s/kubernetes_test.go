//go:build k8s

// Package k8s_test runs the system in a real cluster: that of KUBECONFIG. k8s/README.md
// lists what the cluster needs.
package k8s_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A report has the fields of `profiles status --json` that the test reads.
type report struct {
	Wanted      string `json:"wanted"`
	Generations []struct {
		ID       string `json:"id"`
		Revision int    `json:"revision"`
		Epoch    int    `json:"epoch"`
		LeftOver bool   `json:"left_over"`
	} `json:"generations"`
	Lag *struct {
		Align, Reduce struct {
			Pending    int `json:"pending"`
			Unacked    int `json:"unacked"`
			Deliveries int `json:"deliveries"`
		}
	} `json:"lag"`
	Profiles []struct {
		Name     string `json:"name"`
		Used     int    `json:"used"`
		Complete bool   `json:"complete"`
		Agrees   bool   `json:"agrees"`
	} `json:"profiles"`
	Rejected map[string]int `json:"rejected"`
	Streams  []struct {
		Name    string `json:"name"`
		LastSeq int    `json:"last_seq"`
	} `json:"streams"`
}

func (r report) lastSeq(stream string) int {
	for _, s := range r.Streams {
		if s.Name == stream {
			return s.LastSeq
		}
	}
	return 0
}

// status waits until the revision of a spec is wanted and everything is settled. It tries
// again if the connection to NATS was lost meanwhile.
func (c *cluster) status(revision int) report {
	c.t.Helper()
	for began := time.Now(); ; {
		out := c.runFor(11*time.Minute, "status", "viewer", "status", "--wait", "--timeout", "10m", "--json")
		var r report
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			c.t.Fatalf("%v: %s", err, out)
		}
		if n := len(r.Generations); n > 0 && r.Generations[n-1].Revision == revision {
			return r
		}
		if time.Since(began) > 2*time.Minute {
			c.t.Fatalf("revision %d is not wanted: %s", revision, out)
		}
	}
}

// equal ends the test unless the live envelopes have the same values as the batch fit. It
// returns how many bytes of text were compared.
func (c *cluster) equal(validation, store string) int {
	c.t.Helper()
	c.command("fit", "viewer", "fit", "--spec", "/etc/profiles/spec.yaml", "--store", store, "--validation", validation, "--fit-out", "/episodes/batch.parquet")
	c.run("export", "viewer", "export", "--fit-out", "/episodes/live.parquet")
	c.ended("fit", 5*time.Minute)
	live := c.run("show-live", "viewer", "show", "--json", "/episodes/live.parquet")
	batch := c.run("show-batch", "viewer", "show", "--json", "/episodes/batch.parquet")
	if live != batch || strings.Count(live, `"curve"`)+strings.Count(live, `"median"`) < 6 {
		c.t.Fatalf("the live envelopes differ from the batch fit, or are not six:\n%s\n%s", live, batch)
	}
	return len(live)
}

// setting returns a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s is %q: it must be a number", name, text)
	}
	return n
}

// inFlight is the greatest number of messages that one worker may hold unacknowledged: 500
// fetched ahead, those in work, and those whose acks are on their way.
const inFlight = 512

func TestKubernetes(t *testing.T) {
	c := newCluster(t)
	episodes := setting(t, "K8S_EPISODES", 20_000)
	perProfile := episodes / 6
	most := perProfile * 9 / 10 // a target at which nearly every archive is opened
	many := perProfile / 4      // ... two thirds of them
	some := perProfile / 10     // ... a third of them
	table := newTable(t)
	const store, validation = "/episodes/store", "/episodes/validation.parquet"
	const missing = 5 // of the recorded episodes that are accepted, and whose profile the spec names

	c.load()
	c.makeNamespace(table)
	c.apply(spec{revision: 1, target: 7}, byHand) // each profile has seven that give a curve
	c.bringRecorded()
	// The workers need the folder of the archives to start.
	c.command("synth", "viewer", "synth", "--episodes-per-profile", fmt.Sprint(perProfile), "--out", "/episodes")
	c.kubectl("wait", "--for=condition=complete", "job/profile-topology", "--timeout=5m")
	table.row("apply -k: three NATS, topology made")
	c.ended("synth", 5*time.Minute)
	table.row("%d synthetic episodes written", 6*perProfile)
	for _, name := range []string{"profile-worker", "profile-streamer", "profile-dashboard"} {
		c.rolledOut("deployment", name)
	}
	table.row("ready: %d NATS, %d worker, %d streamers, %d dashboards ready", len(c.pods("nats")),
		len(c.pods("profile-worker")), len(c.pods("profile-streamer")), len(c.pods("profile-dashboard")))

	c.monitoringIsClosed()

	watching, stopWatching := context.WithCancel(t.Context())
	defer stopWatching()
	page := c.browse(watching)

	c.run("emit-recorded", "emitter", "emit", "--store", "/recorded/store", "--validation", "/recorded/validation/validation.parquet", "--upload", store)
	r := c.status(1)
	for _, p := range r.Profiles {
		if !p.Complete || !p.Agrees {
			t.Errorf("%+v", p)
		}
	}
	if len(r.Profiles) != 6 || r.Rejected["missing"] != missing || len(r.Rejected) != 1 {
		t.Fatalf("%+v", r)
	}
	n := c.equal("/recorded/validation/validation.parquet", store)
	table.row("recorded episodes emitted: 6 complete envelopes equal the fit (%d bytes of text), %d missing in REJECTED", n, missing)

	c.kubectl("scale", "deployment/profile-worker", "--replicas=0")
	c.run("emit", "emitter", "emit", "--store", store, "--validation", validation, "--retract-all")
	table.row("the synthetic ones emitted, the recorded ones taken back, while no worker runs")

	// Each load is a spec change: the new generation reads the log from its start
	// and opens nearly every archive.
	revision := 1
	// disturb returns how often a worker may have lost the messages that it held: inFlight at most.
	load := func(name string, target int, disturb func() (losses int)) {
		t.Helper()
		revision++
		c.apply(spec{revision: revision, target: target, seed: revision}, byHand)
		c.rolledOut("deployment", "profile-worker")
		losses := disturb()
		r := c.status(revision)
		again := r.Lag.Align.Deliveries - r.lastSeq("EPISODES")
		if again > losses*inFlight {
			t.Errorf("%s: %d messages were redelivered: %d losses explain at most %d", name, again, losses, losses*inFlight)
		}
		n := c.equal(validation, store)
		for profile, events := range page.seen() {
			if err := neverBack(events); err != nil {
				t.Errorf("%s: %v", profile, err)
			}
		}
		table.row("%s: settled; 6 envelopes equal the fit (%d bytes of text); %d of %d messages redelivered", name, n, again, r.lastSeq("EPISODES"))
		if r.Rejected["missing"] != missing || len(r.Rejected) != 1 {
			t.Errorf("REJECTED holds %v", r.Rejected)
		}
	}

	load("scaled 1, 4, 2", most, func() int {
		for _, n := range []int{1, 4, 2} {
			c.kubectl("scale", "deployment/profile-worker", fmt.Sprint("--replicas=", n))
			c.until(fmt.Sprint(n, " workers"), time.Minute, func() bool { return len(c.pods("profile-worker")) == n })
			table.row("  %d workers; %s", n, c.progress())
		}
		return 4 - 2
	})
	load("rolled worker, streamer and dashboard", some, func() int {
		workers := len(c.pods("profile-worker"))
		for _, name := range []string{"profile-worker", "profile-streamer", "profile-dashboard"} {
			c.kubectl("rollout", "restart", "deployment/"+name)
		}
		for _, name := range []string{"profile-worker", "profile-streamer", "profile-dashboard"} {
			c.rolledOut("deployment", name)
		}
		table.row("  rolled; %s", c.progress())
		return workers
	})
	load("deleted 10 pods at random", some, func() (losses int) {
		for range 10 {
			pods := slices.Concat(c.pods("profile-worker"), c.pods("profile-streamer"), c.pods("profile-dashboard"))
			pod := pods[rand.IntN(len(pods))]
			if strings.HasPrefix(pod, "profile-worker-") {
				losses++
			}
			c.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
			c.until("pods", time.Minute, func() bool { return len(c.pods("profile-worker")) > 0 })
		}
		table.row("  deleted; %s", c.progress())
		return losses
	})
	load("restarted NATS one by one", some, func() int {
		c.kubectl("rollout", "restart", "statefulset/nats")
		c.rolledOut("statefulset", "nats")
		table.row("  restarted; %s", c.progress())
		return len(c.pods("nats")) * len(c.pods("profile-worker")) // acks on their way to a server that ends may be lost
	})
	load("drained a node", some, func() int {
		node, workers := c.nodeOf("nats-1"), len(c.pods("profile-worker"))
		c.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=4m", "--pod-selector=app.kubernetes.io/part-of=profiles")
		table.row("  drained %s; %s", node, c.progress())
		c.kubectl("uncordon", node)
		c.rolledOut("statefulset", "nats")
		return workers // those on the drained node, or connected to its server
	})
	c.killNode(table, load, some)

	// The autoscaler starts from one worker and adds others under load.
	c.kubectl("scale", "deployment/profile-worker", "--replicas=1")
	c.until("1 worker", time.Minute, func() bool { return len(c.pods("profile-worker")) == 1 })
	revision++
	c.apply(spec{revision: revision, target: many, seed: revision}, byCPU)
	c.rolledOut("deployment", "profile-worker")
	table.row("autoscaler applied: %s", c.scaledUp(4*time.Minute))
	c.status(revision)
	table.row("  settled; 6 envelopes equal the fit (%d bytes of text)", c.equal(validation, store))

	// A spec change as a user sees it: the page never shows a mixture.
	revision++
	c.apply(spec{revision: revision, target: 100}, byHand)
	c.until("the page to show target 100", 3*time.Minute, func() bool { return page.switched(100) })
	page.seen()
	revision++
	c.apply(spec{revision: revision, target: 50, seed: 99}, byHand)
	c.until("the page to show target 50", 3*time.Minute, func() bool { return page.switched(50) })
	c.status(revision)
	shown := 0
	for profile, events := range page.seen() {
		if err := neverBack(events); err != nil {
			t.Errorf("%s: %v", profile, err)
		}
		for _, e := range events {
			shown++
			// Every event is complete and of one spec.
			if !e.Complete || e.Used != e.Target || e.Target == 50 != (e.Revision[0] == uint64(revision)) {
				t.Errorf("%s: the page was shown %d of %d, complete %v, of revision %v", profile, e.Used, e.Target, e.Complete, e.Revision)
			}
		}
	}
	n = c.equal(validation, store)
	table.row("spec changed from target 100 to 50, other seed: %d events, each complete and of one spec; equals the fit (%d bytes of text)", shown, n)
}

// monitoringIsClosed checks that the monitoring of each NATS server listens on the loopback address of its pod alone. It
// asks from within the pod, where no NetworkPolicy can hide an open port.
func (c *cluster) monitoringIsClosed() {
	c.t.Helper()
	for _, pod := range c.pods("nats") {
		ask := func(host string) (string, error) {
			return c.try(c.t.Context(), "", "--namespace", namespace, "exec", pod, "--", "/ko-app/nats-health", "http://"+net.JoinHostPort(host, "8222")+"/healthz")
		}
		if _, err := ask("127.0.0.1"); err != nil {
			c.t.Error(err)
		}
		if out, err := ask(c.kubectl("get", "pod", pod, "-o", "jsonpath={.status.podIP}")); err == nil || !strings.Contains(err.Error(), "refused") {
			c.t.Errorf("the monitoring of %s answers at the address of its pod: %s %v", pod, out, err)
		}
	}
}

// nodeOf returns the node of a pod.
func (c *cluster) nodeOf(pod string) string {
	c.t.Helper()
	return c.kubectl("get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")
}

// progress describes how many messages the workers have handled, by their metrics.
func (c *cluster) progress() string {
	handled, pods := 0.0, c.pods("profile-worker")
	for _, pod := range pods {
		out, err := c.read(pod, 8448, "/metrics")
		if err != nil {
			continue
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "profiles_episodes_total{") {
				n, _ := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndex(line, " "):]), 64)
				handled += n
			}
		}
	}
	return fmt.Sprintf("%d workers now running have handled %.0f messages", len(pods), handled)
}

// scaledUp waits until the autoscaler has added a second worker.
func (c *cluster) scaledUp(limit time.Duration) string {
	c.t.Helper()
	c.until("the autoscaler to want more than one worker", limit, func() bool {
		wanted, _ := strconv.Atoi(c.kubectl("get", "hpa", "profile-worker", "-o", "jsonpath={.status.desiredReplicas}"))
		return wanted > 1
	})
	c.until("a second worker", time.Minute, func() bool { return len(c.pods("profile-worker")) > 1 })
	return fmt.Sprintf("from 1 to %d workers, at %s", len(c.pods("profile-worker")),
		c.kubectl("get", "hpa", "profile-worker", "-o", "jsonpath={.status.currentMetrics[0].resource.current.averageUtilization}% of the CPU asked for"))
}

// killNode kills a node that runs a NATS server and workers, and starts it again. The
// commands depend on the cluster: K8S_NODE_KILL and K8S_NODE_START, which get the node's
// name as argument.
func (c *cluster) killNode(table *table, load func(string, int, func() int), most int) {
	kill, start := os.Getenv("K8S_NODE_KILL"), os.Getenv("K8S_NODE_START")
	if kill == "" || start == "" {
		table.row("NOT DONE: no node was killed, as K8S_NODE_KILL and K8S_NODE_START are not set")
		return
	}
	load("killed a node and brought it back", most, func() int {
		node, workers := c.nodeOf("nats-2"), len(c.pods("profile-worker"))
		c.shell(kill, node)
		c.until(node+" to be noticed as gone", 2*time.Minute, func() bool {
			return c.kubectl("get", "node", node, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`) != "True"
		})
		table.row("  killed %s; %s", node, c.progress())
		c.shell(start, node)
		c.until(node+" to be back", 3*time.Minute, func() bool {
			return c.kubectl("get", "node", node, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`) == "True"
		})
		c.rolledOut("statefulset", "nats")
		table.row("  brought %s back; %s", node, c.progress())
		return workers // those on the killed node, or connected to its server
	})
}

// shell runs a command of the environment with its argument.
func (c *cluster) shell(command, argument string) {
	c.t.Helper()
	cmd := withArgument(command, argument)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		c.t.Fatalf("%s %s: %v\n%s", command, argument, err, out.String())
	}
}

// load brings the images to the nodes by K8S_LOAD, if it is set.
func (c *cluster) load() {
	c.t.Helper()
	command := os.Getenv("K8S_LOAD")
	if command == "" {
		return
	}
	archives, err := filepath.Glob(filepath.Join(c.root, "bin", "images", "*.tar"))
	if err != nil || len(archives) == 0 {
		c.t.Fatalf("there is no archive of an image to load in bin/images: run make images (%v)", err)
	}
	for _, archive := range archives {
		c.shell(command, archive)
	}
}
