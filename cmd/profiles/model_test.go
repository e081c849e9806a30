package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

// fitModel fits a model to the recorded episodes and returns its file.
func fitModel(t *testing.T, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "model.parquet")
	must(t, append([]string{"fit", "--store", recordedStore, "--fit-out", filepath.Join(dir, "fit.parquet"), "--model-out", file}, more...)...)
	return file
}

func evaluate(t *testing.T, args ...string) evaluation {
	t.Helper()
	var e evaluation
	if err := json.Unmarshal([]byte(must(t, append([]string{"evaluate", "--json"}, args...)...)), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEvaluateRecorded: signatures tell the recorded profiles apart, also on hosts that
// the model was not fitted on. The curves and channels of the Python program do not.
func TestEvaluateRecorded(t *testing.T) {
	for features, bounds := range map[string][2]float64{"running": {1, 1}, "reference": {0.4, 0.8}} {
		e := evaluate(t, "--store", recordedStore, "--features", features)
		if len(e.Splits) != 2 {
			t.Fatalf("%d splits", len(e.Splits))
		}
		for _, split := range e.Splits {
			for _, s := range split.Scores {
				t.Logf("%s, %s, %s: %d of %d right, from %.3f to %.3f", features, split.Name, s.Method, s.Right, s.Episodes, s.Low, s.High)
				if s.Episodes != 42 || s.Accuracy < bounds[0] || s.Accuracy > bounds[1] {
					t.Errorf("%s, %s, %s: %d of %d right: the accuracy is not from %v to %v", features, split.Name, s.Method, s.Right, s.Episodes, bounds[0], bounds[1])
				}
				if s.Latency.N != 42 || s.Latency.P50 <= 0 {
					t.Errorf("latency %+v", s.Latency)
				}
			}
		}
	}
}

// TestEvaluateOneHost: a model that was fitted on a single host tells the profiles apart on the
// others.
func TestEvaluateOneHost(t *testing.T) {
	for _, host := range []string{"lab-01", "lab-02", "lab-03"} {
		file := fitModel(t, "--validation", rowsOfHost(t, host))
		for _, s := range evaluate(t, "--model", file, "--store", recordedStore).Splits[0].Scores {
			t.Logf("%s alone, %s: %d of %d right, %d falsely none", host, s.Method, s.Right, s.Episodes, s.FalselyNone)
			if s.Accuracy < 0.97 {
				t.Errorf("%s alone, %s: %d of %d right", host, s.Method, s.Right, s.Episodes)
			}
		}
	}
}

// rowsOfHost writes the list of the recorded episodes of one host.
func rowsOfHost(t *testing.T, host string) string {
	t.Helper()
	all, err := os.ReadFile(filepath.Join(filepath.Dir(recordedStore), "validation.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for line := range strings.Lines(string(all)) {
		if strings.Contains(line, `"`+host+`"`) {
			own = append(own, line)
		}
	}
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(file, []byte(strings.Join(own, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEvaluateFittedModel(t *testing.T) {
	file := fitModel(t, "--n-episodes-per-profile", "4")
	e := evaluate(t, "--model", file, "--store", recordedStore)
	if len(e.Splits) != 1 || e.Splits[0].Known != 24 || e.Splits[0].Scores[0].Episodes != 18 {
		t.Errorf("%+v", e.Splits)
	}
	text := must(t, "evaluate", "--model", file, "--store", recordedStore)
	for _, want := range []string{"24 episodes that it was fitted on are left out", "lda:", "knn:", "Wilson", "latency: p50"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if code, _, stderr := call(t, "", "evaluate", "--model", fitModel(t), "--store", recordedStore); code != 1 || !strings.Contains(stderr, "fitted on all 42 episodes") {
		t.Errorf("nothing left to test: exit %d, %s", code, stderr)
	}
}

func TestClassify(t *testing.T) {
	file := fitModel(t)
	const episode = recordedStore + "/lab-03/ep-11356d87df3f.tar.zst"
	var verdicts []methodVerdict
	if err := json.Unmarshal([]byte(must(t, "classify", episode, "--model", file, "--json")), &verdicts); err != nil {
		t.Fatal(err)
	}
	for _, v := range verdicts {
		if v.Profile != "shell-resident" || v.NoneOfThese || len(v.RunnersUp) != 5 || len(v.Decided) != 22 {
			t.Errorf("%+v", v)
		}
	}
	text := must(t, "classify", episode, "--model", file)
	for _, want := range []string{"lda: shell-resident", "knn: shell-resident", "DECIDED AGAINST bursty-c2", "more kernel time in CPU time: 0.54, bursty-c2 has 0.11"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	archive, err := os.ReadFile(episode)
	if err != nil {
		t.Fatal(err)
	}
	code, fromStdin, stderr := call(t, string(archive), "classify", "-", "--model", file)
	if code != 0 || fromStdin != text {
		t.Errorf("from standard input: exit %d, %s%s", code, fromStdin, stderr)
	}
	for _, c := range []struct {
		args  []string
		stdin string
		code  int
		says  string
	}{
		{[]string{"classify"}, "", 2, "FILE.tar.zst"},
		{[]string{"classify", "-", "--model", file, "--k", "0"}, "", 2, "--k is 0"},
		{[]string{"classify", "-", "--model", "no-such"}, "", 1, "no-such"},
		{[]string{"classify", "-", "--model", file}, "garbage", 4, "standard input"},
		{[]string{"classify", "-", "--model", file}, onePoint(), 3, "no data where the model's examples have any"},
		{[]string{"classify", "-", "--model", file}, string(episodetest.Episode(450).With("labels.jsonl", episodetest.Labels("clean", "infecting", "infected_running", "clean", "clean")).Bytes()), 3, "armed"},
		{[]string{"evaluate"}, "", 2, "--store DIR is missing"},
		{[]string{"evaluate", "--store", recordedStore, "--features", "other"}, "", 2, `--features "other"`},
		{[]string{"evaluate", "--store", recordedStore, "--model", file, "--features", "reference"}, "", 2, "the model has its own"},
		{[]string{"fit", "--store", recordedStore, "--model-out", "x", "--features", "other"}, "", 2, `--features "other"`},
	} {
		code, stdout, stderr := call(t, c.stdin, c.args...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d, %s%s", c.args, code, stdout, stderr)
		}
	}
}

// TestClassifyNoneOfThese: the answer to an episode of a profile that the model does not have says what is too far. The number of
// examples with gaps is shown.
func TestClassifyNoneOfThese(t *testing.T) {
	whole, err := dataset.ReadModelFile(fitModel(t))
	if err != nil {
		t.Fatal(err)
	}
	examples := slices.DeleteFunc(whole.Examples(), func(e model.Example) bool { return e.Profile == "cpu-saturate" })
	gap := examples[0]
	gap.Episode, gap.Vector = "ep-with-a-gap", slices.Clone(gap.Vector)
	gap.Vector[3] = float32(math.NaN())
	m, err := model.New(whole.Layout(), append(examples, gap))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "model.parquet")
	if err := dataset.WriteModelFile(file, m); err != nil {
		t.Fatal(err)
	}
	episode := oneOf(t, whole.Examples(), "cpu-saturate")
	text := must(t, "classify", episode, "--model", file)
	for _, want := range []string{"examples with gaps, which no model uses: 1", "lda: none of these; the nearest is ", "TOO FAR FROM ", "more proc.cpu_user_jiffies in its lower half: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var verdicts []methodVerdict
	if err := json.Unmarshal([]byte(must(t, "classify", episode, "--model", file, "--json")), &verdicts); err != nil {
		t.Fatal(err)
	}
	for _, v := range verdicts {
		if v.WithGaps != 1 || len(v.Excess) != 22 || v.Excess[0].Part < v.Excess[21].Part {
			t.Errorf("%+v", v)
		}
	}
}

// TestClassifyDoubts: what is wrong with a recording is shown beside its verdict.
func TestClassifyDoubts(t *testing.T) {
	file := fitModel(t)
	rows := strings.Split(strings.TrimSuffix(episodetest.ProcRows(450), "\n"), "\n")
	rows[300] = strings.Replace(rows[300], "t_wall_ns", "t", 1)
	archive := string(episodetest.Episode(450).With("telemetry-proc.jsonl", strings.Join(rows, "\n")).Bytes())
	const doubt = "doubts about the recording, which a wrong answer or \"none of these\" may come from:\n  1 rows that were dropped\n"
	if code, text, stderr := call(t, archive, "classify", "-", "--model", file); code != 0 || !strings.Contains(text, doubt) {
		t.Errorf("exit %d, %s%s", code, text, stderr)
	}
	var verdicts []methodVerdict
	_, text, _ := call(t, archive, "classify", "-", "--model", file, "--json")
	if err := json.Unmarshal([]byte(text), &verdicts); err != nil || verdicts[0].Quality[fit.QualityRowsDropped] != 1 || len(verdicts[0].Quality) != 9 {
		t.Errorf("%v, %s", err, text)
	}
	if _, text, _ = call(t, string(episodetest.Episode(450).Bytes()), "classify", "-", "--model", file); strings.Contains(text, "doubts") {
		t.Errorf("a good recording: %s", text)
	}
}

// oneOf returns the archive of the first example of a profile.
func oneOf(t *testing.T, examples []model.Example, p fit.ProfileName) string {
	t.Helper()
	i := slices.IndexFunc(examples, func(e model.Example) bool { return e.Profile == p })
	if i < 0 {
		t.Fatalf("no example of %s", p)
	}
	return filepath.Join(recordedStore, examples[i].Host, examples[i].Episode+".tar.zst")
}

// TestFitOutputs: fit refuses a file that cannot be written before it reads anything,
// and two files that contradict each other.
func TestFitOutputs(t *testing.T) {
	dir := t.TempDir()
	for _, flag := range []string{"--fit-out", "--model-out", "--signatures-out"} {
		args := []string{"fit", "--store", filepath.Join(dir, "no-store"), "--fit-out", filepath.Join(dir, "fit.parquet"), flag, dir}
		if code, _, stderr := call(t, "", args...); code != 1 || !strings.Contains(stderr, "not a regular file") {
			t.Errorf("%s names a folder: exit %d: %s", flag, code, stderr)
		}
	}
	out := filepath.Join(dir, "s.json")
	args := []string{"fit", "--store", recordedStore, "--fit-out", filepath.Join(dir, "fit.parquet"),
		"--model-out", filepath.Join(dir, "m.parquet"), "--features", "reference", "--signatures-out", out}
	if code, _, stderr := call(t, "", args...); code != 2 || !strings.Contains(stderr, "--signatures-out") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("signatures of other channels were written: %v", err)
	}
}

// onePoint returns an archive whose rows lie so close together that its curve has one point, where
// infected_running begins, and its signature none.
func onePoint() string {
	var rows strings.Builder
	for i, at := range []int64{14_970, 14_980, 15_020} {
		fmt.Fprintf(&rows, `{"t_wall_ns": %d, "cpu_user_jiffies": %d, "cpu_sys_jiffies": %d}`+"\n", episodetest.Start+at*1e6, i, i)
	}
	return string(episodetest.Episode(450).With("telemetry-proc.jsonl", rows.String()).Bytes())
}
