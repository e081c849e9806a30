//go:build k8s

package k8s_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/fit"
)

// TestScaling lets KEDA scale the workers from one up and back: when episodes are accepted,
// through a change of the spec, through an epoch that rises by itself, and while NATS is away.
// Nobody scales or changes anything else. The cluster must have KEDA in namespace keda.
func TestScaling(t *testing.T) {
	c := newCluster(t)
	if _, err := c.try(t.Context(), "", "get", "crd", "scaledobjects.keda.sh"); err != nil {
		t.Fatalf("the cluster has no KEDA: %v", err)
	}
	episodes := setting(t, "K8S_EPISODES", 20_000)
	perProfile := episodes / 6
	most := perProfile * 9 / 10 // a target at which nearly every archive is opened
	many := perProfile / 4      // ... two thirds of them, with fewer in reserve than the test takes back
	table := newTable(t)
	const store, validation = "/episodes/store", "/episodes/validation.parquet"

	c.load()
	c.makeNamespace(table)
	c.apply(spec{revision: 1, target: most}, byCPU)
	c.bringRecorded()
	c.command("synth", "viewer", "synth", "--episodes-per-profile", fmt.Sprint(perProfile), "--out", "/episodes")
	c.kubectl("wait", "--for=condition=complete", "job/profile-topology", "--timeout=5m")
	c.ended("synth", 5*time.Minute)
	for _, name := range []string{"profile-worker", "profile-streamer", "profile-dashboard"} {
		c.rolledOut("deployment", name)
	}
	table.row("ready, scaled by CPU; %d synthetic episodes written", 6*perProfile)

	// KEDA takes over the autoscaler, and keeps it if somebody applies the other overlay.
	c.apply(spec{revision: 1, target: most}, byKEDA)
	c.rolledOut("deployment", "profile-worker")
	c.until("KEDA to have the only autoscaler", 2*time.Minute, c.onlyKEDA)
	c.apply(spec{revision: 1, target: most}, byCPU)
	c.apply(spec{revision: 1, target: most}, byKEDA)
	c.rolledOut("deployment", "profile-worker")
	c.until("KEDA to have the only autoscaler again", 2*time.Minute, c.onlyKEDA)
	c.until("one worker", 3*time.Minute, func() bool { return c.replicas() == 1 })
	table.row("KEDA has taken over the autoscaler, also after the other overlay was applied")

	// scaled waits until the workers were scaled up, settled what waits, and were scaled down.
	scaled := func(what, validation string, revision, epoch int) {
		t.Helper()
		began := time.Now()
		c.until("more than one worker: "+what, 5*time.Minute, func() bool { return c.replicas() > 1 })
		backlog := c.backlog()
		table.row("%s: %d workers after %.0f s; %d messages wait for generation %s, epoch %d",
			what, c.replicas(), time.Since(began).Seconds(), backlog.Waiting, backlog.Generation, backlog.Epoch)
		r := c.status(revision)
		last := r.Generations[len(r.Generations)-1]
		if last.Epoch != epoch {
			t.Errorf("%s: epoch %d, want %d", what, last.Epoch, epoch)
		}
		table.row("  settled; 6 envelopes equal the fit (%d bytes of text)", c.equal(validation, store))
		c.until("one worker: "+what, 5*time.Minute, func() bool { return c.replicas() == 1 })
		if b := c.backlog(); b.Generation != r.Wanted || b.Waiting != 0 {
			t.Errorf("%s: %+v, want nothing to wait for %s", what, b, r.Wanted)
		}
		table.row("  scaled down to 1 worker")
	}

	c.run("emit", "emitter", "emit", "--store", store, "--validation", validation)
	scaled("episodes accepted", validation, 1, 0)

	// NATS goes away while several workers run: nobody knows that fewer are enough.
	c.apply(spec{revision: 2, target: many, seed: 2}, byKEDA)
	c.until("more than one worker: spec changed", 5*time.Minute, func() bool { return c.replicas() > 1 })
	workers := c.replicas()
	c.kubectl("scale", "statefulset/nats", "--replicas=0")
	c.until("KEDA to fall back", 3*time.Minute, func() bool {
		return c.kubectl("get", "scaledobject", "profile-worker", "-o", `jsonpath={.status.conditions[?(@.type=="Fallback")].status}`) == "True"
	})
	if n := c.replicas(); n < workers {
		t.Errorf("%d workers while NATS is away, and %d before", n, workers)
	}
	table.row("spec changed, %d workers; NATS taken away: KEDA falls back, %d workers", workers, c.replicas())
	c.kubectl("scale", "statefulset/nats", "--replicas=3")
	c.rolledOut("statefulset", "nats")
	scaled("NATS back", validation, 2, 0)

	// Half of the episodes are taken back, more than the samples have in reserve.
	c.shorten(perProfile / 2)
	c.run("retract", "emitter", "emit", "--store", store, "--validation", "/list/list.csv", "--retract-all")
	scaled("epoch raised by itself", "/list/list.csv", 2, 1)

	// What is left over of the epochs and specs before does not scale anything, is named, and goes.
	left := 0
	for _, g := range c.status(2).Generations {
		if g.LeftOver {
			left++
		}
	}
	if left != 2 {
		t.Errorf("status names %d generations as left over, want 2", left)
	}
	// Messages that were handed back when the epoch rose keep its generation for a day.
	gone := c.run("gc", "operator", "gc", "--idle", "0s")
	stay := 0
	for _, g := range c.status(2).Generations {
		if g.LeftOver {
			stay++
		}
	}
	if stay == left {
		t.Errorf("gc has removed nothing: %s", gone)
	}
	table.row("%d generations were left over, %d after gc", left, stay)
}

