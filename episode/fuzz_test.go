package episode

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	et "github.com/cis490/profiles/episode/episodetest"
)

// fuzzLimits keep reading any input cheap.
var fuzzLimits = Limits{WindowBytes: 1 << 20, TotalBytes: 4 << 20, MemberBytes: 1 << 20, LineBytes: 1 << 16, Rows: 1000, Labels: 1000, Members: 100, Depth: 100}

// FuzzRead checks that Read does not panic, that every error matches one of the documented errors,
// and that a further byte makes a valid archive corrupt if it is compressed.
func FuzzRead(f *testing.F) {
	content := small().Tar()
	f.Add(small().Bytes())
	f.Add(et.Raw(et.Window(17), content))
	f.Add(et.Raw(et.SingleSegment(uint64(len(content))), content))
	f.Add(join(et.Skippable([]byte("x")), et.Frames(content, 2000)))
	f.Add(et.Raw(et.Window(17), sparse("meta.json", 1000)))
	f.Add(small().Gzip())
	f.Add(et.GzipStreams(content, 2000))
	f.Add(content)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Read(bytes.NewReader(data), user, Rules{Limits: fuzzLimits})
		switch {
		case err == nil:
			if len(e.Channels) != 1 || len(e.Segments()) < 4 || len(e.Channels[0].Times) < 2 || len(e.Channels[0].Times) != len(e.Channels[0].Values) {
				t.Fatalf("%+v", e)
			}
			if _, err := read(append(data, 0)); !errors.Is(err, ErrCorrupt) && !isTarHeader(data[:min(len(data), blockBytes)]) {
				t.Fatalf("with a byte more: %v", err)
			}
		case !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrUnusable):
			t.Fatal(err)
		}
	})
}

// FuzzLabels compares labels with those of the oracle.
func FuzzLabels(f *testing.F) {
	f.Add([]byte(et.Walk()))
	f.Add([]byte(`{"t_wall_ns": 1, "phase": null}` + "\r\n\n" + `{"t_wall_ns": 2.5e9, "phase": [1, "x"]}` + "\n" + `{"phase": "\u0061rmed", "t_wall_ns": -0}`))
	f.Add([]byte(`{"t_wall_ns": 1e999}`))
	f.Add([]byte(`{"phase": "clean"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<16 {
			return
		}
		rows, valid := oracleRows(body)
		valid = valid && utf8.Valid(body) && nestingOfLines(body) <= 1000
		var want []Label
		for _, row := range rows {
			zero, time := oracleNumberOf(rows[0].values["t_wall_ns"]), oracleNumberOf(row.values["t_wall_ns"])
			label := Label{Time: time.minus(zero) / 1e9, HasPhase: row.values["phase"] != nil}
			if name, ok := row.values["phase"].(string); ok {
				label.Phase = Phase(clip(name))
			}
			valid = valid && isFinite(label.Time)
			want = append(want, label)
		}
		e, err := Read(bytes.NewReader(et.Raw(et.Window(20), small().With("labels.jsonl", string(body)).Tar())), nil, Rules{})
		if valid == errors.Is(err, ErrCorrupt) {
			t.Fatalf("%q is valid %v: %v", body, valid, err)
		}
		if err != nil {
			return
		}
		if len(e.Labels) != len(want) {
			t.Fatalf("%q: %d labels, want %d", body, len(e.Labels), len(want))
		}
		for i, label := range e.Labels {
			if _, isText := rows[i].values["phase"].(string); !isText && label.HasPhase {
				label.Phase = want[i].Phase
			}
			if label != want[i] {
				t.Fatalf("%q: label %v, want %v", body, label, want[i])
			}
		}
		for i, s := range e.Segments() {
			if !(s.End > s.Start) {
				t.Fatalf("%q: segment %d is %v", body, i, s)
			}
		}
	})
}
