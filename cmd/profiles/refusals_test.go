package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRefusals: a file or folder that a command cannot use is named in one line, with what is wrong with it and what to do.
func TestRefusals(t *testing.T) {
	archives, err := filepath.Abs(recordedStore)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(filepath.Dir(archives), "validation.parquet")
	whole, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	must(t, "fit", "--store", archives, "--fit-out", "fit.parquet", "--model-out", "model.parquet", "--signatures-out", "signatures.json")
	const header = "episode_id,host_id,profile,status\n"
	for name, text := range map[string]string{
		"semicolons.csv": strings.ReplaceAll(header, ",", ";"),
		"quote.csv":      header + `e1,"h1,io-walk,accepted` + "\n",
		"twice.csv":      "episode_id,host_id,profile,status,host_id\n",
		"empty.csv":      header,
		"cut.parquet":    string(whole[:len(whole)-8]),
		"text":           "text",
		"text.json":      "text",
		"damaged/ca.key": "text",
		"damaged/ca.crt": "text",
		"pack/h1/e1/a":   "text",
		"empty/h1/x":     "",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"fit --store STORE --validation semicolons.csv", 1, "cells must be separated by commas"},
		{"fit --store STORE --validation quote.csv", 1, `line 2: extraneous or missing " in quoted-field`},
		{"fit --store STORE --validation twice.csv", 1, "two columns are named host_id"},
		{"fit --store STORE --validation cut.parquet", 1, "it was cut off, or its writer was not closed"},
		{"fit --store text --validation LIST", 1, "open store: text is not a directory"},
		{"check --store STORE --validation empty.csv", 3, "there is no episode to try: the list has no row"},
		{"check --store STORE --validation LIST", 3, "of 47 episodes give no curve"},
		{"show .", 1, "it is a directory; name the parquet file"},
		{"classify --model fit.parquet x", 1, "read model: unexpected content: no column host_id; the file has profile, "},
		{"evaluate --store STORE --model model.parquet", 1, "episodes: use another store, or omit --model"},
		{"plot text.json --out out.svg", 1, "is not a file of signatures that fit or export wrote"},
		{"plot signatures.json --out out.svg --phase lunch", 1, "they are clean_lead, armed, infecting, infected_running and clean_tail"},
		{"inspect pack", 1, "there is no archive: want files <host>/<episode>.tar.zst, or with another suffix, in the folders of hosts"},
		{"pack empty --out out", 1, "there is no episode: want a folder <host>/<episode>/ with the files of each episode"},
		{"pack pack --out pack/store", 1, "lies in it; name another folder for the store"},
		{"credentials --out damaged", 1, "damaged credentials"},
		{"up --store STORE --nats 127.0.0.1:0 --listen 127.0.0.1:0 --data text", 1, "make the folder of --data"},
		{"fit --store ftp://host --validation LIST", 1, "want a directory, file:///directory, nats://bucket or s3://bucket/prefix"},
	} {
		var args []string
		for _, arg := range strings.Fields(c.args) {
			args = append(args, strings.NewReplacer("STORE", archives, "LIST", list).Replace(arg))
		}
		code, _, stderr := call(t, "", args...)
		lines := strings.SplitAfter(strings.TrimSuffix(stderr, "\n"), "\n")
		if code != c.code || !strings.Contains(lines[len(lines)-1], c.says) || !strings.HasPrefix(lines[len(lines)-1], "profiles ") {
			t.Errorf("%s: exit %d, want %d and %q:\n%s", c.args, code, c.code, c.says, stderr)
		}
	}
}