// replicas returns how many workers the Deployment has.
func (c *cluster) replicas() int {
	c.t.Helper()
	n, _ := strconv.Atoi(c.kubectl("get", "deployment", "profile-worker", "-o", "jsonpath={.spec.replicas}"))
	return n
}

// onlyKEDA reports whether the namespace has one autoscaler, that of KEDA, and KEDA uses it.
func (c *cluster) onlyKEDA() bool {
	c.t.Helper()
	autoscalers := c.words("get", "hpa", "-o", `jsonpath={range .items[*]}{.metadata.name}/{.metadata.ownerReferences[0].kind}/{.spec.metrics[*].type} {end}`)
	ready := c.kubectl("get", "scaledobject", "profile-worker", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
	return len(autoscalers) == 1 && autoscalers[0] == "profile-worker/ScaledObject/External" && ready == "True"
}

// A backlog has the fields of /scale that the test reads.
type backlog struct {
	Waiting    int    `json:"waiting"`
	Generation string `json:"generation"`
	Epoch      int    `json:"epoch"`
}

// backlog asks the workers until one answers.
func (c *cluster) backlog() (b backlog) {
	c.t.Helper()
	c.until("an answer to /scale", 2*time.Minute, func() bool {
		for _, pod := range c.pods("profile-worker") {
			if out, err := c.read(pod, 8448, "/scale"); err == nil && json.Unmarshal([]byte(out), &b) == nil {
				return true
			}
		}
		return false
	})
	return b
}

// shorten brings a list with the first n synthetic episodes of each profile to the commands, as
// /list/list.csv.
func (c *cluster) shorten(n int) {
	c.t.Helper()
	var list strings.Builder
	list.WriteString("episode_id,host_id,profile,status\n")
	for _, p := range fit.DefaultSpec().Profiles {
		for i := range n {
			host, id := synth.New(0).Ref(string(p.Name), i)
			fmt.Fprintf(&list, "%s,%s,%s,accepted\n", id, host, p.Name)
		}
	}
	file := c.dir + "/list.csv"
	if err := os.WriteFile(file, []byte(list.String()), 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.kubectl("create", "configmap", "list", "--from-file="+file)
}
