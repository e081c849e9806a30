package episode

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	et "github.com/cis490/profiles/episode/episodetest"
)

// lenient are rules that refuse no rows, no counter and no clock.
var lenient = Rules{Quality: QualityLimits{MinSpan: math.Inf(-1), MaxDuration: math.Inf(1), RowsDropped: 1, CounterEvents: 1}}

// TestReadRows tests the rules for rows of a counter.
func TestReadRows(t *testing.T) {
	const zero = 1_767_225_600_000_000_000
	nan := math.NaN()
	a, b := 0.1, 0.3 // not constants, which would be subtracted exactly
	grown := b - a
	for name, c := range map[string]struct {
		rows    string // "time value;...", the time in nanoseconds since zero where it starts with +
		times   []float64
		values  []float64
		counts  []float64
		unknown []int
		quality [4]int // restarts, dips, peaks, rows dropped
	}{
		"a counter":            {rows: "+1e9 5;+2e9 7;+4e9 13", times: []float64{2, 4}, values: []float64{2, 3}, counts: []float64{0, 2, 8}},
		"a restart":            {"+1e9 5;+2e9 7;+3e9 1;+4e9 3", []float64{2, 3, 4}, []float64{2, 1, 2}, []float64{0, 2, 3, 5}, nil, [4]int{1, 0, 0, 0}},
		"a restart at 0":       {"+1e9 5;+2e9 7;+3e9 0;+4e9 1", []float64{2, 3, 4}, []float64{2, 0, 1}, []float64{0, 2, 2, 3}, nil, [4]int{1, 0, 0, 0}},
		"a restart over a gap": {"+1e9 5;+2e9 7;+3e9 null;+4e9 4;+5e9 5", []float64{2, 3, 4, 5}, []float64{2, nan, 2, 1}, []float64{0, 2, 6, 7}, nil, [4]int{1, 0, 0, 0}},
		"an unknown fall":      {"+1e9 5;+2e9 7;+3e9 4;+4e9 5", []float64{2, 3, 4}, []float64{2, nan, 1}, []float64{0, 2, 2, 3}, []int{2}, [4]int{}},
		"a dip":                {"+1e9 5;+2e9 7;+3e9 0;+4e9 9", []float64{2, 3, 4}, []float64{2, nan, 1}, []float64{0, 2, 4}, nil, [4]int{0, 1, 0, 0}},
		"a long dip":           {"+1e9 5;+2e9 7;+3e9 0;+4e9 1;+5e9 2;+6e9 15", []float64{2, 3, 4, 5, 6}, []float64{2, nan, nan, nan, 2}, []float64{0, 2, 10}, nil, [4]int{0, 1, 0, 0}},
		"a slow return":        {"+1e9 5;+2e9 7;+3e9 2;+4e9 4;+5e9 6;+6e9 8", []float64{2, 3, 4, 5, 6}, []float64{2, 2, 2, 2, 2}, []float64{0, 2, 4, 6, 8, 10}, nil, [4]int{1, 0, 0, 0}},
		"a peak":               {"+1e9 5;+2e9 7;+3e9 1000;+4e9 9;+5e9 11", []float64{2, 3, 4, 5}, []float64{2, nan, 1, 2}, []float64{0, 2, 4, 6}, nil, [4]int{0, 0, 1, 0}},
		"a first zero":         {"+1e9 0;+2e9 500;+3e9 502;+4e9 504", []float64{2, 3, 4}, []float64{nan, 2, 2}, []float64{0, 2, 4}, nil, [4]int{0, 0, 1, 0}},
		"starts at 0":          {rows: "+1e9 0;+2e9 2;+3e9 4", times: []float64{2, 3}, values: []float64{2, 2}, counts: []float64{0, 2, 4}},
		"no H":                 {"+1e9 0;+2e9 2;+3e9 1", []float64{2, 3}, []float64{2, nan}, []float64{0, 2, 2}, []int{2}, [4]int{}},
		"negative":             {rows: "+1e9 -5;+2e9 -3;+3e9 7;+4e9 -1;+5e9 11", times: []float64{2, 3, 4, 5}, values: []float64{nan, nan, nan, 2}, counts: []float64{0, 4}},
		"a gap":                {rows: "+1e9 5;+2e9 null;+3e9 9", times: []float64{2, 3}, values: []float64{nan, 2}, counts: []float64{0, 4}},
		"gaps first":           {rows: "+1e9 \"x\";+2e9 true;+3e9 9;+4e9 10", times: []float64{2, 3, 4}, values: []float64{nan, nan, 1}, counts: []float64{0, 1}},
		"kinds of gaps":        {rows: "+1e9 3;+2e9 [1];+3e9 {};+4e9 1e999;+5e9 -1e31;+6e9 13", times: []float64{2, 3, 4, 5, 6}, values: []float64{nan, nan, nan, nan, 2}, counts: []float64{0, 10}},
		"equal times":          {"+1e9 5;+1e9 99;+2e9 7;+2e9 1;+3e9 8", []float64{2, 3}, []float64{2, 1}, []float64{0, 2, 3}, nil, [4]int{0, 0, 0, 2}},
		"repeats":              {rows: "+1e9 5;+1e9 5;+2e9 7;+3e9 8;+1e9 5;+3e9 8", times: []float64{2, 3}, values: []float64{2, 1}, counts: []float64{0, 2, 3}},
		"far ahead":            {"+1e9 5;+9e9 6;+2e9 7;+3e9 9", []float64{2, 3}, []float64{nan, 2}, []float64{0, 0, 2}, []int{1}, [4]int{0, 0, 0, 1}},
		"back":                 {"+1e9 5;+2e9 6;+0.5e9 1;+3e9 7", []float64{2, 3}, []float64{1, nan}, []float64{0, 1, 1}, []int{2}, [4]int{0, 0, 0, 1}},
		"back at the end":      {"+1e9 5;+2e9 6;+3e9 7;+0.5e9 1", []float64{2, 3}, []float64{1, 1}, []float64{0, 1, 2}, nil, [4]int{0, 0, 0, 1}},
		"ahead at the start":   {"+9e9 5;+1e9 6;+2e9 7;+3e9 8", []float64{2, 3}, []float64{1, 1}, []float64{0, 1, 2}, nil, [4]int{0, 0, 0, 1}},
		"far from the others":  {"+1e9 5;+2e9 6;+3e9 7;+50e9 8", []float64{2, 3}, []float64{1, 1}, []float64{0, 1, 2}, nil, [4]int{0, 0, 0, 1}},
		"far before":           {"+-50e9 5;+1e9 6;+2e9 7;+3e9 8", []float64{2, 3}, []float64{1, 1}, []float64{0, 1, 2}, nil, [4]int{0, 0, 0, 1}},
		"far, as many":         {"+1e9 5;+2e9 6;+3e9 7;+50e9 8;+51e9 9;+52e9 9", []float64{2, 3}, []float64{1, 1}, []float64{0, 1, 2}, nil, [4]int{0, 0, 0, 3}},
		"not too far":          {rows: "+1e9 5;+41e9 45;+42e9 46", times: []float64{41, 42}, values: []float64{1, 1}, counts: []float64{0, 40, 41}},
		"without a time":       {"null 9;\"x\" 9;+1e9 5;1e999 6;[] 6;+2e9 7;+3e9 8", []float64{2, 3}, []float64{2, 1}, []float64{0, 2, 3}, nil, [4]int{0, 0, 0, 4}},
		"before the label":     {rows: "+-2e9 5;+-1e9 6;+0 8", times: []float64{-1, 0}, values: []float64{1, 2}, counts: []float64{0, 1, 3}},
		"beyond 2^53":          {rows: "+1e9 9007199254740993;+2e9 9007199254740994;+3e9 18446744073709551615", times: []float64{2, 3}, values: []float64{1, 18437736874454810624}, counts: []float64{0, 1, 18437736874454810622}},
		"a fall beyond 2^53":   {"+1e9 9007199254740993;+2e9 9007199254740992;+3e9 9007199254740994", []float64{2, 3}, []float64{nan, 0.5}, []float64{0, 1}, nil, [4]int{0, 1, 0, 0}},
		"decimals":             {rows: "+1e9 0.1;+2e9 0.3;+3e9 0.3", times: []float64{2, 3}, values: []float64{grown, 0}, counts: []float64{0, grown, grown}},
		"huge rate":            {rows: "+1 1;+2 1e29;+3 2e29", times: []float64{2e-9, 3e-9}, values: []float64{nan, nan}, counts: []float64{0, 1e29, 2e29}},
		"integers, then not":   {rows: "+1e9 9007199254740993;+2e9 9007199254740994;+3e9 9007199254740996.0", times: []float64{2, 3}, values: []float64{1, 2}, counts: []float64{0, 1, 3}},
	} {
		var body strings.Builder
		for row := range strings.SplitSeq(c.rows, ";") {
			at, value, _ := strings.Cut(row, " ")
			if since, ok := strings.CutPrefix(at, "+"); ok {
				var ns float64
				if _, err := fmt.Sscan(since, &ns); err != nil {
					t.Fatal(err)
				}
				at = fmt.Sprint(int64(ns) + zero)
			}
			fmt.Fprintf(&body, `{"t_wall_ns": %s, "minflt": %s}`+"\n", at, value)
		}
		e, err := Read(bytes.NewReader(small().With("telemetry-proc.jsonl", body.String()).Bytes()), []Wanted{wanted("proc", "minflt")}, lenient)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := e.Channels[0]
		if !sameFloats(got.Times, c.times) || !sameFloats(got.Values, c.values) || !sameFloats(got.Counts, c.counts) {
			t.Errorf("%s: times %v values %v counts %v, want %v %v %v", name, got.Times, got.Values, got.Counts, c.times, c.values, c.counts)
		}
		if have := [4]int{got.Restarts, got.Dips, got.Peaks, e.RowsDropped}; have != c.quality || !slices.Equal(got.Unknown, c.unknown) {
			t.Errorf("%s: restarts, dips, peaks, rows dropped are %v, unknown steps %v; want %v, %v", name, have, got.Unknown, c.quality, c.unknown)
		}
	}
}

