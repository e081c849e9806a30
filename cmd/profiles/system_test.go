package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/command/status"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
	"github.com/cis490/profiles/streamer"
)

var six = []string{"cpu-saturate", "io-walk", "bursty-c2", "low-and-slow", "scan-and-dial", "shell-resident"}

func table(t *testing.T, path string) ([]dataset.AttackProfile, map[string]string) {
	t.Helper()
	rows, meta, err := dataset.ReadAttackProfilesFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return rows, meta
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}

func TestFit(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new", "fit.parquet")
	code, stdout, stderr := call(t, "", "fit", "--store", recordedStore, "--fit-out", out)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	got := decode[savedReport](t, stdout)
	if got.To != out || got.N != 6 || !slices.Equal(got.Profiles, six) || len(got.Results) != 6 {
		t.Errorf("stdout says %s", stdout)
	}
	missing := resultReport{Profile: "cpu-saturate", Used: 7, Attempted: 8, Fewest: 4, Without: []reasonReport{{"missing", 1, "lab-01/ep-d76fbc830213", "lab-01/ep-d76fbc830213.tar.zst in " + recordedStore}}}
	if q := got.Results[0].Quality; len(q) != 3 || q[0].Kind != fit.QualityRestarts || q[0].Episodes != 1 {
		t.Errorf("%+v", q)
	}
	got.Results[0].Quality = nil
	if !reflect.DeepEqual(got.Results[0], missing) {
		t.Errorf("%+v, want %+v", got.Results[0], missing)
	}
	for _, want := range []string{
		"\n  1 of 7 have restarts (worst 1, lab-03/ep-717381968d61)\n",
		"\n  4 of 7 have empty points (worst 2, lab-01/ep-7d0f5284aed3); at one point only 4 have a value\n",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not in\n%s", want, stderr)
		}
	}
	if strings.Count(stderr, "\n") != 20 || strings.Contains(stderr, "longest time") || !strings.Contains(stderr, "used 7 of 8 attempted, 0 to 100 jiffies/s\n  1 missing, for example lab-0") {
		t.Errorf("stderr: %s", stderr)
	}
	rows, meta := table(t, out)
	var names []string
	for _, r := range rows {
		names = append(names, r.Profile)
	}
	if !slices.Equal(names, six) || meta["sampler"] != "bottomk" || len(meta["generation"]) != 10 {
		t.Errorf("%v, %v", names, meta)
	}

	// Flags override the spec; without them the spec is used as it is.
	spec := write(t, "spec.yaml", "target: 3\nresample: mean\nseed: 9\nprofiles: [{name: io-walk, channel: proc.cpu_sys_jiffies}]\n")
	fitWith := func(more ...string) []dataset.AttackProfile {
		out := filepath.Join(t.TempDir(), "fit.parquet")
		must(t, append([]string{"fit", "--store", recordedStore, "--fit-out", out, "--spec", spec}, more...)...)
		rows, _ := table(t, out)
		return rows
	}
	plain := fitWith()
	if len(plain) != 1 || plain[0].Used != 3 || len(plain[0].Median) != 80 {
		t.Errorf("%+v", plain)
	}
	if same := fitWith("--seed", "9", "--resample", "mean"); !reflect.DeepEqual(same, plain) {
		t.Error("the same flags as the spec change the result")
	}
	for _, flags := range [][]string{{"--seed", "10"}, {"--resample", "linear"}, {"--n-points", "40"}, {"--n-episodes-per-profile", "4"}} {
		if other := fitWith(flags...); reflect.DeepEqual(other, plain) {
			t.Errorf("%v changes nothing", flags)
		}
	}
	// The numpy sampler attempts every row that it draws.
	for _, r := range fitWith("--sampler", "numpy") {
		if r.Attempted != 3 {
			t.Errorf("numpy: %+v", r)
		}
	}
}

func TestFitWithoutUsableEpisodes(t *testing.T) {
	out := filepath.Join(t.TempDir(), "fit.parquet")
	code, stdout, stderr := call(t, "", "fit", "--store", t.TempDir(), "--validation", "../../examples/recorded/validation.parquet", "--fit-out", out)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if code != 1 || stdout != "" || len(lines) != 13 || !strings.Contains(lines[1], "  8 missing, for example lab-0") ||
		!strings.Contains(lines[12], "no profile has a usable episode, so nothing was written: 47 missing, for example lab-01/ep-7d0f5284aed3: lab-01/ep-7d0f5284aed3.tar.zst in /") {
		t.Errorf("exit %d, %q, %s", code, stdout, stderr)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("a file was written: %v", err)
	}
}

