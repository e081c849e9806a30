package fit

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sameEntry compares as reflect.DeepEqual does, but all NaN are equal.
func sameEntry(a, b Entry) bool {
	alike := same(a.Curve, b.Curve) && (a.Curve == nil) == (b.Curve == nil) && string(a.Signature.appendJSON(nil)) == string(b.Signature.appendJSON(nil))
	a.Curve, b.Curve, a.Signature, b.Signature = nil, nil, nil, nil
	return alike && reflect.DeepEqual(a, b)
}

// drawEntry draws a valid entry of one episode. There are few different ones, so that equal ones are joined often.
func drawEntry(t *rapid.T) Entry {
	e := Entry{
		Seq:     rapid.Uint64Range(1, 4).Draw(t, "seq"),
		Host:    "lab-01",
		Episode: "ep-1",
		State:   rapid.SampledFrom([]State{StateReason, StateCurve, StateRetracted}).Draw(t, "state"),
	}
	switch e.State {
	case StateCurve:
		e.Curve = rapid.SliceOfN(rapid.SampledFrom([]float64{nan, 0, math.Copysign(0, -1), 1, 1e-300, .1}), 0, 2).Draw(t, "curve")
		if e.Curve == nil {
			e.Curve = Curve{}
		}
		for range rapid.IntRange(0, 2).Draw(t, "channels") {
			e.Signature = append(e.Signature, rapid.SliceOfN(rapid.SampledFrom([]float32{float32(nan), 0, float32(math.Copysign(0, -1)), 0.1}), 0, 2).Draw(t, "channel"))
		}
		e.Seconds = Seconds{10, 0, rapid.SampledFrom([]float32{0.1, 3}).Draw(t, "seconds")}
		count := rapid.IntRange(0, 2)
		e.Quality = Quality{RowsDropped: count.Draw(t, "dropped"), Empty: count.Draw(t, "empty"), Longest: rapid.SampledFrom([]float32{0, 0.1}).Draw(t, "longest")}
		return e
	case StateReason:
		e.Reason = rapid.SampledFrom([]Reason{ReasonCorrupt, ReasonMissing}).Draw(t, "reason")
		e.Detail = rapid.SampledFrom([]string{"", "wrong \"checksum\"", "ÿ\n<", `\`}).Draw(t, "detail")
	}
	e.HadCurve = rapid.Bool().Draw(t, "had curve")
	return e
}

func TestEntryJSON(t *testing.T) {
	tests := []struct {
		entry Entry
		text  string
	}{
		{Entry{Seq: 12, Host: "lab-01", Episode: "ep-1", State: StateCurve, Curve: Curve{1.5, nan, -0.1, 1e300, 0}, Seconds: Seconds{10, 2, 3, 25, 5.5}},
			`{"seq":12,"host":"lab-01","episode":"ep-1","curve":[1.5,null,-0.1,1e+300,0],"seconds":[10,2,3,25,5.5]}`},
		{Entry{Seq: 12, Host: "lab-01", Episode: "ep-1", State: StateCurve, Curve: Curve{}},
			`{"seq":12,"host":"lab-01","episode":"ep-1","curve":[],"seconds":[0,0,0,0,0]}`},
		{Entry{Seq: 12, Host: "lab-01", Episode: "ep-1", State: StateCurve, Curve: Curve{1}, Quality: Quality{1, 2, 3, 4, 5, 6, 7, 8, 9.5}},
			`{"seq":12,"host":"lab-01","episode":"ep-1","curve":[1],"seconds":[0,0,0,0,0],"quality":[1,2,3,4,5,6,7,8,9.5]}`},
		{Entry{Seq: 12, Host: "lab-01", Episode: "ep-1", State: StateCurve, Curve: Curve{1, nan}, Signature: Signature{{1.5, float32(nan)}, {0, -0.1}}, Seconds: Seconds{10, 2, 0.1, 25, 0}},
			`{"seq":12,"host":"lab-01","episode":"ep-1","curve":[1,null],"signature":["AADAPwAAwH8=","AAAAAM3MzL0="],"seconds":[10,2,0.1,25,0]}`},
		{Entry{Seq: 12, Host: "lab-01", Episode: "ep-1", State: StateReason, Reason: ReasonCorrupt, Detail: "wrong \"checksum\""},
			`{"seq":12,"host":"lab-01","episode":"ep-1","reason":"corrupt","detail":"wrong \"checksum\""}`},
		{Entry{Seq: 1<<64 - 1, Host: "lab-01", Episode: "ep-1", State: StateReason, Reason: "no_labels", HadCurve: true},
			`{"seq":18446744073709551615,"host":"lab-01","episode":"ep-1","reason":"no_labels","had_curve":true}`},
		{Entry{Host: "lab-01", Episode: "ep-1", State: StateRetracted, HadCurve: true},
			`{"seq":0,"host":"lab-01","episode":"ep-1","retracted":true,"had_curve":true}`},
	}
	for _, test := range tests {
		text, err := EncodeEntry(test.entry)
		if err != nil || string(text) != test.text {
			t.Errorf("encoded %s, %v\nwant %s", text, err, test.text)
		}
		entry, err := DecodeEntry([]byte(test.text))
		if err != nil || !sameEntry(entry, test.entry) {
			t.Errorf("decoded %+v, %v\nwant %+v", entry, err, test.entry)
		}
		if text, err := json.Marshal(test.entry); err != nil || string(text) != test.text {
			t.Errorf("marshalled %s, %v\nwant %s", text, err, test.text)
		}
	}
}

func TestEntryJSONKeepsEveryBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		if e.State == StateCurve {
			e.Curve = append(e.Curve, rapid.SliceOf(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64)).Draw(t, "values")...)
		}
		text, err := EncodeEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeEntry(text); err != nil || !sameEntry(back, e) {
			t.Fatalf("%s gives %+v, %v, want %+v", text, back, err, e)
		}
	})
}

func TestDecodeEntryRefuses(t *testing.T) {
	const head = `{"seq":1,"host":"h","episode":"e"`
	tests := map[string]string{
		"nothing":               "",
		"null":                  "null",
		"a list":                "[]",
		"an empty object":       "{}",
		"no state":              head + `}`,
		"two states":            head + `,"curve":[1],"retracted":true}`,
		"three states":          head + `,"curve":[1],"retracted":true,"reason":"corrupt"}`,
		"not retracted":         head + `,"retracted":false}`,
		"unknown key":           head + `,"curve":[1],"colour":"red"}`,
		"more after it":         head + `,"curve":[1]} {}`,
		"rubbish after it":      head + `,"curve":[1]}x`,
		"cut":                   head + `,"curve":[1`,
		"no sequence":           `{"host":"h","episode":"e","curve":[1]}`,
		"sequence null":         `{"seq":null,"host":"h","episode":"e","curve":[1]}`,
		"negative sequence":     `{"seq":-1,"host":"h","episode":"e","curve":[1]}`,
		"no host":               `{"seq":1,"episode":"e","curve":[1]}`,
		"no episode":            `{"seq":1,"host":"h","curve":[1]}`,
		"curve of text":         head + `,"curve":["1"]}`,
		"curve of lists":        head + `,"curve":[[1]]}`,
		"curve no list":         head + `,"curve":1}`,
		"curve null":            head + `,"curve":null}`,
		"value too large":       head + `,"curve":[1e999]}`,
		"value true":            head + `,"curve":[true]}`,
		"empty reason":          head + `,"reason":""}`,
		"reason no word":        head + `,"reason":"Too large"}`,
		"reason too long":       head + `,"reason":"` + strings.Repeat("a", 33) + `"}`,
		"detail of a curve":     head + `,"curve":[1],"detail":"x"}`,
		"detail of a retracted": head + `,"retracted":true,"detail":"x"}`,
		"curve and had_curve":   head + `,"curve":[1],"had_curve":true}`,
		"quality too short":     head + `,"curve":[1],"seconds":[1,2,3,4,5],"quality":[1,2,3,4,5,6,7,8]}`,
		"quality too long":      head + `,"curve":[1],"seconds":[1,2,3,4,5],"quality":[1,2,3,4,5,6,7,8,9,10]}`,
		"quality negative":      head + `,"curve":[1],"seconds":[1,2,3,4,5],"quality":[1,2,3,4,5,6,7,-8,9]}`,
		"quality of fractions":  head + `,"curve":[1],"seconds":[1,2,3,4,5],"quality":[1.5,2,3,4,5,6,7,8,9]}`,
		"quality no list":       head + `,"curve":[1],"seconds":[1,2,3,4,5],"quality":{}}`,
		"quality of a reason":   head + `,"reason":"corrupt","quality":[1,2,3,4,5,6,7,8,9]}`,
		"seconds negative":      head + `,"curve":[1],"seconds":[1,2,-3,4,5]}`,
		"had_curve no boolean":  head + `,"retracted":true,"had_curve":1}`,
	}
	for name, text := range tests {
		if e, err := DecodeEntry([]byte(text)); err == nil {
			t.Errorf("%s: %s gives %+v", name, text, e)
		}
	}
}

func TestEncodeEntryRefuses(t *testing.T) {
	tests := map[string]Entry{
		"zero":            {},
		"no state":        {Host: "h", Episode: "e"},
		"unknown state":   {Host: "h", Episode: "e", State: 9},
		"infinite value":  {Host: "h", Episode: "e", State: StateCurve, Curve: Curve{1, math.Inf(-1)}},
		"curve retracted": {Host: "h", Episode: "e", State: StateRetracted, Curve: Curve{1}},
	}
	for name, e := range tests {
		if text, err := EncodeEntry(e); err == nil {
			t.Errorf("%s: %s", name, text)
		}
	}
	if text, err := json.Marshal(Curve{math.Inf(1)}); err == nil {
		t.Errorf("infinite curve: %s", text)
	}
}

func TestEntryValidate(t *testing.T) {
	curve := func(values ...float64) Entry {
		return Entry{Seq: 1, Host: "h", Episode: "e", State: StateCurve, Curve: values}
	}
	reason := Entry{Seq: 1, Host: "h", Episode: "e", State: StateReason, Reason: ReasonMissing}
	signed := func(s Signature, first float32) Entry {
		e := curve(1, 2)
		e.Signature, e.Seconds = s, Seconds{first, 2, 3, 25, 5}
		return e
	}
	spec := &Spec{Points: Points{CleanLead: 2}, Signature: SignatureSpec{Channels: []string{"a.b", "c.d"}}}
	tests := []struct {
		name  string
		entry Entry
		want  string // in the error; empty for none
	}{
		{"signature", signed(Signature{{1, 2}, {3, float32(nan)}}, 10), ""},
		{"a channel fewer", signed(Signature{{1, 2}}, 10), "1 channels, want 2"},
		{"a channel more", signed(Signature{{1, 2}, {1, 2}, {1, 2}}, 10), "3 channels"},
		{"a short channel", signed(Signature{{1, 2}, {1}}, 10), "1 points in channel 1"},
		{"an infinite channel", signed(Signature{{1, 2}, {1, float32(math.Inf(1))}}, 10), "point 1 in channel 1"},
		{"no length", signed(Signature{{1, 2}, {1, 2}}, float32(nan)), "slice 0"},
		{"a negative length", signed(Signature{{1, 2}, {1, 2}}, -1), "slice 0"},
		{"an infinite length", signed(Signature{{1, 2}, {1, 2}}, float32(math.Inf(1))), "slice 0"},
		{"negative quality", Entry{Host: "h", Episode: "e", State: StateCurve, Curve: Curve{1, 2}, Quality: Quality{Gaps: -1}}, "-1 for gaps"},
		{"infinite quality", Entry{Host: "h", Episode: "e", State: StateCurve, Curve: Curve{1, 2}, Quality: Quality{Longest: float32(math.Inf(1))}}, "for longest_gap"},
		{"a retraction with quality", Entry{Host: "h", Episode: "e", State: StateRetracted, Quality: Quality{Gaps: 1}}, "has a signature, seconds or quality"},
		{"a reason with seconds", Entry{Host: "h", Episode: "e", State: StateReason, Reason: ReasonMissing, Seconds: Seconds{1}}, "has a signature, seconds or quality"},
		{"a reason with a signature", Entry{Host: "h", Episode: "e", State: StateReason, Reason: ReasonMissing, Signature: Signature{{1, 2}, {1, 2}}}, "has a signature"},
		{"fine", curve(1, nan), ""},
		{"largest", curve(1e60, -1e60), ""},
		{"reason", reason, ""},
		{"short", curve(1), "1 points"},
		{"no points", curve([]float64{}...), "0 points"},
		{"an outline", signed(Signature{{1, 2}, {3, 4}}, 10).Outline(), "outline"},
		{"long", curve(1, 2, 3), "3 points"},
		{"infinite", curve(1, math.Inf(-1)), "point 1"},
		{"too large", curve(1.1e60, 1), "point 0"},
		{"zero", Entry{}, "lacks"},
	}
	for _, test := range tests {
		switch err := test.entry.Validate(spec); {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
}

func TestJoin(t *testing.T) {
	at := func(seq uint64, state State) Entry {
		e := Entry{Seq: seq, Host: "h", Episode: "e", State: state}
		switch state {
		case StateCurve:
			e.Curve = Curve{1}
		case StateReason:
			e.Reason = ReasonCorrupt
		}
		return e
	}
	had := func(e Entry) Entry { e.HadCurve = true; return e }
	tests := []struct {
		name     string
		old, new Entry
		want     Entry
		differs  bool
	}{
		{"first", Entry{}, at(1, StateReason), at(1, StateReason), true},
		{"later curve", at(1, StateReason), at(2, StateCurve), at(2, StateCurve), true},
		{"earlier curve", at(2, StateReason), at(1, StateCurve), had(at(2, StateReason)), true},
		{"the same again", at(2, StateCurve), at(2, StateCurve), at(2, StateCurve), false},
		{"raised sequence", at(2, StateCurve), at(3, StateCurve), at(3, StateCurve), true},
		{"lower sequence", at(3, StateCurve), at(2, StateCurve), at(3, StateCurve), false},
		{"curve beats reason", at(2, StateReason), at(2, StateCurve), at(2, StateCurve), true},
		{"reason loses against curve", at(2, StateCurve), at(2, StateReason), at(2, StateCurve), false},
		{"retracted beats curve", at(2, StateCurve), at(2, StateRetracted), had(at(2, StateRetracted)), true},
		{"retraction", at(2, StateCurve), at(3, StateRetracted), had(at(3, StateRetracted)), true},
		{"had a curve once", had(at(3, StateRetracted)), at(4, StateReason), had(at(4, StateReason)), true},
		{"has a curve again", had(at(3, StateRetracted)), at(4, StateCurve), at(4, StateCurve), true},
		{"only news that it had", at(3, StateRetracted), had(at(1, StateReason)), had(at(3, StateRetracted)), true},
	}
	for _, test := range tests {
		got, differs := Join(test.old, test.new)
		if !sameEntry(got, test.want) || differs != test.differs {
			t.Errorf("%s: %+v, %t, want %+v, %t", test.name, got, differs, test.want, test.differs)
		}
		if swapped, _ := Join(test.new, test.old); !sameEntry(swapped, test.want) {
			t.Errorf("%s, swapped: %+v, want %+v", test.name, swapped, test.want)
		}
	}
}

func TestJoinIsASemilattice(t *testing.T) {
	join := func(a, b Entry) Entry {
		joined, _ := Join(a, b)
		return joined
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawEntry(t), drawEntry(t), drawEntry(t)
		if x, y := join(a, b), join(b, a); !sameEntry(x, y) {
			t.Fatalf("not commutative: %+v, %+v", x, y)
		}
		if x, y := join(join(a, b), c), join(a, join(b, c)); !sameEntry(x, y) {
			t.Fatalf("not associative: %+v, %+v", x, y)
		}
		if x := join(a, a); !sameEntry(x, a) {
			t.Fatalf("not idempotent: %+v", x)
		}
		joined, differs := Join(a, b)
		if differs == sameEntry(joined, a) {
			t.Fatalf("differs is %t of %+v to %+v", differs, a, joined)
		}
		if again, differs := Join(joined, b); differs || !sameEntry(again, joined) {
			t.Fatalf("a second time: %+v, %t", again, differs)
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add([]byte(`{"seq":12,"host":"lab-01","episode":"ep-1","curve":[1.5,null,-0.1,1e+300,0]}`))
	f.Add([]byte(`{"seq":12,"host":"lab-01","episode":"ep-1","reason":"corrupt","detail":"x","had_curve":true}`))
	f.Add([]byte(`{"seq":12,"host":"lab-01","episode":"ep-1","retracted":true}`))
	f.Add([]byte(` {"SEQ":1,"host":"\u00e4","episode":"e","curve":[ ]}`))
	f.Add([]byte(`{"seq":12,"host":"lab-01","episode":"ep-1","curve":[1,null],"signature":["AADAPwAAwH8=","AAAAAM3MzL0="],"seconds":[10,2,0.1,25,0]}`))
	f.Add([]byte(`{"seq":12,"host":"lab-01","episode":"ep-1","curve":[1,null],"seconds":[10,2,0.1,25,0],"quality":[1,0,-0,4,5,6,7,8,9.5e0]}`))
	f.Add([]byte(`{"seq":12,"host":"lab-01","episode":"ep-1","curve":[1],"quality":[1,2,3,4,5,6,7,9223372036854775807,1e39]}`))
	f.Add([]byte(`{"seq":0,"host":"a","episode":"e","curve":[-0.5e+7, 1.0E-3],"signature":[],"seconds":[1e-46,0,0,0,3.5e38]}`))
	f.Add([]byte("{\"seq\":1,\"host\":\"a\",\"episode\":\"e\",\"curve\":[01,1.,+1],\"signature\":[\"AADA\nPw==\"],\"seconds\":[1,2,3,4]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if scanned, ok := scanEntry(text); ok {
			if parsed, err := parseEntry(text); err != nil || !sameEntry(scanned, parsed) {
				t.Fatalf("%s is scanned as %+v, parsed as %+v, %v", text, scanned, parsed, err)
			}
		}
		e, err := DecodeEntry(text)
		if err != nil {
			return
		}
		again, err := EncodeEntry(e)
		if err != nil {
			t.Fatalf("decoded, but can't be encoded: %v", err)
		}
		back, err := DecodeEntry(again)
		if err != nil || !sameEntry(back, e) {
			t.Fatalf("%s gives %+v, %v, want %+v", again, back, err, e)
		}
		NewSample(1).Put(Rank{}, e)
	})
}

// Every entry with a curve that is written can be read by scanEntry.
func TestScanEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		text, err := EncodeEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		scanned, ok := scanEntry(text)
		if ok != (e.State == StateCurve) || ok && !sameEntry(scanned, e) {
			t.Fatalf("%s is scanned as %+v, %v", text, scanned, ok)
		}
		parsed, err := parseEntry(text)
		if err != nil || ok && !sameEntry(scanned, parsed) {
			t.Fatalf("%s is scanned as %+v, parsed as %+v, %v", text, scanned, parsed, err)
		}
	})
}

func BenchmarkEntry(b *testing.B) {
	spec := DefaultSpec()
	e := Entry{Seq: 123456, Host: "lab-01", Episode: "ep-20260101-000123", State: StateCurve, Curve: make(Curve, spec.Points.Total()), Seconds: Seconds{10, 2, 3, 25, 5}, Quality: Quality{Gaps: 2, Empty: 1, Longest: 0.1051}}
	for i := range e.Curve {
		e.Curve[i] = 100 / float64(3+i)
	}
	for range spec.Signature.Channels {
		row := make([]float32, len(e.Curve))
		for i := range row {
			row[i] = 100 / float32(3+i)
		}
		e.Signature = append(e.Signature, row)
	}
	text, err := EncodeEntry(e)
	if err != nil {
		b.Fatal(err)
	}
	measure := func(name string, run func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	measure("encode", func() error { _, err := EncodeEntry(e); return err })
	measure("decode", func() error { _, err := DecodeEntry(text); return err })
	measure("decode=encoding-json", func() error { _, err := parseEntry(text); return err })
}
