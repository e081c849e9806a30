package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/episode/episodetest"
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

// TestEvaluateRecorded: signatures tell the recorded profiles apart, even on hosts
// that the model was not fitted on. The curves and channels of the Python program do
// not.
func TestEvaluateRecorded(t *testing.T) {
	for features, bounds := range map[string][2]float64{"levels": {0.97, 1}, "reference": {0.4, 0.8}} {
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

func TestEvaluateFittedModel(t *testing.T) {
	file := fitModel(t, "--n-episodes-per-profile", "4")
	e := evaluate(t, "--model", file, "--store", recordedStore)
	if len(e.Splits) != 1 || e.Splits[0].Known != 24 || e.Splits[0].Scores[0].Episodes != 18 {
		t.Errorf("%+v", e.Splits)
	}
	text := must(t, "evaluate", "--model", file, "--store", recordedStore)
	for _, want := range []string{"24 episodes that it was fitted on are left out", "nearest-envelope:", "knn:", "Wilson", "latency: p50"} {
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
		if v.Profile != "shell-resident" || v.NoneOfThese || len(v.RunnersUp) != 5 || len(v.Decided) != 35 {
			t.Errorf("%+v", v)
		}
	}
	text := must(t, "classify", episode, "--model", file)
	for _, want := range []string{"nearest-envelope: shell-resident", "knn: shell-resident", "DECIDED AGAINST", "infected_running"} {
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
		{[]string{"classify", "-", "--model", file}, string(episodetest.Episode(450).With("labels.jsonl", episodetest.Labels("clean", "infecting", "infected_running", "clean", "clean")).Bytes()), 3, "armed"},
		{[]string{"evaluate"}, "", 2, "--store DIR is missing"},
		{[]string{"evaluate", "--store", recordedStore, "--features", "other"}, "", 2, `--features "other"`},
		{[]string{"evaluate", "--store", recordedStore, "--model", file, "--features", "means"}, "", 2, "the model has its own"},
		{[]string{"fit", "--store", recordedStore, "--model-out", "x", "--features", "other"}, "", 2, `--features "other"`},
	} {
		code, stdout, stderr := call(t, c.stdin, c.args...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d, %s%s", c.args, code, stdout, stderr)
		}
	}
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
