package fit

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func drawSpec(t *rapid.T) *Spec {
	count := rapid.IntRange(0, 100)
	s := &Spec{
		Revision: rapid.Int64Range(0, math.MaxInt64).Draw(t, "revision"),
		Target:   rapid.IntRange(1, maxTarget).Draw(t, "target"),
		Seed:     rapid.Uint64().Draw(t, "seed"),
		Resample: rapid.SampledFrom([]Resample{Linear, Mean}).Draw(t, "resample"),
		Points:   Points{count.Draw(t, "points"), count.Draw(t, "points"), count.Draw(t, "points"), 2 + count.Draw(t, "points"), count.Draw(t, "points")},
		Format:   drawFormat(t),
		Quality: QualityLimits{
			MinSpan: rapid.Float64Range(0, 1e9).Draw(t, "min_span"), MaxDuration: rapid.Float64Range(1, 1e9).Draw(t, "max_duration"),
			RowsDropped: rapid.Float64Range(0, 1).Draw(t, "rows_dropped"), CounterEvents: rapid.Float64Range(0, 1).Draw(t, "counter_events"), MinPoints: 2,
		},
		Validation: Validation{
			EpisodeID: "e", HostID: "h", Profile: "p", Status: rapid.SampledFrom([]string{"", "s"}).Draw(t, "status"),
			Accepted: rapid.SliceOfNDistinct(rapid.String(), 1, 3, rapid.ID).Draw(t, "accepted"),
		},
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "profiles") {
		s.Profiles = append(s.Profiles, Profile{
			Name:    ProfileName(fmt.Sprintf("%s%d", rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_-]{0,60}`).Draw(t, "name"), i)),
			Channel: rapid.StringMatching(`[A-Za-z0-9_-]{8,128}\.[A-Za-z0-9_.-]{1,128}`).Draw(t, "channel"),
			Shape:   rapid.String().Draw(t, "shape"),
		})
	}
	s.Signature = SignatureSpec{
		Resample: rapid.SampledFrom([]Resample{Linear, Mean}).Draw(t, "resample"),
		Channels: rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}\.[a-z.]{1,8}`), 0, maxSignature, rapid.ID).Draw(t, "signature"),
	}
	return s
}

func TestDefaultSpec(t *testing.T) {
	s := DefaultSpec()
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	if s.Points.Total() != 80 || len(s.Profiles) != 6 {
		t.Errorf("%d points, %d profiles", s.Points.Total(), len(s.Profiles))
	}
	s.Profiles[0].Channel, s.Signature.Channels[0] = "changed", "changed"
	if again := DefaultSpec(); again.Profiles[0].Channel == "changed" || again.Signature.Channels[0] == "changed" {
		t.Error("two default specs share their profiles or their signature")
	}
	p, ok := s.Profile("scan-and-dial")
	if want := (Profile{Name: "scan-and-dial", Channel: "proc.cpu_sys_jiffies", Shape: "SYN-style probes + dial-home"}); !ok || p != want {
		t.Errorf("profile = %v, %t, want %v", p, ok, want)
	}
	if p, ok := s.Profile("none"); ok {
		t.Errorf("profile = %v", p)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		field string // in the error
		edit  func(*Spec)
	}{
		{"revision: -1", func(s *Spec) { s.Revision = -1 }},
		{"target: 0", func(s *Spec) { s.Target = 0 }},
		{"target: 100001", func(s *Spec) { s.Target = 100_001 }},
		{`resample: resample ""`, func(s *Spec) { s.Resample = "" }},
		{`resample: resample "cubic"`, func(s *Spec) { s.Resample = "cubic" }},
		{"points.clean_lead: -1", func(s *Spec) { s.Points.CleanLead = -1 }},
		{"points.infected_running: 1", func(s *Spec) { s.Points.InfectedRunning = 1 }},
		{"points.clean_tail: -3", func(s *Spec) { s.Points.CleanTail = -3 }},
		{"points.armed: 9223372036854775807", func(s *Spec) { s.Points.Armed = math.MaxInt }},
		{"points: 150015", func(s *Spec) { s.Points = Points{50_000, 5, 10, 50_000, 50_000} }},
		{"profiles: ", func(s *Spec) { s.Profiles = nil }},
		{"profiles[5].name: ", func(s *Spec) { s.Profiles[5].Name = "" }},
		{`profiles[1].name: profile "cpu-saturate"`, func(s *Spec) { s.Profiles[1].Name = "cpu-saturate" }},
		{`profiles[1].name: profiles "cpu-saturate" and "CPU-saturate"`, func(s *Spec) { s.Profiles[1].Name = "CPU-saturate" }},
		{"format.sources: there is no line", func(s *Spec) { s.Format.Sources = nil }},
		{"quality.max_duration: NaN", func(s *Spec) { s.Quality.MaxDuration = math.NaN() }},
		{"validation.profile: it is empty", func(s *Spec) { s.Validation.Profile = "" }},
		{"profiles[2].channel: ", func(s *Spec) { s.Profiles[2].Channel = "proc" }},
		{"profiles[2].group: ", func(s *Spec) { s.Profiles[2].Group = strings.Repeat("g", 65) }},
		{`signature.resample: resample ""`, func(s *Spec) { s.Signature.Resample = "" }},
		{"signature.channels[1]: channel is empty", func(s *Spec) { s.Signature.Channels[1] = "" }},
		{`signature.channels[6]: channel "proc.minflt" is there twice`, func(s *Spec) { s.Signature.Channels[6] = "proc.minflt" }},
		{"signature.channels: 33 channels", func(s *Spec) { s.Signature.Channels = make([]string, 33) }},
	}
	for _, test := range tests {
		s := DefaultSpec()
		test.edit(s)
		if err := s.Validate(); err == nil || !strings.HasPrefix(err.Error(), test.field) {
			t.Errorf("error %v, want %s...", err, test.field)
		}
	}
}

// TestMessageBytes: the longest entry fits, and the bound is not much higher.
func TestMessageBytes(t *testing.T) {
	const longest = -1.2345678901234567e-100
	name := strings.Repeat("x", 128)
	for _, channels := range []int{0, 1, 7, 32} {
		s := DefaultSpec()
		s.Points.InfectedRunning = 2000
		s.Signature.Channels = make([]string, channels)
		points := s.Points.Total()
		entry := Entry{Seq: math.MaxUint64, Host: name, Episode: name, State: StateCurve, Curve: slices.Repeat(Curve{longest}, points)}
		for range channels {
			entry.Signature = append(entry.Signature, slices.Repeat([]float32{1.5}, points))
		}
		if channels > 0 {
			entry.Seconds = Seconds{longest, longest, longest, longest, longest}
		}
		written, err := EncodeEntry(entry)
		if err != nil {
			t.Fatal(err)
		}
		if need, bound := len(written), s.MessageBytes(); need > bound || channels > 24 && bound > need*11/10 {
			t.Errorf("%d channels: %d bytes at most, but the entry has %d", channels, bound, need)
		}
	}
}

func TestParseProfileName(t *testing.T) {
	for _, text := range []string{"a", "0", "cpu-saturate", "a-", "A", "T1496_xmrig", "a_", strings.Repeat("x", 63)} {
		if name, err := ParseProfileName(text); err != nil || string(name) != text {
			t.Errorf("%q: %s, %v", text, name, err)
		}
	}
	for _, text := range []string{"", "-a", "_a", "a.b", "a b", "a*", "a>", "é", strings.Repeat("x", 64)} {
		if name, err := ParseProfileName(text); err == nil {
			t.Errorf("%q gives %s", text, name)
		}
	}
}

func TestCheckChannel(t *testing.T) {
	long := strings.Repeat("x", 128)
	for _, name := range []string{"proc.cpu", "a.b", "A-_0.b", "a.b.c", "a..", "a.-", long + "." + long} {
		if err := checkChannel(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "a", "a.", ".b", "a b.c", "a.b c", "a/b.c", "a.b/c", "ä.b", "a.b\x00", long + "x.b", "a." + long + "x"} {
		if err := checkChannel(name); err == nil {
			t.Errorf("%q is taken for a channel", name)
		}
	}
}

func TestSpecJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Spec
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(&back, s) {
			t.Fatalf("%s gives %+v, %v, want %+v", text, back, err, s)
		}
	})
}