// TestUp runs the whole system in one process and uses it as an operator would. What
// it exports equals the batch fit in every bit.
func TestUp(t *testing.T) {
	t.Setenv("MISSING_PATIENCE", "20ms")
	screen := newLineReader()
	stop := start(t, screen, "up", "--store", recordedStore, "--nats", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	line := screen.until(t, "NATS at ")
	fields := strings.Fields(strings.ReplaceAll(line, ",", " "))
	page, url := strings.TrimSuffix(fields[2], "/"), fields[len(fields)-1]
	screen.until(t, "accepts 48 episodes: 48 published, 0 were known, 0 retracted; 1 of benign-idle, a profile that the spec does not have")
	screen.until(t, "nats -s "+url+" sub 'dashboard.>'")
	screen.until(t, "settled: 47 episodes tried, 42 of them in the envelopes; in REJECTED: 5 missing")

	report := decode[status.Report](t, must(t, "status", "--nats", url, "--wait", "--timeout", "1m", "--json"))
	if report.WaitsFor() != "" || len(report.Profiles) != 6 || report.Rejected["missing"] != 5 {
		t.Errorf("%+v", report)
	}
	if text := must(t, "status", "--nats", url); !strings.HasSuffix(text, "\nsettled\n") || !strings.Contains(text, "wanted") {
		t.Error(text)
	}
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "profiles_archives_opened_total", "/": "<title>", "/api/events": "attack_profile"} {
		if body := get(t, page+path); !strings.Contains(body, want) {
			t.Errorf("%s: %q", path, body)
		}
	}

	live, batch := filepath.Join(t.TempDir(), "live.parquet"), filepath.Join(t.TempDir(), "batch.parquet")
	exported := decode[savedReport](t, must(t, "export", "--nats", url, "--fit-out", live, "--signatures-out", live+".json"))
	if exported.To != live || exported.N != 6 || !slices.Equal(exported.Profiles, six) || exported.Results[0].Attempted != 8 {
		t.Errorf("%+v", exported)
	}
	must(t, "fit", "--store", recordedStore, "--fit-out", batch, "--signatures-out", batch+".json")
	sameBytes(t, live+".json", batch+".json")
	sameTables(t, live, batch)

	again := decode[emit.Summary](t, must(t, "emit", "--nats", url, "--store", recordedStore, "--json"))
	if again.Already != 48 || again.Changed() {
		t.Errorf("emit again: %+v", again)
	}
	if out := must(t, "emit", "--nats", url, "--rejected", "--dry-run"); !strings.Contains(out, "5 would be published again") {
		t.Error(out)
	}
	// The events of a file never replace live ones.
	code, _, stderr := call(t, "", "stream", "--nats", url, "--load-fit", batch)
	if code != 0 || !strings.Contains(stderr, "published 0 of 6 events to NATS; 6 were not published") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	// No worker has run with this spec.
	other := write(t, "spec.yaml", "target: 7\n")
	if code, _, stderr := call(t, "", "export", "--nats", url, "--spec", other, "--fit-out", live); code != 1 || !strings.Contains(stderr, "no worker has run with it") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	// The log has one line for each of the five profiles with a missing archive, and nothing else.
	code, stderr = stop()
	if logged := strings.Count(stderr, `msg="an episode gives no curve;`); code != 0 || logged != 5 || strings.Count(stderr, "\n") != logged {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func sameTables(t *testing.T, a, b string) {
	t.Helper()
	rowsA, metaA := table(t, a)
	rowsB, metaB := table(t, b)
	if !reflect.DeepEqual(rowsA, rowsB) || len(rowsA) == 0 {
		t.Errorf("%s and %s differ:\n%+v\n%+v", a, b, rowsA, rowsB)
	}
	if !reflect.DeepEqual(metaA, metaB) {
		t.Errorf("%v and %v", metaA, metaB)
	}
}

func sameBytes(t *testing.T, a, b string) {
	t.Helper()
	one, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(one) < 100_000 || string(one) != string(two) {
		t.Errorf("%s and %s, of %d and %d bytes, differ", a, b, len(one), len(two))
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestUpExitWhenSettled: with --data the published episodes stay for the next run.
func TestUpExitWhenSettled(t *testing.T) {
	t.Setenv("MISSING_PATIENCE", "20ms")
	dir := t.TempDir()
	for _, want := range []string{"48 published, 0 were known", "0 published, 48 were known"} {
		out := must(t, "up", "--store", recordedStore, "--data", dir, "--nats", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--exit-when-settled")
		if !strings.Contains(out, want) || !strings.Contains(out, "settled: 47 episodes tried") {
			t.Error(out)
		}
		last := out[strings.LastIndex(out, "profile "):]
		for _, p := range six {
			if !strings.Contains(last, p) || !strings.Contains(last, "7/100") {
				t.Errorf("the table at the end lacks %s:\n%s", p, last)
			}
		}
	}
}

func TestUpWithoutValidation(t *testing.T) {
	store := t.TempDir()
	code, out, stderr := call(t, "", "up", "--store", filepath.Join(store), "--nats", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--exit-when-settled")
	if !strings.Contains(out, "waiting for episodes on episode.accepted") || !strings.Contains(out, "settled: 0 episodes") {
		t.Error(out)
	}
	if code != 1 || stderr != "profiles up: no profile has a usable episode: there is no list of episodes (--validation FILE names it)\n" {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestEmitFollows(t *testing.T) {
	server := bustest.Start(t)
	dir := t.TempDir()
	synth := func(n string) { must(t, "synth", "--out", dir, "--episodes-per-profile", n, "--profiles", "io-walk") }
	synth("2")
	screen := newLineReader()
	stop := start(t, screen, "emit", "--validation", filepath.Join(dir, "validation.parquet"), "--follow", "--json", "--nats", server.URL())
	next := func() emit.Summary { return decode[emit.Summary](t, screen.until(t, "{")) }
	if s := next(); s.Published != 2 || s.Retracted != 0 {
		t.Errorf("%+v", s)
	}
	synth("3")
	if s := next(); s.Published != 1 || s.Already != 2 {
		t.Errorf("%+v", s)
	}
	if code, stderr := stop(); code != 0 || stderr != "" {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestEmitOfAMissingFile(t *testing.T) {
	code, stdout, stderr := call(t, "", "emit", "--validation", "nowhere.parquet", "--nats", bustest.Start(t).URL())
	if code != 1 || stdout != "" || !strings.Contains(stderr, "nowhere.parquet") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// TestEmitBoth: with a file, --rejected runs after the reconciliation.
func TestEmitBoth(t *testing.T) {
	out := must(t, "emit", "--store", recordedStore, "--rejected", "--json", "--nats", bustest.Start(t).URL())
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatal(out)
	}
	if s := decode[emit.Summary](t, lines[0]); s.Published != 48 {
		t.Errorf("%+v", s)
	}
	if s := decode[emit.RepublishSummary](t, lines[1]); s != (emit.RepublishSummary{}) {
		t.Errorf("%+v", s)
	}
}

func TestTopology(t *testing.T) {
	server := bustest.Start(t)
	t.Setenv("NATS_URL", server.URL())
	if out := must(t, "status"); !strings.Contains(out, "no service has run") {
		t.Error(out)
	}
	if code, _, stderr := call(t, "", "export"); code != 1 || !strings.Contains(stderr, "no generation is registered yet") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	// The command makes the streams even if TOPOLOGY tells the services to wait.
	t.Setenv("TOPOLOGY", "expect")
	for range 2 {
		made := decode[topologyReport](t, must(t, "topology", "--spec", "default", "--json"))
		if len(made.Streams) != 9 || len(made.Generation) != 10 {
			t.Errorf("%+v", made)
		}
	}
	// Nothing was accepted, so the system is settled and has nothing to export.
	report := decode[status.Report](t, must(t, "status", "--wait", "--json"))
	if report.Lag == nil || report.WaitsFor() != "" {
		t.Errorf("%+v", report)
	}
	if code, _, stderr := call(t, "", "export", "--fit-out", filepath.Join(t.TempDir(), "x.parquet")); code != 1 || !strings.Contains(stderr, "no profile has a usable episode") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestTopologyPatience: the command waits for a server that starts later.
func TestTopologyPatience(t *testing.T) {
	server := bustest.Start(t)
	url := server.URL()
	server.Stop()
	early, err := net.Listen("tcp", strings.TrimPrefix(url, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		code           int
		stdout, stderr string
	}
	ended := make(chan result, 1)
	go func() {
		var r result
		r.code, r.stdout, r.stderr = call(t, "", "topology", "--patience", "30s", "--nats", url)
		ended <- r
	}()
	conn, err := early.Accept() // the command has tried once
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	_ = early.Close()
	server.Restart()
	if r := <-ended; r.code != 0 || !strings.Contains(r.stdout, "9 streams") {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

func TestStatusTimesOut(t *testing.T) {
	server := bustest.Start(t)
	code, stdout, stderr := call(t, "", "status", "--wait", "--timeout", "50ms", "--nats", server.URL())
	if code != 1 || stdout != "" || !strings.Contains(stderr, "not settled within 50ms: still waiting for a generation") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// TestStream: files of other programs give events, too.
func TestStream(t *testing.T) {
	for _, name := range []string{"profiles-pyarrow", "profiles-fixed-size", "profiles-duckdb", "profiles-pandas"} {
		t.Run(name, func(t *testing.T) {
			path := "../../command/dataset/testdata/" + name + ".parquet"
			rows, _ := table(t, path)
			out := must(t, "stream", "--load-fit", path, "--dry-run", "--also-metric", "0.762", "--also-perf-latency-us", "3410")
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if len(lines) != len(rows)+2 {
				t.Fatalf("%d events of %d rows", len(lines), len(rows))
			}
			for i, row := range rows {
				e := decode[streamer.AttackProfile](t, lines[i])
				if e.Type != "attack_profile" || e.Name != row.Profile || e.Used != int(row.Used) || !slices.Equal(e.Curve, doubles(row.Median)) {
					t.Errorf("%+v", e)
				}
				if len(e.P25) != len(row.Median) || len(e.MedianRaw) != len(row.Median) {
					t.Errorf("the bands of %s have another length", row.Profile)
				}
			}
			metric := decode[streamer.ModelMetric](t, lines[len(rows)])
			perf := decode[streamer.ModelPerf](t, lines[len(rows)+1])
			if metric.Metric != 0.762 || perf.Accuracy != 0.762 || perf.Latency != 3410 || perf.Model != "knn" {
				t.Errorf("%+v, %+v", metric, perf)
			}
		})
	}
}

func TestStreamToNATS(t *testing.T) {
	server := bustest.Start(t)
	const path = "../../command/dataset/testdata/profiles-pyarrow.parquet"
	rows, _ := table(t, path)
	for range 2 { // there are no live events, so all are published each time
		code, _, stderr := call(t, "", "stream", "--load-fit", path, "--nats", server.URL())
		if code != 0 || strings.Contains(stderr, "were not published") {
			t.Errorf("exit %d: %s", code, stderr)
		}
	}
	b := server.Connect()
	for _, row := range rows {
		last, ok, err := events.NewPublisher(b).Last(bustest.Context(t), events.Subject(events.TypeAttackProfile, row.Profile))
		if err != nil || !ok || !bytes.Contains(last, []byte(`"type":"attack_profile"`)) {
			t.Errorf("%s: %s, %t, %v", row.Profile, last, ok, err)
		}
	}
}

func TestStreamToURL(t *testing.T) {
	const path = "../../command/dataset/testdata/profiles-pyarrow.parquet"
	rows, _ := table(t, path)
	var mu sync.Mutex
	var bodies []string
	answer := http.StatusServiceUnavailable // the first answer
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if answer != http.StatusServiceUnavailable && r.Header.Get("Authorization") == "Bearer secret" {
			bodies = append(bodies, string(body))
		}
		w.WriteHeader(answer)
		answer = http.StatusAccepted
	}))
	defer sink.Close()
	t.Setenv("PUBLISH_TOKEN", "secret")
	must(t, "stream", "--load-fit", path, "--publish-url", sink.URL+"/publish")
	if len(bodies) != len(rows) {
		t.Fatalf("%d posts of %d rows", len(bodies), len(rows))
	}
	for i, row := range rows {
		if e := decode[streamer.AttackProfile](t, bodies[i]); e.Name != row.Profile {
			t.Errorf("%s, want %s", e.Name, row.Profile)
		}
	}

	// A conflict means that a later event is shown there.
	answer = http.StatusConflict
	_, _, stderr := call(t, "", "stream", "--load-fit", path, "--publish-url", sink.URL)
	if !strings.Contains(stderr, fmt.Sprintf("; %d were not published because a live event is shown there", 1)) {
		t.Error(stderr)
	}

	// A refused event is not posted again.
	refuses := httptest.NewServer(http.NotFoundHandler())
	defer refuses.Close()
	if code, _, stderr := call(t, "", "stream", "--load-fit", path, "--publish-url", refuses.URL); code != 1 || !strings.Contains(stderr, "404") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestStreamWhere: without a URL and without an address of NATS the events are posted as the
// Python program posts them. A loop goes on though nobody answers.
func TestStreamWhere(t *testing.T) {
	const path = "../../command/dataset/testdata/profiles-pyarrow.parquet"
	o := &streamOptions{table: path, pause: 1, dryRun: true}
	if err := o.run(t.Context(), &terminal{out: plain.NewWriter(io.Discard), err: plain.NewWriter(io.Discard)}); err != nil || o.url != "http://127.0.0.1:8447/publish" {
		t.Errorf("%q, %v", o.url, err)
	}
	t.Setenv("NATS_URL", "nats://127.0.0.1:1")
	o = &streamOptions{table: path, pause: 1, dryRun: true}
	if err := o.run(t.Context(), &terminal{out: plain.NewWriter(io.Discard), err: plain.NewWriter(io.Discard)}); err != nil || o.url != "" {
		t.Errorf("%q, %v", o.url, err)
	}
	code, _, stderr := call(t, "", "stream", "--load-fit", path, "--publish-url", "http://127.0.0.1:1/publish")
	const cure = "(is a dashboard running there? `profiles up` starts one; --publish-url names another one, --nats publishes to NATS)\n"
	if code != 1 || !strings.HasSuffix(stderr, cure) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	posted := make(chan struct{}, 10_000)
	first := true // one request comes after the other
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if first {
			first = false
			w.WriteHeader(http.StatusNotFound)
		}
		posted <- struct{}{}
	}))
	defer sink.Close()
	stop := start(t, io.Discard, "stream", "--load-fit", path, "--publish-url", sink.URL, "--loop", "--cycle-pause-s", "0.001")
	<-posted
	<-posted
	if code, stderr := stop(); code != 0 || !strings.Contains(stderr, "404 Not Found: ; trying again in the next cycle\n") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestStreamLoops(t *testing.T) {
	const path = "../../command/dataset/testdata/profiles-pyarrow.parquet"
	rows, _ := table(t, path)
	posted := make(chan struct{}, 10_000)
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posted <- struct{}{} }))
	defer sink.Close()
	stop := start(t, io.Discard, "stream", "--load-fit", path, "--publish-url", sink.URL, "--loop", "--cycle-pause-s", "0.001")
	for range 3 * len(rows) {
		<-posted
	}
	if code, stderr := stop(); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestPlot(t *testing.T) {
	for _, ending := range []string{"png", "svg"} {
		out := filepath.Join(t.TempDir(), "profiles."+ending)
		must(t, "plot", "../../command/dataset/testdata/profiles-pyarrow.parquet", "--out", out)
		if info, err := os.Stat(out); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", ending, err)
		}
	}
}

func TestSynth(t *testing.T) {
	dir := t.TempDir()
	made := decode[map[string]any](t, must(t, "synth", "--out", dir, "--episodes-per-profile", "2", "--seed", "3", "--json"))
	if made["episodes"] != float64(12) {
		t.Errorf("%v", made)
	}
	out := filepath.Join(dir, "fit.parquet")
	must(t, "fit", "--store", made["store"].(string), "--fit-out", out)
	if rows, _ := table(t, out); len(rows) != 6 || rows[0].Used != 2 {
		t.Errorf("%+v", rows)
	}
}
