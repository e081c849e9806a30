//go:build faults

package faults

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	et "github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// podMemory returns the memory limit of a worker's pod in MiB, and its GOMEMLIMIT.
func podMemory(t *testing.T) (mib int64, goLimit string) {
	manifest, err := os.ReadFile("../../k8s/base/worker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	limit := regexp.MustCompile(`limits: .*memory: (\d+)Mi`).FindSubmatch(manifest)
	goMemory := regexp.MustCompile(`GOMEMLIMIT.*\n\s+value: (\w+)`).FindSubmatch(manifest)
	if limit == nil || goMemory == nil {
		t.Fatal("k8s/base/worker.yaml has no memory limit or no GOMEMLIMIT")
	}
	mib, err = strconv.ParseInt(string(limit[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mib, string(goMemory[1])
}

// TestHostile makes a worker read thousands of hostile archives among some good ones. It
// must live within the memory of its pod, give the right reason for each hostile archive, and
// have the envelope of the good ones.
func TestHostile(t *testing.T) {
	h := newHostile(t)
	h.fillStore()
	h.worker.start()
	if !race { // the race detector needs several times as much
		newCage(t, h.memory<<20).hold(h.worker)
	}
	began := time.Now()
	h.profiles("emit", "--validation", h.validation)
	h.profiles("status", "--wait")
	t.Logf("%d hostile archives of %d kinds among %d whole ones, read in %.0fs", hostile, len(allHostileKinds()), len(h.whole), time.Since(began).Seconds())

	h.add("after", et.Episode(450).Bytes()) // the worker continues
	h.profiles("emit", "--validation", h.validation)
	h.profiles("status", "--wait")
	h.checkEntries()
	h.checkEqual()
	if died := h.worker.deaths(); len(died) > 0 {
		t.Errorf("the worker died: %s", died)
	}
	kib := h.worker.measure()
	t.Logf("the worker had %d MiB at its peak, of %d", kib>>10, h.memory)
	if err := h.worker.stop(); err != nil {
		t.Error(err)
	}
}

// A hostileRun is one worker, one server and a store.
type hostileRun struct {
	t          *testing.T
	dir        string
	url        string
	env        []string // of every process
	bus        *bus.Bus
	worker     *process
	validation string
	spec       string
	rows       []row
	whole      map[string]bool        // episodes
	kinds      map[string]hostileKind // of the hostile episodes
	memory     int64                  // limit of the worker, in MiB
}

const (
	hostileHost    = "lab-01"
	hostileProfile = "cpu-saturate"
)

func newHostile(t *testing.T) *hostileRun {
	srv := bustest.Start(t)
	h := &hostileRun{t: t, dir: t.TempDir(), url: srv.URL(), bus: srv.Topology(), whole: map[string]bool{}, kinds: map[string]hostileKind{}}
	if err := os.MkdirAll(filepath.Join(h.dir, "store", hostileHost), 0o755); err != nil {
		t.Fatal(err)
	}
	h.validation, h.spec = filepath.Join(h.dir, "validation.parquet"), filepath.Join(h.dir, "spec.yaml")
	// The sample takes all, or some would not be read.
	spec := fmt.Sprintf("target: %d\nprofiles: [{name: %s, channel: proc.cpu_user_jiffies}]\n", 2*hostile+1000, hostileProfile)
	if err := os.WriteFile(h.spec, []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	memory, goLimit := podMemory(t)
	h.memory = memory
	h.env = append([]string{"NATS_URL=" + h.url, "GOMEMLIMIT=" + goLimit, fmt.Sprintf("CONCURRENCY=%d", runtime.NumCPU())}, hostileLimits...)
	h.worker = newProcess(t, t.ArtifactDir(), "worker", filepath.Join(bin, "profile-worker"), nil,
		append(slices.Clone(h.env), "EPISODE_STORE="+filepath.Join(h.dir, "store"), "FIT_SPEC="+h.spec, "LISTEN=127.0.0.1:0"))
	t.Cleanup(h.worker.kill)
	return h
}

// fillStore writes the archives: hostile ones of each kind in turn, and a good one after
// each hundred.
func (h *hostileRun) fillStore() {
	draw := rand.New(rand.NewPCG(seed, 1))
	all := cycle(allHostileKinds())
	shared := map[string]string{}
	for i := range hostile {
		kind := all[i%len(all)]
		id := fmt.Sprintf("hostile-%06d", i)
		h.kinds[id] = kind
		if first := shared[kind.name]; first != "" {
			if err := os.Link(h.path(first), h.path(id)); err != nil {
				h.t.Fatal(err)
			}
			h.list(id)
		} else {
			h.write(id, kind.make(draw))
		}
		if kind.shared {
			shared[kind.name] = id
		}
		if i%100 == 0 {
			h.add(fmt.Sprintf("whole-%06d", i), et.Episode(400+i%97).Bytes())
		}
	}
	h.save()
}

func (h *hostileRun) path(id string) string {
	return filepath.Join(h.dir, "store", hostileHost, id+".tar.zst")
}

func (h *hostileRun) list(id string) {
	h.rows = append(h.rows, row{Episode: id, Host: hostileHost, Profile: hostileProfile, Status: "accepted"})
}

func (h *hostileRun) write(id string, archive []byte) {
	if err := os.WriteFile(h.path(id), archive, 0o644); err != nil {
		h.t.Fatal(err)
	}
	h.list(id)
}

// add writes a good archive.
func (h *hostileRun) add(id string, archive []byte) {
	h.write(id, archive)
	h.whole[id] = true
	h.save()
}

func (h *hostileRun) save() {
	if err := parquet.WriteFile(h.validation, h.rows); err != nil {
		h.t.Fatal(err)
	}
}

// profiles runs the operator's command.
func (h *hostileRun) profiles(args ...string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient(15*time.Minute))
	defer cancel()
	if _, err := runProfiles(ctx, h.env, args...); err != nil {
		h.t.Fatal(err)
	}
}

// checkEntries checks the entry of each archive.
func (h *hostileRun) checkEntries() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient(time.Minute))
	defer cancel()
	specs, err := h.bus.ReadSpecs(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	gen, _ := specs.Wanted()
	curves, err := h.bus.ReadCurves(ctx, gen)
	if err != nil {
		h.t.Fatal(err)
	}
	used, said := 0, map[string]int{}
	for _, r := range h.rows {
		e := curves.Seen(bus.EntryID{Profile: hostileProfile, Rank: gen.Spec.Rank(r.Host, r.Episode)})
		if h.whole[r.Episode] {
			if e.State == fit.StateCurve {
				used++
			}
			continue
		}
		kind := h.kinds[r.Episode]
		switch {
		case !e.Found:
			h.t.Errorf("%s: %s has no entry", kind.name, r.Episode)
		case kind.reasons != nil && !slices.Contains(kind.reasons, e.Reason):
			h.t.Errorf("%s: %s is %q, want one of %q", kind.name, r.Episode, e.Reason, kind.reasons)
		}
		said[kind.name+" | "+cmp.Or(string(e.Reason), "a curve")]++
	}
	if used != len(h.whole) {
		h.t.Errorf("%d whole archives gave a curve, of %d", used, len(h.whole))
	}
	for _, what := range slices.Sorted(maps.Keys(said)) {
		h.t.Logf("| %s | %d |", what, said[what])
	}
}

// checkEqual compares the envelope with the fit of the store.
func (h *hostileRun) checkEqual() {
	h.t.Helper()
	live, batch := filepath.Join(h.dir, "live.parquet"), filepath.Join(h.dir, "batch.parquet")
	for _, path := range []string{live, batch} {
		if err := os.RemoveAll(path); err != nil {
			h.t.Fatal(err)
		}
	}
	h.profiles("export", "--spec", h.spec, "--fit-out", live)
	h.profiles("fit", "--spec", h.spec, "--store", filepath.Join(h.dir, "store"), "--validation", h.validation, "--fit-out", batch)
	a, err := os.ReadFile(live)
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := os.ReadFile(batch)
	if err != nil {
		h.t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		h.t.Errorf("the envelope differs from the fit of the same archives")
	}
}
