package episode

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	et "github.com/cis490/profiles/episode/episodetest"
)

func TestParseChannelName(t *testing.T) {
	for s, want := range map[string]ChannelName{
		"proc.cpu_user_jiffies": {"proc", "cpu_user_jiffies"},
		"a.b.c":                 {"a", "b.c"},
		"a..":                   {"a", "."},
		"é.ü x":                 {"é", "ü x"},
		"a.b/c":                 {"a", "b/c"},
	} {
		got, err := ParseChannelName(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", ".", "a", "a.", ".b", "a/b.c", "a.\n", "a.\xff", "\x00.b"} {
		if got, err := ParseChannelName(s); err == nil || got != (ChannelName{}) || !strings.Contains(err.Error(), fmt.Sprintf("%q", s)) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

// drawJSON draws a value of a row.
func drawJSON(t *rapid.T, name string) string {
	switch rapid.IntRange(0, 9).Draw(t, name+" kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", `"7"`, "true", "[1]", `{"a": 2}`, "1e999", "-1e31", "1e30", "-0", "0", "-0.0", "1e-400",
			"18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809"}).Draw(t, name)
	case 1:
		return fmt.Sprint(rapid.Float64().Draw(t, name))
	case 2:
		return fmt.Sprint(rapid.Int64().Draw(t, name))
	case 3:
		return fmt.Sprint(drawBits(t, name))
	}
	return fmt.Sprint(rapid.IntRange(0, 1000).Draw(t, name))
}

// TestChannel compares channels of many kinds of rows with the oracle's, bit for bit.
func TestChannel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := strings.Builder{}
		clock := et.Start
		for i := range rapid.IntRange(0, 12).Draw(t, "rows") {
			clock += int64(rapid.IntRange(-1, 5).Draw(t, "step")) * 50_000_000
			time := fmt.Sprint(clock)
			if rapid.IntRange(0, 9).Draw(t, "odd time") == 0 {
				time = drawJSON(t, "time")
			}
			fmt.Fprintf(&rows, `{"t_wall_ns": %s`, time)
			for _, field := range []string{"minflt", "rss_bytes"} {
				if rapid.IntRange(0, 7).Draw(t, "missing") > 0 {
					fmt.Fprintf(&rows, `, "%s": %s`, field, drawJSON(t, fmt.Sprint(field, i)))
				}
			}
			rows.WriteString("}\n")
		}
		checkTelemetry(t, []byte(rows.String()))
	})
}

// A fataler is a testing.T or a rapid.T.
type fataler interface {
	Fatalf(format string, args ...any)
}

// checkTelemetry compares the channels of a telemetry member with the oracle's.
func checkTelemetry(t fataler, body []byte) {
	zero := oracleNumberOf(oracleTime())
	archive := et.Raw(et.Window(20), small().With("telemetry-proc.jsonl", string(body)).Tar())
	rows, valid := oracleRows(body)
	valid = valid && utf8.Valid(body) && nestingOfLines(body) <= 1000
	for i, name := range []Wanted{wanted("proc", "minflt"), wanted("proc", "rss_bytes"), wanted("proc", "minflt")} {
		rules := Rules{}
		if i == 2 {
			rules = lenient
		}
		e, err := Read(bytes.NewReader(archive), []Wanted{name}, rules)
		if !valid {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%q: %v, want corrupt", body, err)
			}
			continue
		}
		want := oracleChannel(name, oracleSelect(rows, zero, 40), rules.OrDefault().Quality)
		var unusable *UnusableError
		switch {
		case err == nil:
			if want.reason != "" || !sameChannel(e.Channels[0], want.channel) || e.Rows != len(want.rows.times) || e.RowsDropped != want.rows.dropped+want.rows.untimed {
				t.Fatalf("%s: got %+v of %d rows and %d dropped, want %s %+v of %+v", body, e.Channels[0], e.Rows, e.RowsDropped, want.reason, want.channel, want.rows)
			}
		case !errors.As(err, &unusable) || unusable.Reason != want.reason:
			t.Fatalf("%s: %v, want %q", body, err, want.reason)
		}
	}
}

// oracleTime returns the time of the first label of small.
func oracleTime() any {
	rows, _ := oracleRows([]byte(et.Walk()))
	return rows[0].values["t_wall_ns"]
}

func nestingOfLines(body []byte) int {
	deepest := 0
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		deepest = max(deepest, nesting(line))
	}
	return deepest
}

func FuzzTelemetry(f *testing.F) {
	f.Add([]byte(et.ProcRows(4)))
	for _, seed := range []string{
		"", "\n\n", `{"t_wall_ns": 1767225600050000000, "minflt": 1}`, "{\"t_wall_ns\": 1e18, \"minflt\": 1}\r\n{\"minflt\": 2.5, \"t_wall_ns\": 2e18}\r\n{\"t_wall_ns\": 3e18}",
		`{"t_wall_ns": 1767225600050000000, "minflt": 9, "s": "R"}` + "\n" + `{"t_wall_ns": 1767225600150000000, "minflt": 10, "s": "S9"}` + "\n" + `{"t_wall_ns": 1767225600250000000, "minflt": 010, "s": ""}`,
		`{"t_wall_ns":1,"a":12,"minflt":3}` + "\n" + `{"t_wall_ns":2,"a":-2,"minflt":0}` + "\n" + `{"t_wall_ns":3,"a":02,"minflt":-3}` + "\n" + `{"t_wall_ns":4,"a":1.5,"minflt":1e1}`,
		`{"t_wall_ns":1,"minflt":1,"minflt":[2,3]}` + "\n" + `{"t_wall_ns":2,"minflt":1,"minflt":[22,3]}` + "\n" + `{"t_wall_ns":3,"minflt":1,"minflt":7}`,
		`{"t_wall_ns":1,"minflt":1} ` + "\n" + `{"t_wall_ns":1,"minflt":1}x`, `{"t_wall_ns":11,"rss_bytes":true}` + "\n" + `{"t_wall_ns":12,"rss_bytes":null}` + "\n" + `{"t_wall_ns":12,"rss_bytes":3}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) < 1<<16 {
			checkTelemetry(t, body)
		}
	})
}
