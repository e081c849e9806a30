package episode

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func recordedFiles(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("../examples/recorded/store/*/*.tar.zst")
	if err != nil || len(files) == 0 {
		tb.Fatal("no recorded episodes: ", err)
	}
	return files
}

func readFile(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// unpack returns the members of a good archive.
func unpack(tb testing.TB, data []byte) map[string][]byte {
	tb.Helper()
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer decoder.Close()
	content, err := decoder.DecodeAll(data, nil)
	if err != nil {
		tb.Fatal(err)
	}
	members := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(content)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return members
		}
		if err != nil {
			tb.Fatal(err)
		}
		if members[path.Base(h.Name)], err = io.ReadAll(r); err != nil {
			tb.Fatal(err)
		}
	}
}

// underRace reports whether the race detector is on.
var underRace bool

// TestRecorded compares every channel of real recordings with the oracle's, bit for bit. The oracle
// takes seconds for each under the race detector: then a part is compared, and all by make fma-test.
func TestRecorded(t *testing.T) {
	step := 1
	switch {
	case testing.Short():
		step = 12
	case underRace:
		step = 5
	}
	for i, file := range recordedFiles(t) {
		if i%step != 0 {
			continue
		}
		data := readFile(t, file)
		members := unpack(t, data)
		labels, ok := oracleRows(members["labels.jsonl"])
		if !ok {
			t.Fatal(file)
		}
		zero := oracleNumberOf(labels[0].values["t_wall_ns"])
		span := oracleNumberOf(labels[len(labels)-1].values["t_wall_ns"]).minus(zero) / 1e9
		var want []Wanted
		expected := map[ChannelName]Channel{}
		for _, source := range []string{"proc", "host"} {
			rows, ok := oracleRows(members["telemetry-"+source+".jsonl"])
			if !ok {
				t.Fatal(file)
			}
			if len(rows) == 0 {
				continue
			}
			selected := oracleSelect(rows, zero, span)
			for field, value := range rows[0].values {
				if _, ok := value.(json.Number); ok {
					name := wanted(source, field)
					want = append(want, name)
					expected[name.Name] = oracleChannel(name, selected, DefaultQuality()).channel
				}
			}
		}
		e, err := Read(bytes.NewReader(data), want, Rules{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(e.Labels) != len(labels) || len(e.Channels) != len(want) || len(want) < 10 {
			t.Errorf("%s: %d labels, %d channels", file, len(e.Labels), len(e.Channels))
		}
		for _, got := range e.Channels {
			if !sameChannel(got, expected[got.Name]) {
				t.Errorf("%s: channel %s differs", file, got.Name)
			}
		}
		meta, _ := oracleObject(bytes.TrimSpace(members["meta.json"]))
		duration := oracleNumberOf(meta["result"].(map[string]any)["duration_observed_s"]).value()
		if e.Duration != duration {
			t.Errorf("%s: duration %v, want %v", file, e.Duration, duration)
		}
		// A channel that is read alone is the same.
		alone, err := Read(strings.NewReader(string(data)), want[:1], Rules{})
		if err != nil || !sameChannel(alone.Channels[0], e.Channels[0]) {
			t.Errorf("%s: channel %s alone: %v", file, want[0].Name, err)
		}
	}
}