// TestReadFarRows checks that a row is dropped if its time in seconds overflows.
func TestReadFarRows(t *testing.T) {
	labels := et.Labels("clean", "armed", "infecting", "infected_running", "clean")
	for i := range 5 {
		labels = strings.Replace(labels, fmt.Sprint(et.Start+int64(i)*1_000_000_000), fmt.Sprintf("-1.7%de308", 5-i), 1)
	}
	rows := `{"t_wall_ns": -1.75e308, "x": 1}` + "\n" + `{"t_wall_ns": -1.74e308, "x": 2}` + "\n" + `{"t_wall_ns": 1.7e308, "x": 3}` + "\n"
	a := small().With("labels.jsonl", labels).With("telemetry-far.jsonl", rows)
	e, err := Read(bytes.NewReader(a.Bytes()), []Wanted{wanted("far", "x")}, lenient)
	if err != nil {
		t.Fatal(err)
	}
	if !sameFloats(e.Channels[0].Values, []float64{1, 2}) || e.RowsDropped != 1 {
		t.Errorf("got %v, %d dropped", e.Channels[0].Values, e.RowsDropped)
	}
}

// TestReadGauge checks that the values of a gauge are its samples.
func TestReadGauge(t *testing.T) {
	rows := et.Rows(4, func(i int) string {
		return []string{`"load": 0.5`, `"x": 1`, `"load": -3`, `"load": 18446744073709551616`}[i]
	})
	a := small().With("telemetry-host.jsonl", rows)
	e, err := Read(bytes.NewReader(a.Bytes()), []Wanted{wanted("host", "load"), wanted("host", "t_wall_ns"), wanted("proc", "minflt"), wanted("host", "load")}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	load, clock := e.Channels[0], e.Channels[1]
	if !sameFloats(load.Values, []float64{0.5, math.NaN(), -3, 1 << 64}) || load.Gaps != 1 || load.Counter || load.Counts != nil {
		t.Errorf("load %v", load)
	}
	if clock.Values[0] != float64(et.Start+50_000_000) || len(clock.Times) != 4 || e.Rows != 4 {
		t.Errorf("clock %v of %d rows", clock, e.Rows)
	}
	if !e.Channels[2].Counter || !sameChannel(e.Channels[3], load) {
		t.Errorf("minflt %v, load again %v", e.Channels[2], e.Channels[3])
	}
}

func TestReadMeta(t *testing.T) {
	for body, want := range map[string]float64{
		`{}`:                                0,
		`{"result": null}`:                  0,
		`{"result": {}}`:                    0,
		et.Meta("null"):                     0,
		et.Meta("45.02"):                    45.02,
		et.Meta("-1"):                       -1,
		et.Meta("-0"):                       0,
		et.Meta("1e300"):                    1e300,
		et.Meta("18446744073709551616"):     1 << 64,
		`{"duration_observed_s": 7}`:        0,
		`{"a": {"duration_observed_s": 7}}`: 0,
		`{"result": {"x": {"duration_observed_s": 7}}}`:                                      0,
		`{"result": {"duration_observed_s": 7}, "result": {"status": "x"}}`:                  0,
		`{"result": {"duration_observed_s": 7, "duration_observed_s": null}}`:                0,
		`{"result": {"duration_observed_s": "x"}, "result": {"duration_observed_s": 5}}`:     5,
		`{"result": {"duration_observed_s": true, "d": 1, "duration_observ\u0065d_s": 5e0}}`: 5,
		`{"result": [], "r\u0065sult": null}`:                                                0,
	} {
		e, err := Read(bytes.NewReader(small().With("meta.json", body).Bytes()), user, lenient)
		if err != nil || e.Duration != want {
			t.Errorf("%s: %v, %v, want %v", body, e, err, want)
		}
	}
}

func TestReadLabels(t *testing.T) {
	long := strings.Repeat("é", 100)
	body := strings.Join([]string{
		`{"t_wall_ns": 1000000000, "phase": "armed"}`,
		`{"phase": "infected_running", "t_wall_ns": 2000000000.5}`,
		`{"t_wall_ns": 3000000000}`,
		`{"t_wall_ns": 4e9, "phase": null}`,
		`{"t_wall_ns": 500000000, "phase": 7}`,
		`{"t_wall_ns": 18446744073709551615, "phase": {"a":[1,"x"]} }`,
		`{"t_wall_ns": -9223372036854775808, "phase": ""}`,
		`{"t_wall_ns": 1e300, "phase": "` + long + `"}`,
		`{"t_wall_ns": 1, "phase": "` + long + `", "phase": false, "t_wall_ns": 6e9}`,
		`{"t_wall_ns": 7e9, "phase": "x", "phase": null}`,
	}, "\n")
	e, err := read(small().With("labels.jsonl", body).With("telemetry-proc.jsonl", et.Rows(9, func(int) string { return `"cpu_user_jiffies": 1` })).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	first := 1e9
	want := []Label{
		{0, "armed", true}, {(2000000000.5 - first) / 1e9, PhaseRunning, true}, {2, "", false}, {3, "", false}, {-0.5, "7", true},
		{float64(uint64(math.MaxUint64-1000000000)) / 1e9, `{"a":[1,"x"]}`, true}, {-float64(uint64(1<<63+1000000000)) / 1e9, "", true},
		{(1e300 - first) / 1e9, Phase(strings.Repeat("é", 32)), true}, {5, "false", true}, {6, "", false},
	}
	if !reflect.DeepEqual(e.Labels, want) {
		t.Errorf("labels\n%v, want\n%v", e.Labels, want)
	}
}