func TestSpecJSONDefaults(t *testing.T) {
	var s Spec
	if err := json.Unmarshal([]byte(`{"points":{"armed":7}}`), &s); err != nil {
		t.Fatal(err)
	}
	want := DefaultSpec()
	want.Points.Armed = 7
	if !reflect.DeepEqual(&s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	// a profile has no defaults to mix with
	if err := json.Unmarshal([]byte(`{"profiles":[{"name":"a","channel":"b.c"}]}`), &s); err != nil || s.Profiles[0].Shape != "" {
		t.Errorf("got %+v, %v", s, err)
	}
	if err := json.Unmarshal([]byte(`{"signature":{"channels":["b.c"]}}`), &s); err != nil || !reflect.DeepEqual(s.Signature, SignatureSpec{Mean, []string{"b.c"}}) {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, none := range []string{"[]", "null"} {
		if err := json.Unmarshal([]byte(`{"signature":{"channels":`+none+`}}`), &s); err != nil || len(s.Signature.Channels) != 0 {
			t.Errorf("got %+v, %v", s, err)
		}
	}
}

func TestSpecJSONRefuses(t *testing.T) {
	tests := []string{
		``, `null`, `[]`, `1`, `{`, `{"targt":1}`, `{"target":0}`, `{"target":1.5}`, `{"target":"1"}`, `{"seed":-1}`, `{"seed":18446744073709551616}`,
		`{"resample":"cubic"}`, `{"points":{"infected_running":1}}`, `{"points":{"legs":1}}`, `{"profiles":[]}`, `{"profiles":[{"name":"a"}]}`,
		`{"profiles":[{"name":"a","channel":"b.c"},{"name":"a","channel":"b.c"}]}`, `{} {}`,
		`{"signature":{"chanels":[]}}`, `{"signature":{"channels":["b"]}}`, `{"signature":{"channels":["a.b","a.b"]}}`, `{"signature":{"resample":"x"}}`,
	}
	for _, text := range tests {
		before := DefaultSpec()
		if err := before.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s gives %+v", text, before)
		}
		if !reflect.DeepEqual(before, DefaultSpec()) {
			t.Errorf("%s changed the spec in spite of the error", text)
		}
	}
}

func TestParseSpec(t *testing.T) {
	tests := []struct {
		name, text string
		edit       func(*Spec) // what is other than the default
	}{
		{"empty", "", func(*Spec) {}},
		{"comments", "# nothing\n", func(*Spec) {}},
		{"only a marker", "---\n", func(*Spec) {}},
		{"empty mapping", "{}", func(*Spec) {}},
		{"scalars", "revision: 3\ntarget: 100000\nseed: 18446744073709551615\nresample: mean\n", func(s *Spec) {
			s.Revision, s.Target, s.Seed, s.Resample = 3, 100_000, 1<<64-1, Mean
		}},
		{"some points", "points: {armed: 7}", func(s *Spec) { s.Points.Armed = 7 }},
		{"all points", "points: {clean_lead: 1, armed: 2, infecting: 3, infected_running: 4, clean_tail: 5}", func(s *Spec) { s.Points = Points{1, 2, 3, 4, 5} }},
		{"slices left out", "points: {clean_lead: 0, armed: 0, infecting: 0, infected_running: 2, clean_tail: 0}", func(s *Spec) { s.Points = Points{InfectedRunning: 2} }},
		{"the fewest points of all slices", "points: {clean_lead: 1, armed: 1, infecting: 1, infected_running: 1, clean_tail: 1}", func(s *Spec) { s.Points = Points{1, 1, 1, 1, 1} }},
		{"profiles", "profiles:\n  - name: \"0\"\n    channel: net.tx.bytes\n  - {name: b, channel: a.b, shape: 'so # so', group: net}\n", func(s *Spec) {
			s.Profiles = []Profile{{Name: "0", Channel: "net.tx.bytes"}, {Name: "b", Channel: "a.b", Shape: "so # so", Group: "net"}}
		}},
		{"signature", "signature: {resample: linear, channels: [a.b, c.d]}", func(s *Spec) { s.Signature = SignatureSpec{Linear, []string{"a.b", "c.d"}} }},
		{"channels only", "signature: {channels: [a.b]}", func(s *Spec) { s.Signature.Channels = []string{"a.b"} }},
		{"no signature", "signature: {channels: []}", func(s *Spec) { s.Signature.Channels = []string{} }},
	}
	for _, test := range tests {
		want := DefaultSpec()
		test.edit(want)
		if got, err := ParseSpec([]byte(test.text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", test.name, got, err, want)
		}
	}
}

// TestParseSpecOfTheDocs parses the spec of the documents, which is the default apart from the profiles.
func TestParseSpecOfTheDocs(t *testing.T) {
	const text = `
revision: 1
target: 100            # N
seed: 0
resample: linear       # linear: as the Python program; mean: conservative (numerics.md)
points: {clean_lead: 10, armed: 5, infecting: 10, infected_running: 40, clean_tail: 15}
profiles:
  - {name: cpu-saturate, channel: proc.cpu_user_jiffies, shape: "sustained 1-vCPU peg (XMRig)"}
`
	want := DefaultSpec()
	want.Profiles = want.Profiles[:1]
	if got, err := ParseSpec([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestParseSpecNamesTheLine(t *testing.T) {
	tests := []struct{ text, want string }{
		{"target: 5\ntargt: 6\n", `line 2: targt: unknown key`},
		{"target: 5\nseed: 1\ntarget: 6\n", `line 3: target: the key is there twice`},
		{"\n\ntarget: 0\n", `line 3: target: 0 is not from 1`},
		{"seed: 1\ntarget: 100001\n", `line 2: target: 100001 is not`},
		{"target: 1.5\n", `line 1: target: want a decimal integer, have "1.5"`},
		{"target: '5'\n", `line 1: target: want a decimal integer`},
		{"target: 0x10\n", `line 1: target: want`},
		{"target: 010\n", `line 1: target: want`},
		{"target: 1_000\n", `line 1: target: want`},
		{"target: +5\n", `line 1: target: want`},
		{"target:\nseed: 1\n", `line 1: target: want`},
		{"target: 99999999999999999999\n", `line 1: target: want`},
		{"target: [1]\n", `line 1: target: want a decimal integer, have a list`},
		{"revision: x\n", `line 1: revision: want`},
		{"revision: -1\n", `line 1: revision: -1 is below 0`},
		{"target: 1\nseed: -1\n", `line 2: seed: want a decimal integer from 0 to 18446744073709551615, have "-1"`},
		{"seed: 18446744073709551616\n", `line 1: seed: want`},
		{"seed: 1e3\n", `line 1: seed: want`},
		{"seed: 007\n", `line 1: seed: want`},
		{"resample: cubic\n", `line 1: resample: resample "cubic"`},
		{"resample: 1\n", `line 1: resample: want text`},
		{"points:\n  armed: -2\n", `line 2: points.armed: -2 is not from 0`},
		{"points:\n  armed: 5\n  infecting: -1\n", `line 3: points.infecting: -1`},
		{"points:\n  legs: 4\n", `line 2: points.legs: unknown key`},
		{"points: {clean_lead: 0, armed: 0, infecting: 0, infected_running: 0, clean_tail: 0}\n", `line 1: points.infected_running: 0 is not from 2`},
		{"seed: 1\npoints:\n  armed: 99990\n", `line 2: points: 100065 points`},
		{"points: 80\n", `line 1: points: want keys and values, have "80"`},
		{"profiles: {}\n", `line 1: profiles: want a list`},
		{"seed: 1\nprofiles: []\n", `line 2: profiles: the list is empty`},
		{"profiles:\n  - {name: a, channel: b.c}\n  - {name: a, channel: b.c}\n", `line 3: profiles[1].name: profile "a" is there twice`},
		{"profiles:\n  - name: a\n    channel: b.c\n  - name: b\n    channel: bc\n", `line 5: profiles[1].channel: channel "bc" is not`},
		{"profiles:\n  - name: a\n    chanel: b.c\n", `line 3: profiles[0].chanel: unknown key`},
		{"profiles:\n  - name: a\n", `line 2: profiles[0].channel: channel is empty`},
		{"profiles:\n  - channel: a.b\n", `line 2: profiles[0].name: profile name is empty`},
		{"profiles:\n  - name: A.\n    channel: a.b\n", `line 2: profiles[0].name: profile name "A." does not match`},
		{"signature: mean\n", `line 1: signature: want keys and values, have "mean"`},
		{"signature:\n  resample: cubic\n", `line 2: signature.resample: resample "cubic"`},
		{"signature:\n  chanels: []\n", `line 2: signature.chanels: unknown key`},
		{"signature:\n  channels: a.b\n", `line 2: signature.channels: want a list`},
		{"signature:\n  channels:\n  - a.b\n  - 1\n", `line 4: signature.channels[1]: want text`},
		{"signature:\n  channels:\n  - a.b\n  - ab\n", `line 4: signature.channels[1]: channel "ab" is not`},
		{"signature:\n  channels:\n  - a.b\n  - a.b\n", `line 4: signature.channels[1]: channel "a.b" is there twice`},
		{"profiles:\n  - name: 1\n    channel: a.b\n", `line 2: profiles[0].name: want text, have "1"`},
		{"profiles:\n  - a\n", `line 2: profiles[0]: want keys and values, have "a"`},
		{"profiles:\n  - &a {name: a, channel: b.c}\n  - *a\n", `line 3: profiles[1]: want keys and values, have an alias`},
		{"profiles:\n  - {<<: {name: a}, channel: b.c}\n", `line 2: profiles[0].<<: unknown key`},
		{"target: 1\n[1]: 2\n", `line 2: ?: want a word for a key, have a list`},
		{"target: 1\n'': 2\n", `line 2: ?: want a word for a key, have ""`},
		{"points:\n  armed: 4\n  ? {a: b}\n  : 2\n", `line 3: points.?: want a word for a key, have keys and values`},
		{"- 1\n", `line 1: `},
		{"x\n", `line 1: `},
		{"target: 1\n---\ntarget: 2\n", `line 2: a second document`},
		{"target: 1\n---\n[\n", `line 3`},
		{"target: 1\n  seed: [\n", `line 2`},
		{"target: \"1\n", `line`},
	}
	for _, test := range tests {
		s, err := ParseSpec([]byte(test.text))
		if err == nil || !strings.HasPrefix(err.Error(), "parse spec") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q gives %+v and the error\n  %v\nwant\n  ...%s...", test.text, s, err, test.want)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add([]byte("revision: 1\ntarget: 100\nseed: 0\nresample: linear\npoints: {armed: 5}\nprofiles:\n- {name: a, channel: b.c, shape: x}\n"))
	f.Add([]byte("profiles:\n  - &a {name: a, channel: b.c}\n  - *a\n---\n"))
	f.Add([]byte(formatYAML))
	f.Add([]byte("points: {armed: 0}\nformat: {phases: {a: clean}, channels: {a.b: {scale: 1e-6}}, sources: {n: {member: x, rows: csv, unit: rfc3339}}}\n"))
	f.Add([]byte("? [a]\n: !!binary x\n<<: {}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSpec(text)
		if err != nil {
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("parsed, but %v", err)
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Spec
		if err := json.Unmarshal(again, &back); err != nil || back.Generation(nil, 0) != s.Generation(nil, 0) {
			t.Fatalf("%s gives %+v, %v", again, back, err)
		}
	})
}

// TestSpecOfManifests checks that the spec of the Kubernetes manifests is the default spec.
func TestSpecOfManifests(t *testing.T) {
	document, err := os.ReadFile("../k8s/base/spec.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseSpec(document)
	if err != nil {
		t.Fatal(err)
	}
	if want := DefaultSpec(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
