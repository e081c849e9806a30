package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode/episodetest"
)

// evil clears the screen, sets the title of the window, ends the line, turns the order of the text round, and has
// an 8-bit control character and a byte that is no UTF-8.
const evil = "a\x1b[2J\x1b]0;pwned\a\r\nforged line\u202e\u009b31m\u2028\xff"

// TestTextOfOthers: no command prints a character that controls a terminal, whatever is in its files and arguments.
func TestTextOfOthers(t *testing.T) {
	dir := t.TempDir()
	at := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parquet := filepath.Join(dir, "evil.parquet")
	row := dataset.AttackProfile{
		Profile: evil, Channel: "proc." + evil, Unit: "x", Median: []float32{1}, MedianRaw: []float32{1}, P25Raw: []float32{1}, P75Raw: []float32{1},
	}
	if err := dataset.WriteAttackProfilesFile(parquet, []dataset.AttackProfile{row}, map[string]string{"generation": evil, "sampler": evil}); err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	archive := episodetest.Episode(30).With(evil+".jsonl", "{}\n").With("labels.jsonl", fmt.Sprintf(`{"t_wall_ns": 1000000000, "phase": %s}`+"\n", quoted)).
		With("telemetry-x.jsonl", fmt.Sprintf(`{"t_wall_ns": 1000000000, %s: %s}`+"\n", quoted, quoted)).Bytes()
	episode := at("store/lab-01/ep-1.tar.zst", archive)
	at("store/lab-01/"+strings.ReplaceAll(evil, "/", "")+".tar.zst", archive)
	at("store/"+evil+"/ep-2.tar.zst", archive)
	at("folders/"+evil+"/ep-1/labels.jsonl", nil)
	csv := at("list.csv", []byte("episode_id,host_id,profile,status,"+strings.ReplaceAll(evil, "\n", "")+"\n"+
		`ep-1,lab-01,cpu-saturate,accepted,`+"\n"+strings.Repeat(`"`+evil+`","`+evil+`","`+evil+`",accepted,`+"\n"+`ep-2,lab-01,"`+evil+`","`+evil+`",`+"\n", 3)))
	list := at("list.jsonl", fmt.Appendf(nil, `{%s: 1, "episode_id": %s}`+"\n", quoted, quoted))
	spec := at("spec.yaml", []byte("profiles:\n  - {name: "+string(quoted)+", channel: proc.x}\n"))

	server := bustest.Start(t)
	server.Topology()
	ctx, js := bustest.Context(t), server.JetStream()
	for _, reason := range []string{"corrupt", "no\x1b[2Jne"} {
		msg := nats.NewMsg("episode.rejected.x")
		msg.Data = fmt.Appendf(nil, `{"host_id": %s, "episode_id": %s, "profile": %s}`, quoted, quoted, quoted)
		msg.Header.Set(bus.HeaderReason, reason)
		msg.Header.Set(bus.HeaderDetail, strings.NewReplacer("\r", "", "\n", "").Replace(evil))
		if _, err := js.PublishMsg(ctx, msg); err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range []string{bus.SubjectAccepted, bus.SubjectRetracted} {
		if _, err := js.Publish(ctx, subject, fmt.Appendf(nil, `{"host_id": %s, "episode_id": %s, "profile": %s}`, quoted, quoted, quoted)); err != nil {
			t.Fatal(err)
		}
	}
	store, url := filepath.Join(dir, "store"), server.URL()
	for _, args := range [][]string{
		{"show", parquet}, {"show", parquet, "--json"}, {"plot", parquet, "--out", filepath.Join(dir, evil+".svg")}, {"show", evil},
		{"fit", "--store", store, "--validation", csv, "--fit-out", filepath.Join(dir, "out.parquet")},
		{"fit", "--store", store, "--validation", list}, {"fit", "--store", store, "--validation", csv, "--spec", spec}, {"fit", "--store", evil, "--validation", csv},
		{"check", "--store", store, "--validation", csv}, {"check", "--store", store, "--validation", csv, "--json"},
		{"inspect", store}, {"inspect", store, "--json"}, {"inspect", episode}, {"inspect", store, "--validation", csv, "--write-spec", filepath.Join(dir, "draft.yaml")},
		{"curve", episode}, {"curve", episode, "--channel", "x." + evil}, {"curve", episode, "--channel", "proc.cpu_user_jiffies"},
		{"classify", episode, "--model", parquet}, {"classify", evil}, {"evaluate", "--store", store, "--validation", csv},
		{"pack", filepath.Join(dir, "folders"), "--out", filepath.Join(dir, "packed")},
		{"emit", "--store", store, "--validation", csv, "--dry-run", "--nats", url}, {"emit", "--store", store, "--validation", csv, "--nats", url},
		{"emit", "--store", store, "--rejected", "--nats", url}, {"status", "--nats", url}, {"status", "--json", "--nats", url}, {"gc", "--dry-run", "--nats", url},
		{"status", "--nats", "nats://" + evil}, {evil}, {"status", "--" + evil}, {"credentials", "--out", filepath.Join(dir, "keys"), "--host", evil},
		{"topology", "--archives", "nats://" + evil, "--nats", url},
	} {
		code, stdout, stderr := call(t, "", args...)
		if strings.Contains(stderr, ": unknown flag: --") && !strings.Contains(args[1], evil) {
			t.Errorf("%q tests nothing: %s", args, stderr)
		}
		for _, text := range []string{stdout, stderr} {
			for _, r := range text {
				if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
					t.Errorf("%q, exit %d, printed %q in %q", args, code, r, text)
					break
				}
			}
			if strings.Contains(text, "\nforged line") && args[len(args)-1] != "--json" {
				t.Errorf("%q printed the line end of a name: %s", args, text)
			}
		}
	}
}

// TestHostWithLineEnd: nothing behind a line end is dropped silently.
func TestHostWithLineEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	for _, host := range []string{"good.example.org\nevil.example.org", "good.example.org\n", "good.example.org,also.example.org\r"} {
		code, stdout, stderr := call(t, "", "credentials", "--out", dir, "--host", host)
		if _, err := os.Stat(dir); code != 2 || !strings.Contains(stderr, "is not a host name or an IP address") || err == nil {
			t.Errorf("%q: exit %d, %s%s", host, code, stdout, stderr)
		}
	}
	if out := must(t, "credentials", "--json", "--out", dir, "--host", "a.example.org,10.0.0.7", "--host", "b.example.org"); !strings.Contains(out, "a.example.org") || !strings.Contains(out, "b.example.org") || !strings.Contains(out, "10.0.0.7") {
		t.Error(out)
	}
}
