package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/check"
	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/command/pack"
	"github.com/cis490/profiles/episode/episodetest"
)

// TestCheck: the recorded store lacks archives on purpose, so the exit code is 3; without them it is 0, with a damaged one 4.
func TestCheck(t *testing.T) {
	code, stdout, stderr := call(t, "", "check", "--store", recordedStore)
	for _, want := range []string{"cpu-saturate    all     8      7\n", "no curve: 1 missing", "points of the curve without a value", "42 of 47 episodes give a curve"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	if code != 3 || !strings.Contains(stderr, "5 of 47 episodes give no curve") {
		t.Errorf("exit %d, %s", code, stderr)
	}

	dir := t.TempDir()
	list := filepath.Join(dir, "validation.csv")
	archive := filepath.Join(dir, "store", "lab-01", "ep-1.tar.zst")
	writeFile(t, list, "episode_id,host_id,profile,status\nep-1,lab-01,cpu-saturate,accepted\n")
	writeFile(t, archive, string(episodetest.Episode(450).Bytes()))
	var report check.Report
	if err := json.Unmarshal([]byte(must(t, "check", "--store", filepath.Join(dir, "store"), "--json")), &report); err != nil || report.Tried != 1 || report.Curves != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	writeFile(t, archive, "damaged")
	if code, _, stderr := call(t, "", "check", "--store", filepath.Join(dir, "store")); code != 4 || !strings.Contains(stderr, "1 of 1 archives cannot be read") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	writeFile(t, list, "episode_id,host_id,profile,status\nep-1,lab-01,cpu-saturate,Accepted\n")
	if code, _, stderr := call(t, "", "check", "--store", filepath.Join(dir, "store")); code != 3 || !strings.Contains(stderr, "1 has Accepted") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPack: the archives that pack makes of folders give curves.
func TestPack(t *testing.T) {
	dir := t.TempDir()
	for _, m := range episodetest.Episode(450).Members {
		writeFile(t, filepath.Join(dir, "recordings", "lab-01", "ep-1", m.Name), m.Body)
	}
	writeFile(t, filepath.Join(dir, "recordings", "a\x1b[2Jb"), "")
	store := filepath.Join(dir, "store")
	text := must(t, "pack", filepath.Join(dir, "recordings"), "--out", store)
	if !strings.Contains(text, "1 archives of 1 hosts") || !strings.Contains(text, "1 written") || strings.Contains(text, "\x1b") {
		t.Error(text)
	}
	var s pack.Summary
	if err := json.Unmarshal([]byte(must(t, "pack", filepath.Join(dir, "recordings"), "--out", store, "--json")), &s); err != nil || s.Same != 1 || s.Written != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	must(t, "curve", filepath.Join(store, "lab-01", "ep-1.tar.zst"), "-c", "proc.minflt")
}

// TestInspect: the text of an archive and of a store names what is there, escapes what is not safe on a screen, and exits as the
// help says.
func TestInspect(t *testing.T) {
	whole := episodetest.Episode(450)
	code, stdout, stderr := call(t, string(whole.With("bad\x1b[2J.jsonl", "{\"a\\u001b]0;\": \"\\u001b[31mred\"}\n{\"a\": \"\\u0007\"}\n").Bytes()), "inspect", "-")
	for _, want := range []string{
		"telemetry-proc.jsonl  1 of 1", "looks like the labels", "has the duration", "looks like telemetry",
		"the time, ns since 1970: 2026-01-01 00:00:00 to 2026-01-01 00:00:44, 44.9 s", "looks like a counter", "looks like the duration, in s",
		"clean at 0 s, armed at 10 s, infecting at 12 s, infected_running at 15 s, clean at 40 s", `words: "R"`, `"bad\x1b[2J.jsonl"`,
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	if code != 0 || strings.ContainsAny(stdout+stderr, "\x1b\x07") {
		t.Errorf("exit %d\n%q", code, stdout)
	}
	if code, _, stderr := call(t, string(whole.Without("labels.jsonl").Bytes()), "inspect", "-"); code != 3 || !strings.Contains(stderr, "labels") {
		t.Errorf("without labels: exit %d, %s", code, stderr)
	}

	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "lab-01", "ep-1.tar.zst"), string(whole.Bytes()))
	writeFile(t, filepath.Join(dir, "lab-01", "ep-2.tgz"), string(whole.Without("telemetry-host.jsonl").Gzip()))
	code, stdout, _ = call(t, "", "inspect", dir)
	for _, want := range []string{"2 files of 1 hosts; 2 archives were read", "1 files end in .tgz", "gzip 1, zstd 1", `member "telemetry-host.jsonl" is in 1 of 2 archives, not in lab-01/ep-2.tgz`} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	writeFile(t, filepath.Join(dir, "lab-01", "ep-3.tgz"), "damaged")
	code, stdout, stderr = call(t, "", "inspect", dir, "--json")
	var r inspect.StoreReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != 4 || len(r.Unreadable) != 1 || !strings.Contains(stderr, "lab-01/ep-3.tgz") {
		t.Errorf("exit %d, %v, %s, %+v", code, err, stderr, r.Unreadable)
	}
}

// TestCurveChannels: without --channel, curve lists what there is, in the format of the spec.
func TestCurveChannels(t *testing.T) {
	whole := string(episodetest.Episode(450).Bytes())
	code, stdout, stderr := call(t, whole, "curve", "-")
	for _, want := range []string{"proc.minflt            counter  450   2641", "host.ctxt              gauge    450   2791641   3061041   looks like a counter", "proc.pid               gauge    450   28526     28526     never changes"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	if code != 0 || strings.Contains(stdout, "t_wall_ns") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	spec := write(t, "spec.yaml", `format: {channels: {host.switches: {field: ctxt, kind: counter, unit: switches/s}}}`)
	var channels []inspect.Channel
	_, stdout, _ = call(t, whole, "curve", "-", "--spec", spec, "--json")
	if err := json.Unmarshal([]byte(stdout), &channels); err != nil || len(channels) != 24 {
		t.Fatalf("%d channels, %v", len(channels), err)
	}
	for _, c := range channels {
		if c.Name == "host.ctxt" || c.Name == "host.switches" && (c.Kind != "counter" || c.Unit != "switches/s" || c.Field.Rows != 450) {
			t.Errorf("%+v", c)
		}
	}
	code, stdout, _ = call(t, whole, "curve", "-", "--spec", spec, "-c", "host.switches")
	if code != 0 || !strings.Contains(stdout, "host.switches, 6k switches/s to 6k switches/s") && !strings.Contains(stdout, "switches/s") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
}

// TestFirstRows: inspect and curve say that a member has more rows than they looked at.
func TestFirstRows(t *testing.T) {
	t.Setenv("EPISODE_MAX_ROWS", "100")
	whole := string(episodetest.Episode(450).Bytes())
	for _, command := range []string{"inspect", "curve"} {
		if _, stdout, stderr := call(t, whole, command, "-"); !strings.Contains(stdout, "only the first 100 rows of an archive were looked at") {
			t.Errorf("%s: stdout has %d bytes and does not say it; %s", command, len(stdout), stderr)
		}
		if _, stdout, stderr := call(t, whole, command, "-", "--json"); !strings.Contains(stdout, `"first_rows":100`) {
			t.Errorf("%s: stdout has %d bytes and does not say it; %s", command, len(stdout), stderr)
		}
	}
}

// TestInterrupted: the end of the context ends commands that read one archive.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(bustest.Context(t))
	cancel()
	for _, command := range []string{"inspect", "curve"} {
		var out, err bytes.Buffer
		if code := run(ctx, []string{command, "-"}, bytes.NewReader(episodetest.Episode(450).Bytes()), &out, &err); code == 0 || out.Len() > 0 {
			t.Errorf("%s: exit %d\n%s%s", command, code, &out, &err)
		}
	}
}

// TestCurveQuality: curve shows what is wrong with a recording, and warns about what is right but doubtful.
func TestCurveQuality(t *testing.T) {
	rows := strings.Split(strings.TrimSuffix(episodetest.ProcRows(450), "\n"), "\n")
	rows[100] = strings.Replace(rows[100], `"minflt": `, `"minflt": 900000`, 1)
	rows[200] = strings.Replace(rows[200], `"minflt": `, `"other": `, 1)
	rows[300] = strings.Replace(rows[300], "t_wall_ns", "t", 1)
	archive := string(episodetest.Episode(450).With("telemetry-proc.jsonl", strings.Join(rows, "\n")).Bytes())
	code, stdout, stderr := call(t, archive, "curve", "-", "-c", "proc.minflt")
	for _, want := range []string{"449 rows", "1 rows that were dropped", "1 peaks of the counter", "rows without the channel", "s without a sample at the longest"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	if code != 0 {
		t.Errorf("exit %d, %s", code, stderr)
	}
	_, stdout, _ = call(t, archive, "curve", "-", "-c", "host.ctxt")
	if !strings.Contains(stdout, "warning: host.ctxt is read as a gauge, but looks like a counter") {
		t.Error(stdout)
	}
	var r struct{ Quality map[string]float64 }
	_, stdout, _ = call(t, archive, "curve", "-", "-c", "proc.minflt", "--json")
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.Quality["rows_dropped"] != 1 || r.Quality["peaks"] != 1 || len(r.Quality) != 9 {
		t.Errorf("%v, %v", r.Quality, err)
	}
}

// TestClassifySpec: an archive of another format is classified as the same one in ours. The doubts about it may be others: rows of
// several sources in one member lack the channels of the other sources.
func TestClassifySpec(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "model.parquet")
	must(t, "fit", "--store", recordedStore, "--fit-out", filepath.Join(dir, "fit.parquet"), "--model-out", model)
	archive, err := os.ReadFile(recordedStore + "/lab-01/ep-0b339456b342.tar.zst")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := func(stdout string) (v []methodVerdict) {
		_ = json.Unmarshal([]byte(stdout), &v)
		for i := range v {
			v[i].Quality = nil
		}
		return v
	}
	_, stdout, _ := call(t, string(archive), "classify", "-", "--model", model, "--json")
	want := verdicts(stdout)
	recording := episodetest.ReadRecording(archive)
	for i, f := range episodetest.Formats() {
		if testing.Short() && i%5 != 0 {
			continue // make test-all tries every format
		}
		code, stdout, stderr := call(t, string(f.Write(recording)), "classify", "-", "--model", model, "--json", "--spec", write(t, "spec.yaml", f.Spec))
		if code != 0 || len(want) != 2 || !reflect.DeepEqual(verdicts(stdout), want) {
			t.Errorf("%s: exit %d, %s%s", f.Name, code, stdout, stderr)
		}
	}
}
