package fit

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type testLimits struct {
	Bytes int64 `json:"bytes"`
	Rows  int   `json:"rows"`
}

func TestGeneration(t *testing.T) {
	limits := testLimits{Bytes: 1 << 30, Rows: 1_000_000}
	base := DefaultSpec().Generation(limits, 0)
	if _, err := ParseGeneration(string(base)); err != nil {
		t.Error(err)
	}
	if !regexp.MustCompile(`^[a-z0-9]{10}$`).MatchString(string(base)) {
		t.Errorf("%q is not ten of [a-z0-9]", base)
	}

	seen := map[Generation]string{base: "the default"}
	differs := func(what string, g Generation) {
		if other, ok := seen[g]; ok {
			t.Errorf("%s and %s have the generation %s", what, other, g)
		}
		seen[g] = what
	}
	edited := func(edit func(*Spec)) Generation {
		s := DefaultSpec()
		edit(s)
		return s.Generation(limits, 0)
	}
	differs("target", edited(func(s *Spec) { s.Target = 101 }))
	differs("seed", edited(func(s *Spec) { s.Seed = 1 }))
	differs("resample", edited(func(s *Spec) { s.Resample = Mean }))
	differs("clean_lead", edited(func(s *Spec) { s.Points.CleanLead++ }))
	differs("armed", edited(func(s *Spec) { s.Points.Armed++ }))
	differs("infecting", edited(func(s *Spec) { s.Points.Infecting++ }))
	differs("infected_running", edited(func(s *Spec) { s.Points.InfectedRunning++ }))
	differs("clean_tail", edited(func(s *Spec) { s.Points.CleanTail++ }))
	differs("a profile fewer", edited(func(s *Spec) { s.Profiles = s.Profiles[1:] }))
	differs("a name", edited(func(s *Spec) { s.Profiles[0].Name = "other" }))
	differs("a channel", edited(func(s *Spec) { s.Profiles[0].Channel = "proc.other" }))
	differs("how signatures are resampled", edited(func(s *Spec) { s.Signature.Resample = Linear }))
	differs("signature channels", edited(func(s *Spec) { s.Signature.Channels = s.Signature.Channels[1:] }))
	differs("order of signature channels", edited(func(s *Spec) { slices.Reverse(s.Signature.Channels) }))
	differs("no signature", edited(func(s *Spec) { s.Signature.Channels = nil }))
	differs("epoch", DefaultSpec().Generation(limits, 1))
	differs("limits", DefaultSpec().Generation(testLimits{Bytes: 1 << 30, Rows: 5}, 0))
	differs("no limits", DefaultSpec().Generation(nil, 0))

	none := edited(func(s *Spec) { s.Signature.Channels = []string{} })
	if none != edited(func(s *Spec) { s.Signature.Channels = nil }) {
		t.Error("an empty list of signature channels and nil have different generations")
	}

	same := func(what string, g Generation) {
		if g != base {
			t.Errorf("%s changes the generation", what)
		}
	}
	same("revision", edited(func(s *Spec) { s.Revision = 7 }))
	same("shape", edited(func(s *Spec) { s.Profiles[0].Shape = "other" }))
	same("order of limits", DefaultSpec().Generation(struct {
		Rows  int   `json:"rows"`
		Bytes int64 `json:"bytes"`
	}{1_000_000, 1 << 30}, 0))
	same("limits in a map", DefaultSpec().Generation(map[string]any{"rows": 1_000_000, "bytes": 1 << 30}, 0))
}

func TestGenerationOfYAML(t *testing.T) {
	texts := []string{
		"target: 7\nseed: 3\npoints: {armed: 6, clean_lead: 9}\nprofiles:\n- {name: a, channel: b.c, shape: x}\n",
		"profiles: [{channel: b.c, name: a}]\npoints:\n  clean_lead: 9\n  armed: 6\nrevision: 12\nseed: 3\ntarget: 7\n",
	}
	var generations []Generation
	for _, text := range texts {
		s, err := ParseSpec([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		generations = append(generations, s.Generation(testLimits{}, 0))
	}
	if generations[0] != generations[1] {
		t.Errorf("the order of keys makes %s and %s", generations[0], generations[1])
	}
}

// These must change if codeVersion is raised, and only then.
func TestGenerationIsStable(t *testing.T) {
	if got, want := DefaultSpec().Generation(testLimits{Bytes: 1, Rows: 2}, 3), Generation("ddjpbgtxeu"); got != want {
		t.Errorf("generation = %s, want %s", got, want)
	}
	const text = `{"code":4,"epoch":3,"format":{"channels":{"b.c":{"field":"c","kind":"gauge","scale":1}},"labels":{"member":"labels.jsonl",` +
		`"phase":"phase","time":"t_wall_ns","unit":"ns"},"meta":{"duration":"result.duration_observed_s","member":"meta.json","unit":"s"},"phases":{},` +
		`"sources":{"b":{"member":"telemetry-b.jsonl","rows":"jsonl","time":"t_wall_ns","unit":"ns"}},"suffixes":[".tar.zst"]},"limits":{"bytes":1,"rows":2},"points":{"armed":5,"clean_lead":10,"clean_tail":15,"infected_running":40,` +
		`"infecting":10},"profiles":[{"channel":"b.c","name":"a"}],` +
		`"quality":{"counter_events":0.05,"max_duration":100,"min_points":1,"min_span":1,"rows_dropped":0.25},"resample":"linear","seed":18446744073709551615,` +
		`"signature":{"channels":["b.c"],"resample":"mean"},"target":100}`
	s := DefaultSpec()
	s.Seed = 1<<64 - 1
	s.Profiles = []Profile{{Name: "a", Channel: "b.c", Shape: "shape", Group: "group"}}
	s.Signature.Channels = []string{"b.c"}
	if got := string(s.canonical(testLimits{Bytes: 1, Rows: 2}, 3)); got != text {
		t.Errorf("canonical JSON\n%s\nwant\n%s", got, text)
	}
}

func TestGenerationSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Spec
		if err := back.UnmarshalJSON(text); err != nil {
			t.Fatal(err)
		}
		if back.Generation(nil, 0) != s.Generation(nil, 0) {
			t.Fatalf("%s has another generation", text)
		}
	})
}

func TestGenerationOfBadLimits(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("limits without a JSON form do not panic")
		}
	}()
	DefaultSpec().Generation(func() {}, 0)
}

func TestParseGenerationRefuses(t *testing.T) {
	for _, text := range []string{"", "abc", "abcdefghijk", "ABCDEFGHIJ", "abcde.ghij"} {
		if g, err := ParseGeneration(text); err == nil {
			t.Errorf("%q gives %s", text, g)
		}
	}
}
